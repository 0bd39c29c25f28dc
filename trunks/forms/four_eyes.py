"""What the report on the rule of four eyes is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils import timezone

from trunks.audit_population import QUICK_SECONDS
from trunks.models import MasterAccount

PERIODS = [
    ("1", "This month"),
    ("3", "3 months"),
    ("6", "6 months"),
    ("12", "12 months"),
    ("24", "24 months"),
]


class ReportFilter(forms.Form):
    """A master account, a period that ends now, and what counts as too quick. Months are those of UTC."""

    master = forms.ModelChoiceField(
        MasterAccount.objects.none(), label="Master account", required=False, empty_label="All"
    )
    months = forms.ChoiceField(label="Period", choices=PERIODS, required=False)
    seconds = forms.IntegerField(
        label="Too quick: under (seconds)", min_value=1, max_value=86400, required=False
    )

    def __init__(self, data: Any, *, masters: Any) -> None:
        given = {"months": "12", "seconds": str(QUICK_SECONDS)} | {
            key: value for key, value in data.items() if value
        }
        super().__init__(given)
        self.fields["master"].queryset = masters  # type: ignore[attr-defined]  # it is a ModelChoiceField
        self.is_valid()

    @property
    def quick(self) -> int:
        return int(self.cleaned_data.get("seconds") or QUICK_SECONDS)

    @property
    def chosen(self) -> MasterAccount | None:
        master: MasterAccount | None = self.cleaned_data.get("master")
        return master

    def about(self) -> list[int]:
        """Return the master accounts that are looked at: the chosen one, or all that the reader may choose."""
        if self.chosen:
            return [self.chosen.pk]
        return list(self.fields["master"].queryset.values_list("pk", flat=True))  # type: ignore[attr-defined]

    def months_shown(self) -> list[datetime]:
        """Return the beginning of each month of the period, oldest first."""
        here = timezone.now().astimezone(UTC)
        last = here.year * 12 + here.month - 1
        count = int(self.cleaned_data.get("months") or 12)
        return [
            datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
            for month in range(last - count + 1, last + 1)
        ]
