"""What a month's sample is drawn from: the requests that ended in it and the events with risk, by the trail alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Min, Q

from trunks.actions import Action, Outcome
from trunks.models import State, TrunkRequest
from trunks.models.audit_event import AuditEvent
from trunks.references import reference_to
from trunks.sampling import Candidate

QUICK_SECONDS = 30
WORKING_HOURS = range(7, 19)
DECIDING = ("approve", "deny", "send_back")
ENDED = (State.DONE, State.PARTIAL, State.FAILED, State.DENIED, State.WITHDRAWN, State.EXPIRED)
FILED = (Action.REQUEST_FILED, Action.REQUEST_AMENDED)
DECIDED = (
    Action.REQUEST_APPROVED,
    Action.REQUEST_APPROVAL_GIVEN,
    Action.REQUEST_DENIED,
    Action.REQUEST_SENT_BACK,
)
RISKS: dict[str, str] = {
    **dict.fromkeys((Action.WRITING_STOPPED, Action.WRITING_START_ASKED, Action.WRITING_STARTED), "stop"),
    **dict.fromkeys(
        (Action.MASTER_CONNECTED, Action.MASTER_CREDENTIALS_CHANGED, Action.KEYS_ROTATED), "keys"
    ),
    **dict.fromkeys((Action.ROLE_GRANTED, Action.ROLE_CHANGED, Action.ROLE_REVOKED), "people"),
    **dict.fromkeys(
        (Action.PERSON_DEACTIVATED, Action.PERSON_REACTIVATED, Action.SECOND_FACTORS_RESET), "people"
    ),
    Action.DELEGATION_MADE: "people",
    Action.SIGN_IN_FAILED: "sign_in",
}
CHUNK = 400


def bounds(month: str) -> tuple[datetime, datetime]:
    """Return when a month (2026-10) begins and when it is over, in UTC. Raises ValueError for what is none."""
    begun = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    if f"{begun:%Y-%m}" != month or begun.year == MAXYEAR:  # after its December comes no month
        raise ValueError(month)
    return begun, (begun + timedelta(days=32)).replace(day=1)


def population(month: str, last: int) -> list[Candidate]:
    """Return all that the sample of `month` can hold, from the events up to the one numbered `last`."""
    since, until = bounds(month)
    within = AuditEvent.objects.filter(at__gte=since, at__lt=until, id__lte=last)
    ended = _ended(within)
    found = [candidate for some in _chunks(list(ended)) for candidate in _requests(some, last)]
    return found + [_event(event, ground) for event, ground in _risks(within, set(ended))]


def _ended(within: Any) -> dict[int, None]:
    """Return the requests that came to an end in the month, in the order in which they did."""
    moves = within.filter(object_type="trunkrequest").exclude(action=Action.ACTION_REFUSED).order_by("id")
    said = moves.values_list("object_id", "after")
    return dict.fromkeys(int(pk) for pk, after in said.iterator() if after.get("state") in ENDED)


def _chunks(requests: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(requests), CHUNK):
        yield requests[start : start + CHUNK]


def _requests(some: Sequence[int], last: int) -> Iterator[Candidate]:
    about = AuditEvent.objects.filter(object_type="trunkrequest", object_id__in=map(str, some), id__lte=last)
    events: dict[int, list[AuditEvent]] = defaultdict(list)
    for event in about.order_by("id"):
        events[int(event.object_id)].append(event)
    first = _first_ones(some)
    yield from (_request(pk, events[pk], first=pk in first) for pk in some)


def _request(pk: int, events: list[AuditEvent], *, first: bool) -> Candidate:
    people = {pk for event in events for pk in _people(event)}
    grounds = ("ended", *_of_content(events), *(["first"] if first else []), *_of_course(events))
    ending = [event for event in events if event.after.get("state") in ENDED][-1]
    return Candidate(reference_to(pk), grounds, ending.pk, tuple(sorted(people)), pk)


def _people(event: AuditEvent) -> tuple[int, ...]:
    """Return who acted: who did it and, where they stood in for somebody, that other as well."""
    return tuple(pk for pk in (event.actor_id, event.on_behalf_of_id) if pk)


def _of_content(events: list[AuditEvent]) -> Iterator[str]:
    kinds = [kind for event in events if event.action in FILED and (kind := event.after.get("kind"))]
    if kinds and kinds[-1] in ("change", "unassign"):
        yield kinds[-1]


def _first_ones(requests: Sequence[int]) -> set[int]:
    """Return those of `requests` that are the first of their sub account, by the numbers of the requests."""
    accounts = TrunkRequest.objects.filter(pk__in=requests).values("sub_account")
    first = TrunkRequest.objects.filter(sub_account__in=accounts).order_by().values("sub_account")
    return set(first.annotate(first=Min("pk")).values_list("first", flat=True))


def _of_course(events: list[AuditEvent]) -> Iterator[str]:
    if any(event.action == Action.REQUEST_GIVEN_UP for event in events):
        yield "given_up"
    if any(event.after.get("state") in (State.PARTIAL, State.FAILED) for event in events):
        yield "partial"
    decided = list(_decided(events))
    if any((event.at - made.at).total_seconds() < QUICK_SECONDS for made, event in decided):
        yield "quick"
    if any(_out_of_hours(event.at) for _, event in decided):
        yield "hours"
    if any(event.after.get("same_browser_as") for _, event in decided):
        yield "browser"
    refused = [event for event in events if event.action == Action.ACTION_REFUSED]
    authors = {event.actor_id for event in events if event.action in FILED}
    if any(event.actor_id in authors and event.after.get("action") in DECIDING for event in refused):
        yield "own"
    elif refused:
        yield "refused"


def _decided(events: list[AuditEvent]) -> Iterator[tuple[AuditEvent, AuditEvent]]:
    """Yield each decision with the filing or amendment that it was made on."""
    made = None
    for event in events:
        if event.action in FILED:
            made = event
        elif made and event.action in DECIDED:
            yield made, event


def _out_of_hours(moment: datetime) -> bool:
    local = settings.CALENDAR.local(moment)
    return not settings.CALENDAR.is_business_day(local.date()) or local.hour not in WORKING_HOURS


def _risks(within: Any, requests: set[int]) -> Iterator[tuple[AuditEvent, str]]:
    """Yield the risky events that no drawn request already stands for.

    Of a person's failed sign-ins, only the first of each UTC day counts: otherwise whoever tries passwords by the
    hundred would decide what the managers get to see.
    """
    tried: set[tuple[str, date]] = set()
    risky = within.filter(Q(outcome=Outcome.REFUSED) | Q(action__in=list(RISKS))).order_by("id")
    for event in risky:
        if event.action == Action.SIGN_IN_FAILED:
            if (attempt := (event.object_id, event.at.date())) in tried:
                continue
            tried.add(attempt)
        if event.object_type != "trunkrequest" or int(event.object_id) not in requests:
            yield event, RISKS.get(event.action, "refused")


def _event(event: AuditEvent, ground: str) -> Candidate:
    about = int(event.object_id) if event.object_type == "trunkrequest" else None
    return Candidate(f"event-{event.pk}", (ground,), event.pk, _people(event), about)
