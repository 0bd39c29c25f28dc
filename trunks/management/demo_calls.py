"""What was said to Zoom about a request of the demo's past, and what came back: list, change, and list again."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from trunks.models import Attempt, Line, LineState, ListedTrunk, TrunkRequest, ZoomCall

REFUSAL = '{"code": 300, "message": "Invalid dnis."}'
# From the answer to the change: when the list was asked for before it and after it.
BEFORE, AFTER = timedelta(seconds=-1.0), timedelta(seconds=1.2)


def own_id(dnis: str) -> str:
    """Return the id under which the sub account's list shows a DNIS; where Zoom's stand-in still has it, that one."""
    listed = ListedTrunk.objects.filter(dnis=dnis, gone_at=None).values_list("zoom_id", flat=True).first()
    return listed or f"4{dnis[-4:]}"


def tracking_id(trunk_request: TrunkRequest, which: str = "") -> str:
    """Return what the answer to the change, or to `which` reading of the list, is to have been known by."""
    name = f"{trunk_request.reference}{which}"
    return f"v=2.0;clid=us06;rid=WEB_{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def converse(attempt: Attempt, path: str, at: datetime, *, refused: str) -> None:
    """Write down the three calls of an attempt, whose change was answered at `at`; `refused` says why, if it was."""
    line = attempt.trunk_request.lines.select_related("trunk").get()
    had = _had_by(attempt.trunk_request, at)
    has = had if refused else _changed(had, line)
    _read(attempt, path, at + BEFORE, "before", had)
    removes = bool(line.current_dnis)
    ZoomCall.objects.create(
        attempt=attempt,
        method="DELETE" if removes else "POST",
        path=f"{path}/{own_id(line.dnis)}" if removes else path,
        started_at=at - timedelta(milliseconds=410),
        duration_ms=410,
        status=400 if refused else 204 if removes else 201,
        tracking_id=tracking_id(attempt.trunk_request),
        sent=None if removes else {"sip_trunks": [_sent(line)]},
        answer=REFUSAL if refused else "" if removes else json.dumps({"sip_trunks": [_row(line)]}),
        problem=refused,
    )
    _read(attempt, path, at + AFTER, "after", has)


def _read(attempt: Attempt, path: str, at: datetime, which: str, rows: dict[str, dict[str, str]]) -> None:
    ZoomCall.objects.create(
        attempt=attempt,
        method="GET",
        path=path,
        started_at=at,
        duration_ms=120 + attempt.trunk_request_id % 40,
        status=200,
        tracking_id=tracking_id(attempt.trunk_request, which),
        answer=json.dumps({"total_records": len(rows), "sip_trunks": list(rows.values())}),
    )


def _had_by(trunk_request: TrunkRequest, at: datetime) -> dict[str, dict[str, str]]:
    """Return the rows of the sub account's list by then: what the requests before have left it with."""
    ended = Line.objects.filter(
        trunk_request__sub_account=trunk_request.sub_account, trunk_request__attempts__ended_at__lte=at
    )
    rows: dict[str, dict[str, str]] = {}
    for line in ended.select_related("trunk").order_by("trunk_request__attempts__ended_at"):
        if line.state in (LineState.ASSIGNED, LineState.UNASSIGNED):
            rows = _changed(rows, line)
    return rows


def _changed(rows: dict[str, dict[str, str]], line: Line) -> dict[str, dict[str, str]]:
    rest = {dnis: row for dnis, row in rows.items() if dnis != line.dnis}
    if line.current_dnis:
        return rest
    caller_id = {"outbound_caller_id": line.outbound_caller_id} if line.outbound_caller_id else {}
    return rest | {line.dnis: _row(line) | caller_id}


def _row(line: Line) -> dict[str, str]:
    return {
        "id": own_id(line.dnis),
        "name": line.trunk.name,
        "sip_server_address": line.trunk.sip_server_address,
        "dnis": line.dnis,
        "number_prefix": line.trunk.number_prefix,
    }


def _sent(line: Line) -> dict[str, Any]:
    wanted = {"id": line.trunk.zoom_id, "dnis": line.dnis}
    return wanted | ({"outbound_caller_id": line.outbound_caller_id} if line.outbound_caller_id else {})
