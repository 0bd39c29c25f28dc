"""The five counters, after everything has come to rest: lost, double, false state, stuck, audit gaps; and the holds."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.portal import Portal
from trunks import audit
from trunks.actions import Action
from trunks.models import (
    GOOD_LINE_STATES,
    OPEN_STATES,
    WORKING_STATES,
    Hold,
    Line,
    LineState,
    ListedTrunk,
    State,
    TrunkRequest,
)

COUNTERS = ("lost", "double", "false", "stuck", "gaps", "lease", "overlap", "holds")
ENDED = (State.DONE, State.PARTIAL, State.FAILED)


def judge(portal: Portal) -> list[str]:
    """Return every violation of the schedule as `counter: what`; empty is good."""
    found = list(portal.violations)
    found += [f"double: TR-{pk:06d} assigned {dnis} again" for pk, dnis in portal.zoom.doubled]
    for trunk_request in portal.requests():
        name = trunk_request.reference
        lines = list(trunk_request.lines.select_related("trunk"))
        for complaint in (
            *_of_ending(trunk_request),
            *_of_truth(portal, trunk_request, lines),
            *_of_trail(trunk_request),
            *_of_holds(portal, trunk_request, lines),
        ):
            found.append(f"{complaint} ({name}, {trunk_request.state})")
    return found


def _of_ending(trunk_request: TrunkRequest) -> Iterator[str]:
    if trunk_request.state in WORKING_STATES:
        yield "stuck: nothing moves it any more"
        yield "lost: approved and never ended"


def _of_truth(portal: Portal, trunk_request: TrunkRequest, lines: list[Line]) -> Iterator[str]:
    good = [line for line in lines if line.state in GOOD_LINE_STATES]
    expected = State.DONE if len(good) == len(lines) else State.PARTIAL if good else State.FAILED
    if trunk_request.state in ENDED and trunk_request.state != expected:
        yield f"false: its lines say {expected}"
    if trunk_request.state in WORKING_STATES:
        return
    for line in lines:
        yield from _of_line(portal, trunk_request, line)


def _of_line(portal: Portal, trunk_request: TrunkRequest, line: Line) -> Iterator[str]:
    key = (trunk_request.pk, line.dnis)
    ever, stands = key in portal.zoom.standing, portal.zoom.standing.get(key, False)
    by_hand = line.dnis in portal.zoom.touched
    rows = [row for row in portal.zoom.rows(trunk_request.sub_account.zoom_id) if row.dnis == line.dnis]
    if line.state == LineState.UNKNOWN:
        yield f"false: {line.dnis} is still unknown"
    if line.state in GOOD_LINE_STATES and not (ever or by_hand):
        yield f"false: {line.dnis} is {line.state}, and was never assigned"
    if line.state not in GOOD_LINE_STATES and stands and not by_hand:
        yield f"false: {line.dnis} is {line.state}, and stands at Zoom"
    if line.state in GOOD_LINE_STATES and stands and not by_hand:
        wanted = (line.trunk.zoom_id, line.outbound_caller_id)
        if wanted not in [(row.trunk_id, row.outbound_caller_id) for row in rows]:
            yield f"false: {line.dnis} has other values at Zoom"


def _of_trail(trunk_request: TrunkRequest) -> Iterator[str]:
    """Follow the request's moves through its events: each begins where the one before it ended."""
    events = list(audit.history(trunk_request))
    state, moves = State.PENDING.value, 0
    if not events or events[0].action != Action.REQUEST_FILED:
        yield "gaps: nobody filed it"
    for event in events:
        if "state" in event.before:
            moves += 1
            if event.before["state"] != state:
                yield f"gaps: {event.action} leaves {event.before['state']}, but it was {state}"
            state = event.after["state"]
    if state != trunk_request.state or trunk_request.version != moves + 1:
        yield f"gaps: {moves} moves to {state} are told, version {trunk_request.version} is reached"


def _of_holds(portal: Portal, trunk_request: TrunkRequest, lines: list[Line]) -> Iterator[str]:
    if trunk_request.state in OPEN_STATES:
        if any(line.hold != Hold.HELD for line in lines):
            yield "holds: an open request does not hold its DNIS"
        return
    for line in lines:
        listed = ListedTrunk.objects.filter(
            sub_account=trunk_request.sub_account, dnis=line.dnis, gone_at=None
        )
        if line.state not in GOOD_LINE_STATES and line.hold:
            yield f"holds: {line.dnis} is held for nobody"
        elif (
            line.state in GOOD_LINE_STATES
            and not line.hold
            and portal.zoom.standing.get((trunk_request.pk, line.dnis))
            and not listed.exists()
        ):
            yield f"holds: {line.dnis} is assigned and given away"
