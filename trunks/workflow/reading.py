"""Reading Zoom's list of a sub account, and writing down what it says about the lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import F, QuerySet, Value

from trunks.models import Line, LineState, MasterTrunk, clock
from trunks.workflow.claims import Claim
from trunks.workflow.comparing import Finding, Likeness, compare
from trunks.workflow.listing import take_in
from trunks.workflow.transitions import mark
from trunks.zoom.client import ZoomClient
from trunks.zoom.types import Trunk

Findings = dict[Line, Finding]


def read_list(claim: Claim, client: ZoomClient) -> list[Trunk]:
    """Read Zoom's list of the sub account and take it into the estate. Raises ZoomError."""
    read_at = clock.read()
    rows = client.list_trunks(claim.trunk_request.sub_account.zoom_id)
    take_in(claim.trunk_request.sub_account, rows, read_at)
    return rows


def look_up(lines: Iterable[Line], rows: Sequence[Trunk]) -> Findings:
    """Return what `rows` say about each of `lines`."""
    lines = list(lines)
    siblings = list(MasterTrunk.objects.filter(master__in={line.master_id for line in lines}))
    return {line: compare(line, rows, siblings) for line in lines}


def absent(findings: Findings) -> list[Line]:
    """Return the lines that Zoom's list does not show."""
    return [line for line, finding in findings.items() if finding.likeness is Likeness.ABSENT]


def write_findings(claim: Claim, findings: Findings) -> None:
    """Write the outcome of every line that Zoom's list shows; an absent one keeps its state. May raise Fenced."""
    shown = [(line, finding) for line, finding in findings.items() if finding.row is not None]
    landed = any(line.state == LineState.UNKNOWN for line, _ in shown)
    with transaction.atomic():
        claim.write(landed=Value(True) if landed else F("landed"))
        for line, finding in shown:
            _write_outcome(line, finding)


def refuse(claim: Claim, lines: QuerySet[Line], detail: str) -> None:
    """Write down that `lines` were not applied, and why. May raise Fenced."""
    with transaction.atomic():
        claim.hold()
        mark(lines, LineState.REFUSED, detail=detail)


def _write_outcome(line: Line, finding: Finding) -> None:
    states = {
        Likeness.SAME: LineState.ASSIGNED if line.sends else LineState.ALREADY_THERE,
        Likeness.CALLER_ID_NOT_REPORTED: LineState.CALLER_ID_NOT_REPORTED,
        Likeness.DIFFERENT: LineState.DIFFERENT,
    }
    zoom_id = finding.row.id if finding.row else ""
    row = Line.objects.filter(pk=line.pk)
    mark(row, states[finding.likeness], detail=finding.detail, zoom_id=zoom_id)
