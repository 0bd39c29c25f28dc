"""The form by which a supervisor lets somebody decide on their behalf."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone

from trunks import access
from trunks.forms.choices import NO_CHOICE
from trunks.models import STAND_INS, MasterAccount, Role, RoleGrant, User
from trunks.workflow.delegating import REASON_MAX_LENGTH, Terms

ALL = "all"


class DelegationForm(forms.Form):
    """To whom, for which of one's master accounts, from when until when, and why."""

    receiver = forms.ModelChoiceField(
        label="To",
        queryset=User.objects.none(),
        empty_label="Choose a person",
        error_messages={"required": "Choose who is to decide on your behalf."} | NO_CHOICE,
    )
    masters = forms.MultipleChoiceField(
        label="For",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose for which master accounts, or all that you supervise."}
        | NO_CHOICE,
    )
    begins_on = forms.DateField(
        label="First day",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text="In UTC.",
        error_messages={"required": "Choose the first day."},
    )
    ends_on = forms.DateField(
        label="Last day",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text="In UTC, that day included.",
        error_messages={"required": "Choose the last day."},
    )
    reason = forms.CharField(
        max_length=REASON_MAX_LENGTH,
        help_text="Such as holiday or illness. It is shown beside each decision.",
        error_messages={"required": "Say why: it is shown beside every decision made by it."},
    )

    use_required_attribute = False

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("begins_on", timezone.now().date())
        supervised = access.masters_where(user, Role.SUPERVISOR).order_by("name")
        self._masters = {str(master.pk): master for master in supervised}
        receiver, masters = self.fields["receiver"], self.fields["masters"]
        assert isinstance(receiver, forms.ModelChoiceField)  # noqa: S101  # for the type checker
        receiver.queryset = _stand_ins(user, supervised)
        assert isinstance(masters, forms.MultipleChoiceField)  # noqa: S101  # for the type checker
        named = [(key, str(master)) for key, master in self._masters.items()]
        masters.choices = [(ALL, "All that I supervise"), *named]
        masters.initial = [ALL]

    @property
    def terms(self) -> Terms:
        chosen = self.cleaned_data["masters"]
        return Terms(
            receiver=self.cleaned_data["receiver"],
            begins_on=self.cleaned_data["begins_on"],
            ends_on=self.cleaned_data["ends_on"],
            reason=self.cleaned_data["reason"],
            masters=[] if ALL in chosen else [self._masters[key] for key in chosen],
        )


def _stand_ins(user: User, supervised: QuerySet[MasterAccount]) -> QuerySet[User]:
    for_one = Q(master=None) | Q(master__in=supervised)
    held = RoleGrant.objects.in_force().filter(for_one, role__in=STAND_INS).values("user")
    return User.objects.filter(pk__in=held, is_active=True).exclude(pk=user.pk).order_by("name", "pk")
