"""The events of the audit trail as people ask for them: by filters, one by one, about one object.

What is asked here is asked of the events themselves. How a page of the trail is found as quickly among ten million as
among ten thousand is in `trunks.audit_finding`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import DateTimeField, Exists, F, Func, Model, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat, Lower
from django.db.models.lookups import Contains
from django.http import Http404
from django.utils import timezone

from trunks import access
from trunks.actions import Action
from trunks.apps import SQLITE_LOWER
from trunks.compiled import Found, Param
from trunks.models import AuditArchive, Role, User
from trunks.models.audit_event import AuditEvent

# What the search reads: the label of the object, what somebody wrote about it, who it was, whom it is about.
SEARCHED = ("object_label", "comment", "actor_name", "sub_account_name")
MOST_BESIDE = 200  # events of other objects in one object's story
# What says how it went with what was about to be sent.
ANSWERS = (
    Action.PROVISIONING_ANSWERED,
    Action.PROVISIONING_UNCONFIRMED,
    Action.PROVISIONING_NOT_APPLIED,
    Action.PROVISIONING_RELEASED,
    Action.PROVISIONING_SETTLED,
    Action.REQUEST_GIVEN_UP,
)
LOOKED_BACK = timedelta(days=31)
READERS = (Role.MANAGER, Role.ADMINISTRATOR)


@dataclass(frozen=True)
class Filters:
    """What a reader asks of the trail; empty means all. `since` is inclusive, `until` is not.

    Of `actions` one must fit, of everything else all. `dnis` is a whole number, never a part of one; `q` is any part of
    the texts of SEARCHED, in any case.
    """

    actor: int | None = None
    actions: tuple[str, ...] = ()
    object_type: str = ""
    object_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    master: int | None = None
    sub_account: int | None = None
    dnis: str = ""
    outcome: str = ""
    ip: str = ""
    request_id: str = ""
    q: str = ""


def search(user: User, filters: Filters | None = None) -> QuerySet[AuditEvent]:
    """Return the events that `user` may read and `filters` let through, newest first."""
    wanted = filters or Filters()
    exact = {
        "actor_id": wanted.actor,
        "action__in": wanted.actions,
        "object_type": wanted.object_type,
        "object_id": wanted.object_id,
        "at__gte": wanted.since,
        "at__lt": wanted.until,
        "master_id": wanted.master,
        "sub_account_id": wanted.sub_account,
        "outcome": wanted.outcome,
        "ip": wanted.ip,
        "request_id": wanted.request_id,
    }
    events = readable(user).filter(**{name: value for name, value in exact.items() if value})
    if wanted.dnis:
        numbers = Concat(Value(" "), F("dnis"), Value(" "), output_field=TextField())
        events = events.alias(numbers=numbers).filter(numbers__contains=f" {wanted.dnis} ")
    if wanted.q:
        events = events.filter(any_of(SEARCHED, wanted.q))
    return events.order_by("-id")


def event_for(user: User, pk: int) -> AuditEvent:
    """Return one event, or raise Http404 for one that `user` may not know of."""
    event = readable(user).filter(pk=pk).first()
    if event is None:
        raise Http404(_where_it_went(pk))
    return event


def numbered(user: User, numbers: Iterable[int]) -> dict[int, AuditEvent]:
    """Return those of the events with these numbers that `user` may read and that are still here."""
    return readable(user).in_bulk(list(numbers))


def _where_it_went(pk: int) -> str:
    """Return why an event is not here, when it has left; that a number was given tells nobody anything."""
    archive = AuditArchive.objects.filter(last__gte=pk).order_by("last").first()
    return (
        f"Event {pk} has left the portal, in the {archive}. Whoever runs it has the file." if archive else ""
    )


def history(on: Model) -> QuerySet[AuditEvent]:
    """Return the events about one object, oldest first. Who may see the object may see its history."""
    return AuditEvent.objects.filter(object_type=type_of(on), object_id=str(on.pk)).order_by("id")


def done_to(objects: Sequence[Model], action: Action) -> set[int]:
    """Return the primary keys of those of `objects`, all of one kind, to which this was done."""
    keys = [str(one.pk) for one in objects]
    kind = type_of(objects[0]) if objects else ""
    events = AuditEvent.objects.filter(object_type=kind, object_id__in=keys, action=action)
    return {int(pk) for pk in events.values_list("object_id", flat=True)}


def has_done(actor: User, action: Action, *, on: Model, since: datetime, **more: object) -> bool:
    """Say whether `actor` has done this to the object since then; `more` may be an event's whole `after`."""
    asked = _DONE_SO if more else _DONE
    return asked(actor=actor.pk, action=action, kind=type_of(on), pk=str(on.pk), since=since, **more)


