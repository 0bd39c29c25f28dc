"""The forms of the people page: who is shown, which role for which master accounts, who is invited, who joins."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django import forms

from trunks.forms.choices import NO_CHOICE
from trunks.models import MasterAccount, Role, RoleGrant, User
from trunks.workflow.invitations import NAME_MAX_LENGTH, Offer

ALL = "all"
ACTIVE, DEACTIVATED = "active", "deactivated"
SHOW = [(ACTIVE, "Active"), (DEACTIVATED, "Deactivated"), (ALL, "All")]
EVERY_MASTER = "All master accounts, those connected later included"


class PeopleFilter(forms.Form):
    """Which people a list shows. A value that cannot be understood filters nothing."""

    q = forms.CharField(label="Search", required=False, max_length=255)
    show = forms.ChoiceField(label="Show", choices=SHOW, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["q"].widget.attrs |= {"type": "search", "placeholder": "Name or e-mail"}
        self.is_valid()

    @property
    def wanted(self) -> str:
        return str(self.cleaned_data.get("q", ""))

    @property
    def shown(self) -> str:
        return self.cleaned_data.get("show") or ACTIVE

    @property
    def narrowed(self) -> bool:
        return bool(self.wanted) or self.shown != ACTIVE


class MastersForm(forms.Form):
    """For which master accounts, and until when: what granting and inviting have in common."""

    masters = forms.MultipleChoiceField(
        label="For",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose for which master accounts, or all of them."} | NO_CHOICE,
    )
    ends_on = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="In UTC, that day included. Empty: until it is revoked.",
    )

    use_required_attribute = False

    def __init__(
        self, *args: Any, administered: Iterable[MasterAccount], all_masters: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._masters = {str(master.pk): master for master in administered}
        named = [(key, str(master)) for key, master in self._masters.items()]
        choices = [(ALL, EVERY_MASTER), *named] if all_masters else named
        field = self.fields["masters"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  # for the type checker
        field.choices = choices
        if len(choices) == 1:
            field.initial = [choices[0][0]]

    @property
    def chosen_masters(self) -> list[MasterAccount | None]:
        """Return the masters that were chosen; None alone stands for all of them."""
        keys = self.cleaned_data["masters"]
        return [None] if ALL in keys else [self._masters[key] for key in keys]

    @property
    def last_day(self) -> date | None:
        day: date | None = self.cleaned_data["ends_on"]
        return day


class GrantForm(MastersForm):
    """One role for somebody who has an account."""

    role = forms.ChoiceField(choices=Role.choices, error_messages=NO_CHOICE)
    field_order = ("role", "masters", "ends_on")

    @property
    def chosen_role(self) -> Role:
        return Role(self.cleaned_data["role"])


class InviteForm(MastersForm):
    """An address, and what its owner is to be."""

    email = forms.EmailField(
        label="E-mail address",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": "Enter the e-mail address.",
            "invalid": "Enter a valid e-mail address.",
        },
    )
    name = forms.CharField(
        max_length=NAME_MAX_LENGTH,
        required=False,
        help_text="They can change it when they accept.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    roles = forms.MultipleChoiceField(
        choices=Role.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one role."} | NO_CHOICE,
    )
    field_order = ("email", "name", "roles", "masters", "ends_on")

    @property
    def offer(self) -> Offer:
        return Offer(
            email=self.cleaned_data["email"],
            name=self.cleaned_data["name"],
            wanted=[Role(role) for role in self.cleaned_data["roles"]],
            masters=self.chosen_masters,
            ends_on=self.last_day,
        )


class JoinForm(forms.Form):
    """What an invited person adds: their name, and a password of their choice."""

    name = forms.CharField(
        label="Your name",
        max_length=NAME_MAX_LENGTH,
        help_text="It is shown beside everything you do.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password1 = forms.CharField(
        label="Password",
        strip=False,
        help_text="At least 12 characters, and not one that is on the lists of common ones.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password2 = forms.CharField(
        label="Password, once more",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    use_required_attribute = False

    def clean(self) -> dict[str, Any]:
        first, second = (self.cleaned_data.get(name) for name in ("password1", "password2"))
        if first and second and first != second:
            self.add_error("password2", "The two passwords are not the same.")
        return self.cleaned_data


def held(person: User, grants: Iterable[RoleGrant]) -> list[RoleGrant]:
    """Return the person's grants that the viewer may know of: in force first, then by role."""
    order = {role.value: number for number, role in enumerate(Role)}
    theirs = [grant for grant in grants if grant.user_id == person.pk]
    return sorted(theirs, key=lambda grant: (grant.has_ended, order[grant.role], str(grant.master or "")))
