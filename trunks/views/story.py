"""One request's whole story in one time line: what people did, what workers did, what was said to Zoom and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from trunks import access, audit
from trunks.actions import Action
from trunks.audit_reading import READERS
from trunks.models import AuditArchive, MasterTrunk, TrunkRequest, ZoomCall
from trunks.templatetags.events import trunks_in
from trunks.views.http import HtmxHttpRequest
from trunks.views.paging import both_ends
from trunks.workflow import words

# The first and the last so many are shown. What waits for Zoom is tried every few minutes, for weeks if need be.
EVENTS = CALLS = (100, 200)
DECISIONS = (Action.REQUEST_APPROVED, Action.REQUEST_DENIED, Action.REQUEST_SENT_BACK)
# The question that an auditor has, and the actions of which the last one answers it.
QUESTIONS: dict[str, tuple[str, ...]] = {
    "Who asked": (Action.REQUEST_FILED, Action.REQUEST_AMENDED),
    "Who decided": DECISIONS,
    "What was sent": (Action.PROVISIONING_INTENDED,),
    "What Zoom answered": (Action.PROVISIONING_ANSWERED,),
    "Outcome": (
        *(Action.PROVISIONING_SETTLED, Action.PROVISIONING_UNCONFIRMED, Action.PROVISIONING_NOT_APPLIED),
        *(Action.REQUEST_WITHDRAWN, Action.REQUEST_EXPIRED, Action.REQUEST_GIVEN_UP, *DECISIONS),
    ),
}


@dataclass(frozen=True)
class Moment:
    """One thing that happened: an event of the trail, or a call to Zoom; or that so many of either are left out."""

    at: datetime
    event: Any = None
    call: ZoomCall | None = None
    decoded: words.Decoded | None = None
    events_left_out: int = 0
    calls_left_out: int = 0

    @property
    def is_reading(self) -> bool:
        return self.call is not None and self.call.method == "GET"


@require_GET
def story(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    """Show what is on record about one request, oldest first, and the answers to what is mostly asked."""
    trunk_request = access.trunk_request_for(request.user, reference)
    access.require(request.user, *READERS, master_id=trunk_request.master_id)
    history = audit.history(trunk_request)
    found, left_out = both_ends(history, *EVENTS)
    events = audit.story(request.user, [event for event in found if event])
    asked = _newest(history) if left_out else events
    context = {
        "trunk_request": trunk_request,
        "answers": answers(event for event in asked if _is_about(event, trunk_request)),
        "moments": moments(events, found, left_out, trunk_request),
        "trunk_names": trunk_names([*events, *asked], [line.trunk for line in trunk_request.lines.all()]),
        "archive": AuditArchive.objects.since(trunk_request.filed_at),
    }
    return render(request, "trunks/story.html", context)


def trunk_names(
    events: Iterable[Any], known: Iterable[MasterTrunk] = ()
) -> dict[tuple[int | None, str], str]:
    """Return what the master trunks that the events name are called today, by master account and Zoom's id.

    What is not among the `known` trunks is looked up in one query.
    """
    names: dict[tuple[int | None, str], str] = {(one.master_id, one.zoom_id): one.name for one in known}
    named = {(event.master_id, pk) for event in events for pk in trunks_in([event.before, event.after])}
    if left := named - names.keys():
        masters, ids = zip(*left, strict=True)
        found = MasterTrunk.objects.filter(master__in=set(masters), zoom_id__in=set(ids))
        names |= {
            (master, pk): name for master, pk, name in found.values_list("master_id", "zoom_id", "name")
        }
    return names


def _is_about(event: Any, trunk_request: TrunkRequest) -> bool:
    """Say whether the event is of the request itself: those beside it include other requests, approved together."""
    return (event.object_type, event.object_id) == ("trunkrequest", str(trunk_request.pk))


def answers(events: Iterable[Any]) -> list[tuple[str, Any]]:
    """Return each question with the last event that answers it (None while nothing does)."""
    newest = list(events)[::-1]
    return [
        (question, next((event for event in newest if event.action in actions), None))
        for question, actions in QUESTIONS.items()
    ]


def _newest(history: QuerySet[Any]) -> list[Any]:
    """Return the events that answer the questions where not all events are at hand, oldest first."""
    found = [history.filter(action__in=actions).last() for actions in QUESTIONS.values()]
    return sorted((event for event in found if event), key=lambda event: event.pk)


def moments(
    events: Iterable[Any], own: Sequence[Any], left_out: int, trunk_request: TrunkRequest
) -> list[Moment]:
    """Return events and calls as they followed each other.

    What was said to Zoom between the first and the last events of the request's `own` is left out with those between.
    """
    calls, gaps = ZoomCall.objects.filter(attempt__trunk_request=trunk_request).order_by("id"), []
    if left_out:
        middle = own.index(None)
        since, until = own[middle - 1].at, own[middle + 1].at
        gaps.append(Moment(since, events_left_out=left_out))
        calls = calls.exclude(started_at__gt=since, started_at__lt=until)
    said, unsaid = both_ends(calls, *CALLS)
    if unsaid:
        gaps.append(Moment(said[said.index(None) - 1].started_at, calls_left_out=unsaid))
    told = [Moment(event.at, event=event) for event in events]
    told += [Moment(call.started_at, call=call, decoded=words.decode(call)) for call in said if call]
    return sorted([*told, *gaps], key=lambda moment: moment.at)
