"""The filters of the estate's lists, and the form that connects a master account."""

from __future__ import annotations

from typing import Any, TypeVar

from django import forms
from django.db.models import Model, QuerySet

from trunks.models import MasterAccount, RatePlan

Row = TypeVar("Row", bound=Model)

PRESENT, GONE, ALL = "present", "gone", "all"
SHOW = [(PRESENT, "At Zoom now"), (GONE, "Gone from Zoom"), (ALL, "All")]


def master_choice(masters: QuerySet[MasterAccount]) -> forms.ModelChoiceField[MasterAccount]:
    return forms.ModelChoiceField(masters, label="Master account", required=False, empty_label="All")


class MastersFilter(forms.Form):
    """Words, and one of the master accounts. A value that cannot be understood filters nothing."""

    q = forms.CharField(label="Search", required=False, max_length=255)

    def __init__(self, *args: Any, masters: QuerySet[MasterAccount], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["q"].widget.attrs |= {"type": "search", "placeholder": "Name, Zoom id or DNIS"}
        self.fields["master"] = master_choice(masters)
        self.several_masters = masters.count() > 1
        self.is_valid()

    @property
    def wanted(self) -> str:
        return str(self.cleaned_data.get("q", ""))

    def of_master(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """Return those of the rows that are of the chosen master account."""
        master = self.cleaned_data.get("master")
        return rows.filter(master=master) if master else rows


class EstateFilter(MastersFilter):
    """What a list of the estate shows."""

    show = forms.ChoiceField(label="Show", choices=SHOW, required=False)

    @property
    def narrowed(self) -> bool:
        """Say whether the list may be empty only because of the filters."""
        return bool(self.wanted or self.cleaned_data.get("master") or self.shown != PRESENT)

    @property
    def shown(self) -> str:
        return self.cleaned_data.get("show") or PRESENT

    def apply(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows (of a model that mirrors Zoom) that the filters besides `q` let through."""
        if self.shown != ALL:
            rows = rows.filter(gone_at__isnull=self.shown == PRESENT)
        return self.of_master(rows)


class ConnectForm(forms.Form):
    """The credentials of a server-to-server app. The secret is never drawn back into the page."""

    name = forms.CharField(
        max_length=120, help_text="What the portal calls this account, such as the country or the contract."
    )
    account_id = forms.CharField(
        label="Account ID",
        max_length=64,
        help_text="From the app's page in Zoom's marketplace: App credentials.",
    )
    client_id = forms.CharField(label="Client ID", max_length=200)
    client_secret = forms.CharField(
        label="Client secret",
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Stored encrypted, and never shown again.",
    )
    rate_plan = forms.ChoiceField(
        label="Zoom's rate plan",
        choices=RatePlan.choices,
        help_text="Decides how many calls a second the portal allows itself.",
    )
    rate_share = forms.IntegerField(
        label="Share of the rate limit, in percent",
        min_value=1,
        max_value=100,
        required=False,
        help_text="All apps of the account share Zoom's limit. Empty: all of it, or what was set before.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "account_id", "client_id"):
            self.fields[name].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}

    @property
    def credentials(self) -> dict[str, Any]:
        """Return what `workflow.connecting.connect` takes."""
        return dict(self.cleaned_data)
