"""The five counters, after everything has come to rest: lost, double, false state, stuck, audit gaps; and the holds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.faults.portal import Portal
from tests.faults.tampering import CALLER_ID
from trunks import audit
from trunks.actions import Action
from trunks.models import (
    ASSIGNED_LINE_STATES,
    GOOD_LINE_STATES,
    OPEN_STATES,
    WORKING_STATES,
    Hold,
    Kind,
    Line,
    LineState,
    ListedTrunk,
    State,
    TrunkRequest,
)
from trunks.sandbox.records import AssignedTrunk

COUNTERS = ("lost", "double", "false", "stuck", "gaps", "lease", "overlap", "holds", "approval")
# What keeps a request waiting and ends no line: the credentials, and a limit.
NO_REFUSAL = "refuses the portal's credentials|limit .*is reached"
ENDED = (State.DONE, State.PARTIAL, State.FAILED)


def judge(portal: Portal) -> list[str]:
    """Return every violation of the schedule as `counter: what`; empty is good."""
    found = list(portal.violations)
    found += [f"double: TR-{pk:06d} assigned {dnis} again" for pk, dnis in portal.zoom.doubled]
    found += _of_accounts(portal)
    for trunk_request in portal.requests():
        name = trunk_request.reference
        lines = list(trunk_request.lines.select_related("trunk"))
        for complaint in (
            *_of_ending(trunk_request),
            *_of_truth(portal, trunk_request, lines),
            *of_trail(trunk_request),
            *_of_holds(portal, trunk_request, lines),
            *_of_approval(portal, trunk_request),
        ):
            found.append(f"{complaint} ({name}, {trunk_request.state})")
    return found


def _of_accounts(portal: Portal) -> Iterator[str]:
    """Judge whether a DNIS that nobody touched by hand came into both sub accounts."""
    first, second = ({row.dnis for row in portal.zoom.rows(sub.zoom_id)} for sub in portal.place.subs)
    for dnis in (first & second) - portal.zoom.touched:
        yield f"double: {dnis} stands in two sub accounts"


def _of_approval(portal: Portal, trunk_request: TrunkRequest) -> Iterator[str]:
    """Judge whether all that was done at Zoom rests on as many supervisors as it takes, and on nothing forged."""
    mine = [key for key in (*portal.zoom.standing, *portal.zoom.removed) if key[0] == trunk_request.pk]
    yield from portal.tampering.found(trunk_request, touched=bool(mine))
    forged = (row for sub in portal.place.subs for row in portal.zoom.rows(sub.zoom_id))
    if any(row.outbound_caller_id == CALLER_ID for row in forged):
        yield "approval: altered content stands at Zoom"
    permit = trunk_request.permits.order_by("-id").first()
    if not mine:
        return
    given = (
        permit.decisions.filter(taken_back_at=None, content_digest=permit.content_digest) if permit else []
    )
    if len({one.decided_by_id for one in given}) < trunk_request.approvals_needed:
        yield f"approval: carried out on fewer than {trunk_request.approvals_needed}"


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
    if line.state == LineState.GIVEN_UP:
        yield from _of_given_up(portal, trunk_request, line)
        return
    if line.state == LineState.UNKNOWN:
        yield f"false: {line.dnis} is still unknown"
    if line.state == LineState.REFUSED and re.search(NO_REFUSAL, line.detail):
        yield f"false: {line.dnis} is refused for what would have passed: {line.detail}"
    if {line.dnis, line.current_dnis} & portal.zoom.touched:
        return
    if trunk_request.kind != Kind.UNASSIGN:
        yield from _of_assigning(portal, trunk_request, line)
    if trunk_request.kind != Kind.ASSIGN:
        yield from _of_removing(portal, trunk_request, line)


def _of_given_up(portal: Portal, trunk_request: TrunkRequest, line: Line) -> Iterator[str]:
    """Judge a line that says itself that nobody knew; since then Zoom's list has been read as often as it takes."""
    if {line.dnis, line.current_dnis} & portal.zoom.touched:
        return
    removed = (trunk_request.pk, line.current_dnis) in portal.zoom.removed
    both = [row for dnis in (line.dnis, line.current_dnis) for row in _rows(portal, trunk_request, dnis)]
    if trunk_request.kind == Kind.CHANGE and removed and not both and not line.without_trunk:
        yield f"false: {line.dnis} was given up, and the customer is without a trunk"
    if (
        both
        and not line.hold
        and not _listed(trunk_request, line.dnis)
        and not _listed(trunk_request, line.current_dnis)
    ):
        yield f"holds: {line.dnis} was given up, stands at Zoom, and is given away"
    if line.removing or line.hold == Hold.UNKNOWN:
        yield f"holds: {line.dnis} was given up and is kept from others for ever"


