"""Comparing a line with Zoom's list: the list, not the answer to a call, is the truth about a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from trunks import numbers
from trunks.models import Kind, Line, MasterTrunk, Phase
from trunks.zoom.types import Trunk


class Likeness(Enum):
    """How Zoom's list stands to what a line's phase wants: that something is there, or that it is not."""

    UNMET = "not as wanted yet"
    MET = "as wanted"
    CALLER_ID_NOT_REPORTED = "as wanted, as far as the list tells"
    DIFFERENT = "in the way of what is wanted"


@dataclass(frozen=True)
class Finding:
    """What Zoom's list says about one line; `row` is the row it is about, `detail` the difference in words."""

    likeness: Likeness
    row: Trunk | None = None
    detail: str = ""
    echo: bool = False  # the list may lag: it shows what it did not show any more before

    @property
    def tells(self) -> bool:
        """Say whether the list says anything that is to be written down."""
        return self.likeness is not Likeness.UNMET or self.row is not None


def compare(line: Line, rows: Sequence[Trunk], siblings: Callable[[], Iterable[MasterTrunk]]) -> Finding:
    """Return what `rows`, Zoom's list of the sub account, says about `line`.

    A row is the line's when it has the line's DNIS: the row's id may be the master trunk's or one of its own (Zoom
    does not say), so the id only tells a row apart that belongs to another of the master's trunks (`siblings` gives).
    """
    dnis, caller_id = line.target()
    mine = [row for row in rows if row.dnis == dnis]
    fitting = [row for row in mine if not _other_trunk(line, row, siblings)]
    if mine and not fitting:
        other = _other_trunk(line, mine[0], siblings)
        words = f"Zoom has {dnis} through the trunk {other}, not {line.trunk}."
        return Finding(Likeness.DIFFERENT, mine[0], words)
    if line.phase == Phase.REMOVE:
        return _compare_removed(fitting, rows)
    findings = [_compare_caller_id(dnis, caller_id, row) for row in fitting]
    best = min(findings, key=lambda finding: _ORDER[finding.likeness], default=Finding(Likeness.UNMET))
    times = len({row.id for row in mine})
    return replace(best, detail=f"{best.detail} {_too_often(dnis, times)}".strip()) if times > 1 else best


def may_be_echo(line: Line, finding: Finding) -> bool:
    """Say whether the row may be the trunk that a change has removed, shown by a list older than the removal.

    A list has been without it already, or the change would not have gone on. So such a row is believed only once Zoom
    has accepted a call since, and if it is what that call asked for.
    """
    row = finding.row
    change = line.trunk_request.kind == Kind.CHANGE and line.phase != Phase.REMOVE
    if row is None or not change or row.dnis != line.current_dnis:
        return False
    shown, removed = map(numbers.caller_id_key, (row.outbound_caller_id or "", line.current_caller_id))
    if shown not in ("", removed):
        return False
    return not line.sends or not line.answered or finding.likeness is Likeness.DIFFERENT


def _too_often(dnis: str, times: int) -> str:
    """Return what is wrong, and the way out, where the sub account has a DNIS more than once."""
    return (
        f"Zoom lists {dnis} {times} times: have all but one removed in Zoom's console, "
        "or unassign it here, which removes every one."
    )


_ORDER = {Likeness.MET: 0, Likeness.CALLER_ID_NOT_REPORTED: 1, Likeness.DIFFERENT: 2}


def _compare_removed(fitting: Sequence[Trunk], rows: Sequence[Trunk]) -> Finding:
    """Removing is by the row's id; where Zoom lists several rows under it, nobody knows which one would go."""
    if not fitting:
        return Finding(Likeness.MET)
    row = fitting[0]
    if not row.id:
        return Finding(
            Likeness.DIFFERENT, row, "Zoom lists the trunk without an id, so that it cannot be removed."
        )
    if sum(other.id == row.id for other in rows) > 1:
        words = (
            f"Zoom lists several trunks under the id {row.id}, so one of them cannot be removed by itself."
        )
        return Finding(Likeness.DIFFERENT, row, words)
    return Finding(Likeness.UNMET, row)


def _other_trunk(line: Line, row: Trunk, siblings: Callable[[], Iterable[MasterTrunk]]) -> MasterTrunk | None:
    """Return the other trunk of the master that `row` belongs to, or None when nothing says it is not the line's."""
    if row.id == line.trunk.zoom_id:
        return None
    others = [trunk for trunk in siblings() if trunk.pk != line.trunk_id]
    if row.dnis.startswith(line.prefix):
        # Zoom takes a DNIS through trunks of its prefix only: whatever its id, the row is not that of another.
        others = [trunk for trunk in others if row.dnis.startswith(trunk.prefix)]
    by_id = next((trunk for trunk in others if trunk.zoom_id == row.id), None)
    if row.sip_server_address and row.sip_server_address == line.trunk.sip_server_address:
        # An id of the sub account's own may happen to be another trunk's; an address of the line's own trunk does not.
        return by_id if by_id and by_id.sip_server_address == row.sip_server_address else None
    if by_id or not row.sip_server_address:
        return by_id
    return next((t for t in others if t.sip_server_address == row.sip_server_address), None)


def _compare_caller_id(dnis: str, wanted: str, row: Trunk) -> Finding:
    shown = row.outbound_caller_id
    if not wanted:
        return Finding(Likeness.MET, row)
    if not shown:
        return Finding(Likeness.CALLER_ID_NOT_REPORTED, row)
    if numbers.caller_id_key(wanted) == numbers.caller_id_key(shown):
        return Finding(Likeness.MET, row)
    return Finding(
        Likeness.DIFFERENT, row, f"Zoom shows the caller ID {shown[:64]} for {dnis}, not {wanted}."
    )
