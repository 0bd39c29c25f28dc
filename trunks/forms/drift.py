"""The filter of the page of differences between Zoom's lists and what the portal believes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from trunks.forms.estate import master_choice
from trunks.models import ListedTrunk, MasterAccount, SubAccount
from trunks.models.drift import ALARMING, Drift

EVERY_ALARM = "Everything to look into"


class DriftFilter(forms.Form):
    """Which differences the page shows. A value that cannot be understood filters nothing."""

    q = forms.CharField(label="Search", required=False, max_length=255)
    kind = forms.ChoiceField(label="Show", choices=[("", EVERY_ALARM), *Drift.choices], required=False)

    def __init__(self, *args: Any, masters: QuerySet[MasterAccount], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["q"].widget.attrs |= {"type": "search", "placeholder": "Name, Zoom id or DNIS"}
        self.fields["master"] = master_choice(masters)
        self.several_masters = masters.count() > 1
        self.is_valid()

    @property
    def wanted(self) -> str:
        return str(self.cleaned_data.get("q", ""))

    @property
    def kinds(self) -> Sequence[str]:
        kind = self.cleaned_data.get("kind")
        return [kind] if kind else ALARMING

    @property
    def narrowed(self) -> bool:
        """Say whether the list may be empty only because of the filters."""
        return any(self.cleaned_data.get(name) for name in ("q", "kind", "master"))

    def of_master(self, accounts: QuerySet[SubAccount]) -> QuerySet[SubAccount]:
        """Return those of the sub accounts that are of the chosen master account."""
        master = self.cleaned_data.get("master")
        return accounts.filter(master=master) if master else accounts

    def apply(self, rows: QuerySet[ListedTrunk]) -> QuerySet[ListedTrunk]:
        """Return the rows whose sub account's name or Zoom id holds `q`, or whose DNIS begins with it."""
        if not self.wanted:
            return rows
        named = Q(sub_account__name__icontains=self.wanted) | Q(sub_account__zoom_id__icontains=self.wanted)
        return rows.filter(named | Q(dnis__startswith=self.wanted))
