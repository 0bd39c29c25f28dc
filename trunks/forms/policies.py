"""The form of an approval policy: numbers of approvals, and what raises them."""

from __future__ import annotations

from typing import Any

from django import forms

from trunks.forms.decisions import VersionField
from trunks.models import ApprovalPolicy, MasterAccount
from trunks.models.approval_policy import RULES
from trunks.workflow.approval_rules import DAY_NAMES, approvals

NUMBERS = [(number, approvals(number)) for number in (1, 2, 3)]
RAISED = [(0, "no change"), *NUMBERS[1:]]
CHOOSE = {"invalid_choice": "Choose one of the numbers that are offered.", "required": "Choose a number."}


def _raised(label: str) -> forms.TypedChoiceField:
    none: Any = 0
    return forms.TypedChoiceField(
        label=label, choices=RAISED, coerce=int, required=False, empty_value=none, error_messages=CHOOSE
    )


class PolicyForm(forms.Form):
    """The rules as they are typed. What may be saved is the workflow's to say."""

    version = VersionField()
    approvals = forms.TypedChoiceField(
        label="Every request takes", choices=NUMBERS, coerce=int, error_messages=CHOOSE
    )
    many_lines = forms.IntegerField(
        label="Many lines are more than", min_value=1, max_value=30, required=False
    )
    many_lines_approvals = _raised("With many lines")
    new_caller_id_approvals = _raised("Caller ID not seen before for the sub account")
    first_trunk_approvals = _raised("First trunk of a sub account")
    unassign_approvals = _raised("Unassigning trunks")
    change_approvals = _raised("Changing trunks")
    off_hours_approvals = _raised("Filed outside working hours")
    opens = forms.TimeField(label="From", required=False)
    closes = forms.TimeField(label="Until", required=False)
    days = forms.MultipleChoiceField(
        label="Working days",
        choices=[(str(number), name) for number, name in enumerate(DAY_NAMES, start=1)],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    zone = forms.CharField(
        label="Time zone", max_length=64, required=False, help_text="Such as Europe/Madrid."
    )

    use_required_attribute = False

    def policy(self, master: MasterAccount) -> ApprovalPolicy:
        """Return what was typed as a policy that is not saved; what was left out is as a new policy has it."""
        typed: dict[str, Any] = {name: self.cleaned_data[name] for name in RULES}
        typed["days"] = "".join(sorted(typed["days"]))
        given = {name: value for name, value in typed.items() if value not in (None, "") or name == "days"}
        return ApprovalPolicy(master=master, **given)


def initial_of(policy: ApprovalPolicy) -> dict[str, Any]:
    """Return a policy as the form's initial values."""
    return policy.rules() | {"days": list(policy.days), "version": policy.version}
