"""What Zoom says now, beside what is asked: read fresh for whoever looks at a request, and kept for half a minute."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.core.cache import cache

from trunks.models import Line, Phase, State, SubAccount, TrunkRequest, clock
from trunks.turns import INTERACTIVE
from trunks.workflow import base, speaking
from trunks.workflow.base import Compared
from trunks.workflow.comparing import Finding, Likeness
from trunks.workflow.listing import take_in
from trunks.workflow.reading import look_up
from trunks.workflow.words import sentence
from trunks.zoom.errors import ZoomError
from trunks.zoom.types import Trunk

KEPT_SECONDS = 30
NOT_SENT_YET = (State.PENDING, State.SENT_BACK)


@dataclass(frozen=True)
class ZoomNow:
    """Zoom's list of the sub account's trunks, or the `problem` that kept it from being read.

    `lines` says for each line of the request, by primary key, how it stands at Zoom; `compared` says for each of its
    DNIS how it stood when it was asked for, stands now, and would stand.
    """

    read_at: datetime | None = None
    rows: list[Trunk] = field(default_factory=list)
    problem: str = ""
    lines: dict[int, str] = field(default_factory=dict)
    compared: list[Compared] = field(default_factory=list)
    asked_on: datetime | None = None
    when: str = ""


def zoom_now(trunk_request: TrunkRequest) -> ZoomNow:
    """Return what Zoom lists for the request's sub account, at most 30 seconds old. Never raises ZoomError."""
    try:
        read_at, rows = _rows(trunk_request.sub_account)
    except ZoomError as error:
        return ZoomNow(problem=sentence(error))
    findings = look_up(trunk_request.lines.select_related("trunk"), rows)
    lines = {line.pk: _words(line, finding) for line, finding in findings.items()}
    return ZoomNow(read_at, rows, lines=lines, **_beside(trunk_request))


def read_last(trunk_request: TrunkRequest) -> ZoomNow:
    """Return what the request asks for beside what Zoom had when its sub account was last read; asks nobody."""
    return ZoomNow(trunk_request.sub_account.trunks_read_at, **_beside(trunk_request))


def _beside(trunk_request: TrunkRequest) -> dict[str, Any]:
    """Return the request's base compared with what Zoom has now, while it is still to be decided."""
    then = base.asked_on(trunk_request)
    compared = base.compared(trunk_request, then) if trunk_request.state in NOT_SENT_YET else []
    return {"compared": compared, "asked_on": then.read_at, "when": then.when}


def _rows(account: SubAccount) -> tuple[datetime, list[Trunk]]:
    kept = cache.get(_key(account))
    if kept is None:
        return read_anew(account)
    read_at = datetime.fromisoformat(kept["read_at"])
    if account.trunks_read_at is not None and read_at < account.trunks_read_at:
        return read_anew(account)
    return read_at, [Trunk(**row) for row in kept["rows"]]


def read_anew(account: SubAccount) -> tuple[datetime, list[Trunk]]:
    """Read Zoom's list of the sub account, whatever is kept of it, into the estate. Raises ZoomError."""
    read_at = clock.read()
    with speaking.client_for(account.master, urgency=INTERACTIVE) as client:
        rows = client.list_trunks(account.zoom_id)
    take_in(account, rows, read_at)
    kept = {"read_at": read_at.isoformat(), "rows": [asdict(row) for row in rows]}
    cache.set(_key(account), kept, KEPT_SECONDS)
    return read_at, rows


def _key(account: SubAccount) -> str:
    return f"zoom-now-{account.pk}"


def _words(line: Line, finding: Finding) -> str:
    if line.phase == Phase.REMOVE:
        return _words_before_removal(line, finding)
    return {
        Likeness.UNMET: "Not in this sub account's list.",
        Likeness.MET: "At Zoom with these values.",
        Likeness.CALLER_ID_NOT_REPORTED: "At Zoom; its list shows no caller ID.",
        Likeness.DIFFERENT: finding.detail,
    }[finding.likeness]


def _words_before_removal(line: Line, finding: Finding) -> str:
    if finding.likeness is Likeness.MET:
        return f"{line.current_dnis} is not in this sub account's list any more."
    shown = finding.row.outbound_caller_id if finding.row else ""
    caller_id = f"caller ID {shown}" if shown else "no caller ID shown"
    return f"{line.current_dnis} is at Zoom, {caller_id}. {finding.detail}".strip()
