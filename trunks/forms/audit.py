"""The filters of the audit trail, and the form that keeps them under a name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from trunks import access, audit
from trunks.actions import Action, Outcome
from trunks.audit_index import STEP, Facet, Standing
from trunks.audit_reading import READERS
from trunks.forms.choices import NO_CHOICE
from trunks.forms.selects import (
    Known,
    Loose,
    QuickCheck,
    QuickDate,
    QuickHidden,
    QuickInput,
    QuickSelect,
    QuickSelectMany,
    sharing_fields,
)
from trunks.models import SavedView, User

OBJECTS = [
    ("", "Anything"),
    ("trunkrequest", "Trunk requests"),
    ("masteraccount", "Master accounts"),
    ("subaccount", "Sub accounts"),
    ("mastertrunk", "Master trunks"),
    ("user", "People"),
    ("invitation", "Invitations"),
    ("delegation", "Delegations"),
    ("notice", "E-mails"),
    ("webhook", "Webhooks"),
    ("writestop", "Stops of writing"),
    ("savedview", "Saved views"),
    ("preparedfile", "Prepared files of the trail"),
    ("monthreview", "Monthly reviews"),
    ("auditdigest", "Digests of the trail"),
    ("auditcheck", "Verifications of the trail"),
    ("auditarchive", "Archives of the trail"),
]
FAMILIES = {
    "request": "Requests",
    "provisioning": "Carrying out",
    "writing": "Stop of writing",
    "circuit": "Zoom's availability",
    "notice": "E-mails",
    "master": "Master accounts",
    "sync": "Readings of the estate",
    "role": "Roles",
    "keys": "Keys",
    "view": "Saved views",
    "review": "Monthly review",
    "person": "People",
    "invitation": "People",
    "session": "Signing in",
    "factor": "Signing in",
    "password": "Signing in",
    "address": "Personal data",
}
DAY = QuickDate(attrs={"type": "date"}, format="%Y-%m-%d")
MANY_ACTIONS = QuickSelectMany(attrs={"size": 6})
# In the order in which the page shows them; the address of a saved view holds these and no others.
FILTERS = (
    *("q", "dnis", "actor", "action", "outcome", "since", "until"),
    *("master", "object_type", "ip", "request_id", "sub_account", "object_id"),
)


def _actions() -> Known:
    """Return each family of actions with its members, as a select groups them."""
    families: dict[str, list[tuple[str, str]]] = {}
    for action in Action:
        family = action.value.partition(".")[0]
        families.setdefault(FAMILIES.get(family, family.capitalize()), []).append(
            (action.value, action.sentence)
        )
    return Known(list(families.items()))


@sharing_fields
class AuditFilter(Loose, forms.Form):
    """What a reader asks of the trail. Days are those of the reader's own zone, both inclusive."""

    q = forms.CharField(label="Words", required=False, max_length=200, widget=QuickInput)
    dnis = forms.CharField(label="DNIS", required=False, max_length=20, widget=QuickInput)
    action = forms.MultipleChoiceField(
        label="Actions",
        required=False,
        choices=_actions(),
        widget=MANY_ACTIONS,
        error_messages=NO_CHOICE,
    )
    outcome = forms.ChoiceField(
        label="Outcome",
        required=False,
        choices=[("", "Any"), *Outcome.choices],
        widget=QuickSelect,
        error_messages=NO_CHOICE,
    )
    object_type = forms.ChoiceField(
        label="Kind of object",
        required=False,
        choices=OBJECTS,
        widget=QuickSelect,
        error_messages=NO_CHOICE,
    )
    object_id = forms.CharField(required=False, max_length=40, widget=QuickHidden)
    sub_account = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=QuickHidden)
    ip = forms.GenericIPAddressField(
        label="Address it came from", required=False, unpack_ipv4=True, widget=QuickInput
    )
    request_id = forms.CharField(label="Web request id", required=False, max_length=36, widget=QuickInput)
    since = forms.DateField(label="From", required=False, widget=DAY)
    until = forms.DateField(label="To", required=False, widget=DAY)

    def __init__(self, *args: Any, user: User, standing: Standing, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        facets = facets_for(user, standing)
        self.fields["actor"] = forms.ChoiceField(
            label="Person",
            required=False,
            choices=Known([("", "Everybody"), *_people(user, facets, standing, self.data.get("actor", ""))]),
            widget=QuickSelect,
            error_messages=NO_CHOICE,
        )
        self.fields["master"] = forms.ChoiceField(
            label="Master account",
            required=False,
            choices=Known([("", "All"), *_masters(user, facets, standing, self.data.get("master", ""))]),
            widget=QuickSelect,
            error_messages=NO_CHOICE,
        )
        self.order_fields(FILTERS)

    def clean_q(self) -> str:
        # Texts are searched line by line.
        return " ".join(str(self.cleaned_data["q"]).split("\n"))

    def clean_dnis(self) -> str:
        dnis: str = self.cleaned_data["dnis"].strip()
        if dnis and not (dnis.isascii() and dnis.isdigit() and len(dnis) <= settings.DNIS_MAX_LENGTH):
            raise ValidationError(f"A DNIS is up to {settings.DNIS_MAX_LENGTH} digits.")
        return dnis

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
        return audit.Filters(
            actor=int(values["actor"]) if values.get("actor") else None,
            actions=tuple(values.get("action") or ()),
            master=int(values["master"]) if values.get("master") else None,
            sub_account=values.get("sub_account"),
            since=_midnight(values.get("since")),
            until=_midnight(values.get("until"), days=1),
            **{
                name: values.get(name) or ""
                for name in ("object_type", "object_id", "dnis", "outcome", "ip", "request_id", "q")
            },
        )

    @property
    def narrowed(self) -> bool:
        return any(self.cleaned_data.values())

    @property
    def more_chosen(self) -> int:
        """Return how many of the filters that the page folds away are in use."""
        return sum(bool(self.cleaned_data.get(name)) for name in FILTERS[1:])

    def chosen(self) -> Iterator[tuple[str, str, str]]:
        """Yield each filter in use: its name, its title and its value in words."""
        for name in FILTERS:
            if value := self.cleaned_data.get(name):
                field = self.fields[name]
                title = {"sub_account": "Sub account", "object_id": "Object"}.get(name, str(field.label))
                yield name, title, _in_words(field, value)


@sharing_fields
class KeepView(Loose, forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Keep the filters of the page under a name."""

    class Meta:
        model = SavedView
        fields = ("name", "query", "shared")
        labels = {
            "name": "Name",
            "shared": "Other managers of the master account chosen see it too; without one, those of all",
        }
        widgets = {"name": QuickInput, "query": QuickHidden, "shared": QuickCheck}


def kept_query(text: str, *, user: User, standing: Standing) -> str:
    """Return the filters in `text`, an address's query, and nothing else of it; raise ValidationError for bad ones."""
    given = QueryDict(text)
    form = AuditFilter(given, user=user, standing=standing)
    if not form.is_valid() or not form.narrowed:
        raise ValidationError("These filters cannot be kept: choose some that the page understands.")
    return asked_query(given)


def asked_query(given: QueryDict) -> str:
    """Return the filters in an address and nothing else of it: neither a place nor how many rows a page has."""
    asked = QueryDict(mutable=True)
    for name, values in given.lists():
        if name in FILTERS and any(values):
            asked.setlist(name, [value for value in values if value])
    return asked.urlencode()


def facets_for(user: User, standing: Standing) -> list[Facet]:
    """Return the facets of the events that `user` may read: what they may learn of names and numbers."""
    if access.for_all_masters(user, *READERS):
        return standing.facets
    masters = {master.pk for master in access.masters_where(user, *READERS)}
    return [facet for facet in standing.facets if facet.master in masters]


def _people(user: User, facets: list[Facet], standing: Standing, asked: str) -> list[tuple[str, str]]:
    """Return who appears in the trail, or everybody where it is not known yet whether the one asked for does.

    Who reads the events of some master accounts only learns the names of those who appear there, and no others.
    """
    found = {facet.actor: facet.actor_name or f"Somebody who is gone ({facet.actor})" for facet in facets}
    people = [(str(pk), name) for pk, name in found.items() if pk]
    if _is_unknown(asked, people, standing) and access.for_all_masters(user, *READERS):
        return [(str(person.pk), str(person)) for person in User.objects.order_by("name", "email")]
    return sorted(people, key=lambda person: person[1].casefold())


def _masters(user: User, facets: list[Facet], standing: Standing, asked: str) -> list[tuple[str, str]]:
    found = {facet.master: facet.master_name for facet in facets if facet.master}
    masters = [(str(pk), name) for pk, name in found.items()]
    if _is_unknown(asked, masters, standing):
        return [(str(master.pk), str(master)) for master in access.masters_where(user, *READERS)]
    return sorted(masters, key=lambda master: master[1].casefold())


def _is_unknown(asked: str, choices: list[tuple[str, str]], standing: Standing) -> bool:
    """Say whether the index lacks too much to offer what it has, or may lack just what was asked for."""
    return standing.behind > STEP or (bool(standing.behind and asked) and asked not in dict(choices))


def _in_words(field: forms.Field, value: Any) -> str:
    choices = getattr(field, "choices", None)
    if choices is None:
        return f"{value:%-d %b %Y}" if isinstance(value, date) else str(value)
    words = {str(key): str(title) for key, title in _flat(choices)}
    return ", ".join(words[one] for one in (value if isinstance(value, list) else [value]))


def _flat(choices: Any) -> Iterator[tuple[Any, Any]]:
    for key, title in choices:
        if isinstance(title, list):
            yield from title
        else:
            yield key, title


def _midnight(day: date | None, *, days: int = 0) -> datetime | None:
    """Return when that day (or the one `days` later) begins in the reader's zone."""
    if day is None:
        return None
    try:
        return timezone.make_aware(datetime.combine(day + timedelta(days=days), time.min)).astimezone(UTC)
    except OverflowError:  # the year 9999, or the year 1 east of Greenwich
        return None