def _done(**more: object) -> QuerySet[AuditEvent]:
    about = {
        "object_type": Param("kind"),
        "object_id": Param("pk"),
        "at__gte": Param("since", DateTimeField()),
    }
    return AuditEvent.objects.filter(actor=Param("actor"), action=Param("action"), **about, **more)


_DONE = Found(_done)
_DONE_SO = Found(lambda: _done(after=Param("after", AuditEvent._meta.get_field("after"))))


def story(user: User, own: Sequence[AuditEvent]) -> list[AuditEvent]:
    """Return the events `own` about one object, and what else the same web requests and tasks did, oldest first.

    Of the latter only what `user` may read, and no more than MOST_BESIDE; not what workers did for others of its kind
    that were approved in the same web request.
    """
    ids = {event.request_id for event in own if event.request_id}
    kind, about = (
        {"object_type": own[0].object_type if own else ""},
        {"object_id": own[0].object_id if own else ""},
    )
    beside = readable(user).filter(request_id__in=ids).exclude(**kind, **about).exclude(**kind, actor=None)
    beside = beside.order_by("-id")[:MOST_BESIDE]
    return sorted([*own, *beside], key=lambda event: event.pk)


def unanswered() -> QuerySet[AuditEvent]:
    """Return the intents of the last month to change something at Zoom that nothing has followed, oldest first.

    A lease and a deadline after an intent its worker has written what came of it, or the sweep has taken the request
    back: an older one without any of that means that nobody looks after what may have been sent.
    """
    now = timezone.now()
    patience = timedelta(seconds=settings.LEASE_SECONDS + settings.HTTP_DEADLINE_SECONDS)
    followed = AuditEvent.objects.filter(
        object_type=OuterRef("object_type"),
        object_id=OuterRef("object_id"),
        id__gt=OuterRef("id"),
        action__in=ANSWERS,
    )
    intents = AuditEvent.objects.filter(
        action=Action.PROVISIONING_INTENDED, at__gte=now - LOOKED_BACK, at__lt=now - patience
    )
    return intents.exclude(Exists(followed)).order_by("id")


def last_mover(on: Model) -> AuditEvent | None:
    """Return the newest event about an object: who was first when somebody came too late."""
    return history(on).exclude(action=Action.ACTION_REFUSED).last()


def readable(user: User) -> QuerySet[AuditEvent]:
    """Return the events that `user` may read: of the master accounts whose manager or administrator they are."""
    if access.for_all_masters(user, *READERS):
        return AuditEvent.objects.all()
    return AuditEvent.objects.filter(master__in=access.masters_where(user, *READERS))


def type_of(on: Model) -> str:
    return str(on._meta.model_name)


def any_of(fields: tuple[str, ...], words: str) -> Q:
    """Return the condition that one of the fields holds `words`, in any case: what the index of the texts finds."""
    condition = Q()
    for field in fields:
        condition |= _holds(field, words)
    return condition


def _holds(field: str, words: str) -> Q:
    # In small letters, as the index has its texts: Django's own comparison is in capitals, which joins others. Whoever
    # made those of the text makes those of the words.
    if connection.vendor == "postgresql":
        return Q(Contains(Lower(field), Lower(Value(words))))
    small = Func(F(field), function=SQLITE_LOWER, output_field=TextField())
    return Q(Contains(small, Value(words.lower())))
