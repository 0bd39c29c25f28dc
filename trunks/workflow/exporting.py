"""Handing the audit trail over: each export is an event before its first line leaves."""

from __future__ import annotations

from collections.abc import Iterator

from trunks import audit, audit_chain, audit_export, audit_reading
from trunks.actions import Action
from trunks.models import User
from trunks.workflow import archive

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "zip": "application/zip",  # the table with what verifies it
    "jsonl": "application/x-ndjson; charset=utf-8",
}


def export(form: str, filters: audit_reading.Filters, *, actor: User, asked: str) -> Iterator[bytes]:
    """Return the lines of the events that `actor` may read and `filters` let through, oldest first.

    `asked` is the filters as people wrote them. What is exported ends before the event that tells of the export.
    """
    last, _ = audit_chain.ends()
    with audit.change():
        told = {"format": form, "filters": asked, "up_to_event": last.position}
        audit.record(Action.TRAIL_EXPORTED, actor=actor, on=actor, after=told)
    found = audit_reading.search(actor, filters)
    if form == "jsonl":
        return audit_export.as_json_lines(audit_export.json_pieces(found, last.position), asked)
    tally = audit_export.Tally(audit_export.csv_pieces(found, last.position))
    lines = audit_export.as_csv(tally)
    return archive.of_table(lines, lambda: tally.proof(asked)) if form == "zip" else lines
