"""What is asked of the index of the audit trail, and the events that were found by it.

PostgreSQL keeps events in a table for each month. A statement that does not say in which of them to look is planned for
all of them, which takes longer than finding the events; so what is found comes with its times.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import DateTimeField

from trunks import audit_index
from trunks.compiled import Param, Rows, named, several
from trunks.models.audit_event import AuditEvent


class Place(NamedTuple):
    """An event that was found: its number, and when it happened, where that is of use."""

    number: int
    at: datetime | None


def numbers(sql: str, values: Sequence[object]) -> list[int]:
    """Return the first column of what a statement finds; {entry} and the like stand for the tables."""
    return [row[0] for row in _rows(sql, values)]


def places(newer: bool, sql: str, values: Sequence[object]) -> list[Place]:
    """Return the places of the numbers that a statement finds, newest last or first."""
    if connection.vendor == "sqlite":
        return [Place(number, None) for number in numbers(sql, values)]
    way = "ASC" if newer else "DESC"
    timed = f"SELECT event_id, p.at FROM ({sql}) found JOIN {{entry}} p USING (event_id) ORDER BY 1 {way}"  # noqa: S608  # ours
    return [Place(number, at) for number, at in _rows(timed, values)]


def events_at(found: Sequence[Place]) -> list[AuditEvent]:
    """Return the events at some places, newest first."""
    if not found:
        return []
    ids = named("number", [place.number for place in found])
    times = [place.at for place in found if place.at]
    if not times:
        return _events(len(found), timed=False)(**ids)
    return _events(len(found), timed=True)(**ids, first=min(times), last=max(times))


@lru_cache(maxsize=200)
def _events(count: int, *, timed: bool) -> Rows[AuditEvent]:
    """Return the query for so many events; most pages are full."""
    when = {"at__range": (Param("first", DateTimeField()), Param("last", DateTimeField()))} if timed else {}
    wanted = {"id__in": several("number", count), **when}
    return Rows(lambda: AuditEvent.objects.filter(**wanted).order_by("-id"))


def _rows(sql: str, values: Sequence[object]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(audit_index.named(sql), [_stored(value) for value in values])
        return list(cursor.fetchall())


def _stored(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
