"""The filters of the audit trail."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone

from trunks import audit
from trunks.actions import Action
from trunks.forms.estate import master_choice
from trunks.models import MasterAccount, User

OBJECTS = [
    ("", "Anything"),
    ("trunkrequest", "Trunk requests"),
    ("masteraccount", "Master accounts"),
    ("subaccount", "Sub accounts"),
    ("mastertrunk", "Master trunks"),
    ("user", "People"),
    ("writestop", "Stops of writing"),
]
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class AuditFilter(forms.Form):
    """What a reader asks of the trail. Days are those of the reader's own zone, both inclusive."""

    q = forms.CharField(label="Search", required=False, max_length=200)
    object_type = forms.ChoiceField(label="Kind of object", required=False, choices=OBJECTS)
    object_id = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    since = forms.DateField(label="From", required=False, widget=DAY)
    until = forms.DateField(label="To", required=False, widget=DAY)

    def __init__(self, *args: Any, user: User, masters: QuerySet[MasterAccount], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["q"].widget.attrs |= {"type": "search", "placeholder": "Object, comment or person"}
        people = [("", "Everybody"), *((str(person.pk), str(person)) for person in audit.people(user))]
        deeds = [("", "Everything"), *((action.value, action.sentence) for action in Action)]
        self.fields["actor"] = forms.ChoiceField(label="Person", required=False, choices=people)
        self.fields["action"] = forms.ChoiceField(label="Action", required=False, choices=deeds)
        self.fields["master"] = master_choice(masters)
        self.order_fields(["q", "actor", "action", "since", "until", "object_type", "master"])

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        since, until = values.get("since"), values.get("until")
        if since and until and since > until:
            self.add_error("until", ValidationError("The last day lies before the first."))
        return values

    def filters(self) -> audit.Filters:
        """Return what was asked; a field that holds an error is left out (see `errors`)."""
        self.is_valid()
        values = self.cleaned_data
        master = values.get("master")
        return audit.Filters(
            actor=int(values["actor"]) if values.get("actor") else None,
            actions=(values["action"],) if values.get("action") else (),
            object_type=values.get("object_type", ""),
            object_id=values.get("object_id", ""),
            since=_midnight(values.get("since")),
            until=_midnight(values.get("until"), days=1),
            master=master.pk if master else None,
            q=values.get("q", ""),
        )


def _midnight(day: date | None, *, days: int = 0) -> datetime | None:
    """Return when that day (or the one `days` later) begins in the reader's zone."""
    if day is None:
        return None
    try:
        return timezone.make_aware(datetime.combine(day + timedelta(days=days), time.min)).astimezone(UTC)
    except OverflowError:  # the year 9999, or the year 1 east of Greenwich
        return None
