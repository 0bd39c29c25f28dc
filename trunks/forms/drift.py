"""The filter of the page of differences between Zoom's lists and what the portal believes."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms
from django.db.models import Q, QuerySet

from trunks.forms.estate import MastersFilter
from trunks.models import ListedTrunk, SubAccount
from trunks.models.drift import ALARMING, Drift

EVERY_ALARM = "Everything to look into"


class DriftFilter(MastersFilter):
    """Which differences the page shows."""

    kind = forms.ChoiceField(label="Show", choices=[("", EVERY_ALARM), *Drift.choices], required=False)

    @property
    def kinds(self) -> Sequence[str]:
        kind = self.cleaned_data.get("kind")
        return [kind] if kind else ALARMING

    @property
    def narrowed(self) -> bool:
        """Say whether the list may be empty only because of the filters."""
        return any(self.cleaned_data.get(name) for name in ("q", "kind", "master"))

    def apply(self, rows: QuerySet[ListedTrunk]) -> QuerySet[ListedTrunk]:
        """Return the rows whose sub account's name or Zoom id holds `q`, or whose DNIS begins with it."""
        if not self.wanted:
            return rows
        words = Q(name__icontains=self.wanted) | Q(zoom_id__icontains=self.wanted)
        named = SubAccount.objects.filter(words).order_by().values("pk")
        return rows.filter(Q(sub_account__in=named) | Q(dnis__startswith=self.wanted))
