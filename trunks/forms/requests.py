"""The request form: whom for, why, and the lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.utils.functional import cached_property

from trunks import access
from trunks.forms.choices import MAX_OPTIONS, NO_CHOICE, NOT_A_CHOICE, offered_sub_accounts, sub_account_label
from trunks.forms.decisions import VersionField
from trunks.forms.lines import LineForm, posted_lines
from trunks.forms.present import Present, present_of
from trunks.forms.problems import Problem, of_fields, show
from trunks.forms.why import WhyForm
from trunks.models import MAX_LINES, Kind, MasterAccount, MasterTrunk, SubAccount, TrunkRequest, User
from trunks.workflow import filing
from trunks.workflow.drafts import Draft, checkable
from trunks.workflow.errors import Problems

SPARE_LINES = 3
_LINE_KEY = re.compile(r"lines-([0-9]+)-([a-z_]+)\Z")


class RequestForm(WhyForm):
    """What is asked for. `problems` of the workflow are shown beside the fields they belong to."""

    master: forms.ModelChoiceField[MasterAccount] = forms.ModelChoiceField(
        label="Master account",
        queryset=MasterAccount.objects.none(),
        required=False,
        empty_label=None,
        error_messages=NO_CHOICE,
    )
    sub_account: forms.ModelChoiceField[SubAccount] = forms.ModelChoiceField(
        label="Sub account",
        queryset=SubAccount.objects.none(),
        error_messages={"required": "Choose a sub account."} | NO_CHOICE,
    )
    kind = forms.ChoiceField(
        label="What is to be done",
        choices=Kind.choices,
        initial=Kind.ASSIGN,
        required=False,
        widget=forms.RadioSelect,
        error_messages=NO_CHOICE,
    )
    version = VersionField()

    field_order = ("master", "sub_account", "kind", "reason", "not_before", "ticket", "version")
    use_required_attribute = False
    most_lines = MAX_LINES

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        user: User,
        amending: TrunkRequest | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.shortest, self.longest = settings.DNIS_PREFIX_LENGTH, settings.DNIS_MAX_LENGTH
        self.user = user
        self.amending = amending
        self.masters = list(access.fileable_masters(user))
        trunks = access.master_trunks_for(user).filter(master__in=self.masters)
        self.trunks = {str(trunk.pk): trunk for trunk in trunks}
        self.typed = posted_lines(self.data if self.is_bound else self.initial)
        self._choose_master()
        self._offer_sub_accounts()
        self._build_lines()
        if amending is None:
            del self.fields["version"]

    # --- what is offered -----------------------------------------------------------------------------------------

    def _choose_master(self) -> None:
        several = len(self.masters) > 1 and self.amending is None
        self.chosen_master = self.amending.master if self.amending else self._asked_master()
        field: Any = self.fields["master"]
        field.queryset = access.fileable_masters(self.user)
        if not several:
            del self.fields["master"]
        elif self.chosen_master:
            self.initial["master"] = self.chosen_master.pk

    def _asked_master(self) -> MasterAccount | None:
        """Return the master account asked for, else that of the sub account or the trunk, else the first.

        Asked of the values and not of the bound field, which would remember its first answer and be drawn with that.
        """
        asked = str((self.data if self.is_bound else self.initial).get("master") or "")
        if not asked:
            chosen_rows = (self.chosen_sub_account, self._first_trunk())
            asked = next((str(row.master_id) for row in chosen_rows if row), "")
        chosen = [master for master in self.masters if str(master.pk) == asked]
        return next(iter(chosen or self.masters), None)

    @cached_property
    def chosen_sub_account(self) -> SubAccount | None:
        asked = str(self["sub_account"].value() or "")
        return self.sub_accounts().filter(pk=asked).first() if re.fullmatch("[0-9]{1,18}", asked) else None

    def sub_accounts(self) -> QuerySet[SubAccount]:
        """Return every sub account the person may file for, gone ones included: the workflow says so then."""
        return access.sub_accounts_for(self.user).filter(master__in=self.masters)

    def _offer_sub_accounts(self) -> None:
        field: Any = self.fields["sub_account"]
        field.queryset = self.sub_accounts()
        offered = list(offered_sub_accounts(self.user, self.chosen_master, ""))
        self.more_sub_accounts = len(offered) > MAX_OPTIONS
        asked = self.chosen_sub_account
        if asked and asked not in offered[:MAX_OPTIONS]:
            offered.insert(0, asked)
        choices = [("", "Choose a sub account")] if offered else [("", "No sub account is known yet")]
        choices += [(str(row.pk), sub_account_label(row)) for row in offered[:MAX_OPTIONS]]
        field.widget.choices = choices

    def _first_trunk(self) -> MasterTrunk | None:
        asked = (self.trunks.get(str(line.get("trunk"))) for line in self.typed.values())
        return next(filter(None, asked), None)

    def _build_lines(self) -> None:
        trunks = self.trunks.values()
        self.offered = [row for row in trunks if row.master == self.chosen_master and not row.gone_at]
        typed = dict(self.typed)
        if not self.is_bound or not typed:
            typed |= {n: {} for n in range(max(typed, default=-1) + 1, max(SPARE_LINES, len(typed)))}
        numbered = enumerate(typed.items(), start=1)
        self.lines = [self._line(index, number, values) for number, (index, values) in numbered]
        self.blank_line = self._line("NEW", 0, {}, bound=False)

    def _line(
        self, index: int | str, number: int, values: Mapping[str, Any], *, bound: bool = True
    ) -> LineForm:
        return LineForm(
            self.data if self.is_bound and bound else None,
            initial=values,
            prefix=f"lines-{index}",
            kind=self.chosen_kind,
            trunks=self.trunks,
            offered=self.offered,
            number=number,
        )

    @property
    def chosen_kind(self) -> str:
        return str(self["kind"].value() or Kind.ASSIGN)

    @cached_property
    def present(self) -> Present | None:
        """Return what the chosen sub account has, where the kind is about that."""
        account = None if self.chosen_kind == Kind.ASSIGN else self.chosen_sub_account
        return present_of(account, self.trunks.values()) if account else None

    # --- what was typed ------------------------------------------------------------------------------------------

    def clean_kind(self) -> str:
        return self.cleaned_data["kind"] or Kind.ASSIGN

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self.asked = [line for line in self.lines if not line.is_blank]
        for line in self.asked:
            line.full_clean()
        sub_account = cleaned.get("sub_account")
        if sub_account and cleaned.get("master") not in (None, sub_account.master):
            self.add_error("sub_account", NOT_A_CHOICE)
        return cleaned

    def is_valid(self) -> bool:
        """Say whether a draft can be made of it. Whether its content may be asked for is the verb's to say."""
        if super().is_valid() and not any(line.errors for line in self.asked):
            return True
        draft = checkable(self.draft(), self.chosen_master)
        self.show(filing.problems(draft, actor=self.user, amending=self.amending))
        return False

    def draft(self) -> Draft:
        """Return what was typed, for the workflow."""
        typed = self.cleaned_data
        return Draft(
            sub_account=typed.get("sub_account"),
            kind=typed.get("kind", ""),
            reason=typed.get("reason", ""),
            ticket=typed.get("ticket", ""),
            lines=[line.draft() for line in self.asked],
            not_before=typed.get("not_before"),
        )

    def show(self, problems: Problems) -> None:
        """Put the workflow's sentences beside the fields of the form and of its lines."""
        for name, sentences in problems.items():
            if match := _LINE_KEY.match(name):
                show(self.asked[int(match[1])], {match[2]: sentences})
            else:
                show(self, {name: sentences})

    def summary(self) -> list[Problem]:
        """Return every problem in the order of the page, each with the id of its field."""
        if not self.is_bound:
            return []
        found = of_fields(self) + [Problem(str(text), "lines") for text in self.non_field_errors()]
        for line in self.asked:
            found += [Problem(f"Line {line.number}, {one.text}", one.anchor) for one in of_fields(line)]
        return found


def initial_of(trunk_request: TrunkRequest) -> dict[str, Any]:
    """Return a request's content as the form's initial values."""
    values: dict[str, Any] = {
        "sub_account": trunk_request.sub_account_id,
        "kind": trunk_request.kind,
        "reason": trunk_request.reason,
        "ticket": trunk_request.ticket,
        "not_before": trunk_request.not_before,
        "version": trunk_request.version,
    }
    for number, line in enumerate(trunk_request.lines.all()):
        values[f"lines-{number}-trunk"] = line.trunk_id
        values[f"lines-{number}-dnis"] = line.dnis
        values[f"lines-{number}-outbound_caller_id"] = line.outbound_caller_id
        values[f"lines-{number}-current_dnis"] = line.current_dnis
    return values
