"""What is asked of the index of the audit trail, and the events that were found by it.

PostgreSQL keeps events in a table for each month. A statement that does not say in which of them to look is planned for
all of them, which takes longer than finding the events; so what is found comes with its times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import BooleanField, DateTimeField, F, Func, Q

from trunks import audit_index
from trunks.asking import ask
from trunks.compiled import Param, Rows, named, several
from trunks.models.audit_event import AuditEvent

# With this in a statement PostgreSQL starts no processes to share what it looks for: they take longer to start than a
# page takes to be found.
ALONE = "set_config('max_parallel_workers_per_gather', '0', true)"


@dataclass(frozen=True)
class Places:
    """Events that were found: their numbers in the order of the search, and between which times they lie, if known."""

    numbers: list[int]
    first: datetime | None = None
    last: datetime | None = None

    def __len__(self) -> int:
        return len(self.numbers)


def numbers(sql: str, values: Sequence[object]) -> list[int]:
    """Return the first column of what a statement finds; {entry} and the like stand for the tables."""
    return [row[0] for row in _rows(sql, values)]


def places(newer: bool, sql: str, values: Sequence[object], *, keep: bool = False) -> Places:
    """Return the places of the numbers that a statement finds, newest last or first.

    `keep` has PostgreSQL keep the plan, for a statement that has only one good one.
    """
    if connection.vendor == "sqlite":
        return Places(numbers(sql, values))
    inner = f"SELECT event_id, p.at FROM ({sql}) found JOIN {{entry}} p USING (event_id)"  # noqa: S608  # ours
    way = "ASC" if newer else "DESC"
    timed = (
        f"SELECT array_agg(event_id ORDER BY event_id {way}), min(at), max(at), {ALONE} FROM ({inner}) timed"  # noqa: S608  # the same
    )
    [(found, first, last, _)] = _rows(timed, values, keep=keep)
    return Places(found or [], first, last)


def events_at(found: Places, most: int, columns: tuple[str, ...]) -> list[AuditEvent]:
    """Return the events at the first places, newest first; `columns` are those that are read (without any: all)."""
    if not found.numbers:
        return []
    some = found.numbers[:most]
    if found.first is None:
        return _events(columns, len(some))(**named("number", some))
    # In one text: psycopg takes a statement with fifty values apart each time that it is run.
    listed = f"{{{','.join(map(str, some))}}}"
    return _events(columns)(numbers=listed, first=found.first, last=found.last)


@lru_cache(maxsize=200)
def _events(columns: tuple[str, ...], count: int = 0) -> Rows[AuditEvent]:
    """Return the query for `count` events; for any number of them that lie between two times, on PostgreSQL."""
    between = {"at__range": (Param("first", DateTimeField()), Param("last", DateTimeField()))}
    wanted = Q(id__in=several("number", count)) if count else Q(_among(), **between)
    events = AuditEvent.objects.only(*columns) if columns else AuditEvent.objects.all()
    return Rows(lambda: events.filter(wanted).order_by("-id"))


def _among() -> Func:
    """Return the condition that an event's number is one of an array."""
    form = {"template": "%(expressions)s::bigint[])", "arg_joiner": " = ANY("}
    return Func(F("id"), Param("numbers"), output_field=BooleanField(), **form)


def _rows(sql: str, values: Sequence[object], *, keep: bool = False) -> list[Any]:
    asked, stored = audit_index.named(sql), [_stored(value) for value in values]
    if keep:
        return list(ask(asked, stored))
    with connection.cursor() as cursor:
        cursor.execute(asked, stored)
        return list(cursor.fetchall())


def _stored(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
