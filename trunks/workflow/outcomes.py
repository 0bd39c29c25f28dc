"""What becomes of a line when Zoom's list shows what its phase wanted, or when that has failed for good.

An assignment ends there. A change goes on: what was removed is followed by the new assignment, and a new assignment
that fails for good by the old values again, so that the customer is not left without a trunk. Where the list shows the
new DNIS with other values, the customer has one, and the old values would be a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trunks import numbers
from trunks.models import GOOD_LINE_STATES, Hold, Kind, Line, LineState, Phase
from trunks.workflow import listing
from trunks.workflow.comparing import Finding, Likeness
from trunks.workflow.transitions import mark

RESTORED = "The old values were assigned again."
# Unless the portal has assigned them itself: then it knows.
UNSEEN = "Zoom's list shows no caller ID, so one that they had is not known and could not be set."
_AGAIN = {"answered": False, "sends": 0, "zoom_id": "", "absent_at": None}


def shown(line: Line, finding: Finding) -> None:
    """Write down what Zoom's list says about `line`, inside the claim's transaction."""
    if finding.likeness is Likeness.UNMET:
        _note_present(line, finding)
    elif finding.likeness is Likeness.DIFFERENT:
        _end(line, LineState.DIFFERENT, f"{finding.detail} {_left_out(line)}".strip())
    elif line.phase == Phase.REMOVE:
        _removed(line)
    elif line.phase == Phase.RESTORE:
        unseen = (
            not line.current_caller_id and finding.row is not None and finding.row.outbound_caller_id is None
        )
        words = f"{_before_restored(line)} {RESTORED} {UNSEEN if unseen else ''}"
        _write(line, LineState.REFUSED, detail=" ".join(words.split()), without_trunk=False)
    else:
        _assigned(line, finding)


def _left_out(line: Line) -> str:
    """Return that the customer has the new DNIS instead of the old one, which "failed" alone would leave unsaid."""
    moved = line.trunk_request.kind == Kind.CHANGE and line.dnis != line.current_dnis
    if line.phase != Phase.ASSIGN or not moved:
        return ""
    return f"{line.current_dnis} was removed before, and is not assigned again beside it."


def begun_again(lines: Iterable[Line]) -> None:
    """Write down that what each change has removed is there again, so that it begins with the removal."""
    for line in lines:
        _write(line, LineState.NOT_SENT, phase=Phase.REMOVE, without_trunk=False, **_AGAIN)


def failed(lines: Iterable[Line], detail: str) -> None:
    """Write down that what the phase of each line wanted will not happen, and why."""
    for line in lines:
        if line.trunk_request.kind == Kind.CHANGE and line.phase == Phase.ASSIGN:
            _write(line, LineState.NOT_SENT, phase=Phase.RESTORE, detail=detail, **_AGAIN)
        else:
            _end(line, LineState.REFUSED, detail)


def _before_restored(line: Line) -> str:
    """Return why the new values were not assigned, without what is said of the old ones."""
    return line.detail.removesuffix(UNSEEN).rstrip().removesuffix(RESTORED).rstrip()


def _write(line: Line, to: LineState, **changes: Any) -> None:
    mark([line], to, **changes)


def _note_present(line: Line, finding: Finding) -> None:
    """Note what is about to be removed: by which id, and with which caller ID it could be assigned again."""
    if finding.row is None:
        return
    if line.answered and line.state == LineState.UNKNOWN:
        return  # it says which one was removed: what is there now may be another of the same DNIS
    line.zoom_id = finding.row.id
    line.current_caller_id = numbers.caller_id_to_send(
        finding.row.outbound_caller_id or line.current_caller_id
    )
    line.save(update_fields=["zoom_id", "current_caller_id"])


def _assigned(line: Line, finding: Finding) -> None:
    to = LineState.ASSIGNED if line.sends else LineState.ALREADY_THERE
    if finding.likeness is Likeness.CALLER_ID_NOT_REPORTED:
        to = LineState.CALLER_ID_NOT_REPORTED
    zoom_id = finding.row.id if finding.row else ""
    _write(line, to, detail=finding.detail, zoom_id=zoom_id, without_trunk=False)


def _removed(line: Line) -> None:
    """Zoom's list no longer shows the present DNIS. In a change it stays the sub account's until the end."""
    by_now = _removed_since(line)
    listing.forget(line.trunk_request.sub_account, line.current_dnis)
    if line.trunk_request.kind == Kind.UNASSIGN:
        _write(line, LineState.UNASSIGNED, detail="" if line.sends else "It was gone already.")
        return
    if by_now:
        words = (
            f"{line.current_dnis} was removed by {by_now.trunk_request} since, so there is nothing to change."
        )
        _write(line, LineState.DIFFERENT, detail=words)
        return
    _write(line, LineState.NOT_SENT, phase=Phase.ASSIGN, hold=Hold.HELD, detail="", **_AGAIN)


def _removed_since(line: Line) -> Line | None:
    """Return the line of another request that has removed what a retried change found gone, or None.

    The new values were asked for in its place: without it the customer would get a trunk more than was approved.
    """
    own = line.trunk_request
    if own.kind != Kind.CHANGE or line.state != LineState.NOT_SENT or own.sent_at is None:
        return None
    others = Line.objects.filter(trunk_request__sub_account=own.sub_account_id, state__in=GOOD_LINE_STATES)
    later = others.filter(current_dnis=line.current_dnis, trunk_request__changed_at__gt=own.sent_at)
    return later.exclude(trunk_request=own).select_related("trunk_request").first()


def _end(line: Line, to: LineState, detail: str) -> None:
    restoring = line.phase == Phase.RESTORE
    words = f"{_before_restored(line)} {detail}".strip() if restoring else detail
    # What Zoom shows with other values, or through another trunk, the customer has. A retry that fails where it begins
    # has put nothing in the place of what an earlier run has lost.
    missed = (restoring or line.without_trunk) and to != LineState.DIFFERENT
    _write(line, to, detail=words, without_trunk=missed)