def _listed(trunk_request: TrunkRequest, dnis: str) -> bool:
    return ListedTrunk.objects.filter(sub_account=trunk_request.sub_account, dnis=dnis, gone_at=None).exists()


def _of_assigning(portal: Portal, trunk_request: TrunkRequest, line: Line) -> Iterator[str]:
    key = (trunk_request.pk, line.dnis)
    ever, stands = key in portal.zoom.standing, portal.zoom.standing.get(key, False)
    good = line.state in GOOD_LINE_STATES
    wanted = (line.trunk.zoom_id, line.outbound_caller_id)
    rows = [(row.trunk_id, row.outbound_caller_id) for row in _rows(portal, trunk_request, line.dnis)]
    if good and not ever:
        yield f"false: {line.dnis} is {line.state}, and was never assigned"
    if good and stands and wanted not in rows:
        yield f"false: {line.dnis} has other values at Zoom"
    if not good and stands and line.dnis != line.current_dnis:
        yield f"false: {line.dnis} is {line.state}, and stands at Zoom"


def _of_removing(portal: Portal, trunk_request: TrunkRequest, line: Line) -> Iterator[str]:
    """Judge what became of the present DNIS; what a later request did with it is that one's."""
    good, dnis = line.state in GOOD_LINE_STATES, line.current_dnis
    removed = (trunk_request.pk, dnis) in portal.zoom.removed
    later = any(key[1] == dnis and key[0] != trunk_request.pk for key in portal.zoom.standing)
    later |= any(key[1] == dnis and key[0] != trunk_request.pk for key in portal.zoom.removed)
    rows = _rows(portal, trunk_request, dnis)
    if later:
        return
    if good and rows and (trunk_request.kind == Kind.UNASSIGN or dnis != line.dnis):
        yield f"false: {dnis} is {line.state}, and still stands at Zoom"
    if not good and removed and not rows and not line.without_trunk:
        yield f"false: {dnis} is {line.state}, and the customer is without it"
    if line.without_trunk and rows:
        yield f"false: {dnis} stands at Zoom, and the page says without a trunk"


def _rows(portal: Portal, trunk_request: TrunkRequest, dnis: str) -> list[AssignedTrunk]:
    return [row for row in portal.zoom.rows(trunk_request.sub_account.zoom_id) if row.dnis == dnis]


def of_trail(trunk_request: TrunkRequest) -> Iterator[str]:
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
        if trunk_request.kind == Kind.ASSIGN and any(line.hold != Hold.HELD for line in lines):
            yield "holds: an open request does not hold its DNIS"
        return
    for line in lines:
        if line.state == LineState.GIVEN_UP:
            continue
        if line.removing or (line.state not in ASSIGNED_LINE_STATES and line.hold):
            yield f"holds: {line.dnis} is held for nobody"
        elif line.state in ASSIGNED_LINE_STATES and line.dnis not in portal.zoom.touched:
            yield from _of_assigned(portal, trunk_request, line)


def _of_assigned(portal: Portal, trunk_request: TrunkRequest, line: Line) -> Iterator[str]:
    stands = portal.zoom.standing.get((trunk_request.pk, line.dnis))
    if stands and not line.hold and not _listed(trunk_request, line.dnis):
        yield f"holds: {line.dnis} is assigned and given away"
    taken_away = any(dnis == line.dnis and pk != trunk_request.pk for pk, dnis in portal.zoom.removed)
    if line.hold and taken_away and not _rows(portal, trunk_request, line.dnis):
        yield f"holds: {line.dnis} was removed and is still held"
