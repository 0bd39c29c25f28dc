"""Taking a month of events out of the audit trail, as the owner of its tables alone can."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db import connection
from django.db.models import Count, Max, Min

from trunks.audit_chain import Place, first_moment
from trunks.models import AuditArchive
from trunks.models.audit_event import AuditEvent

_KEEPER = "audit_keep_row"  # SQLite's trigger against DELETE


@dataclass(frozen=True)
class Span:
    """The events of one month: the numbers of the first and last, and how many there are."""

    month: date
    first: int
    last: int
    count: int


def first_month() -> date | None:
    """Return the month of the first event that is there, or None without any."""
    moment = first_moment()
    return moment.astimezone(UTC).date().replace(day=1) if moment else None


def month_after(month: date, months: int = 1) -> date:
    place = month.year * 12 + month.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)


def span_of(month: date) -> Span | None:
    """Return the events of a month, or None when it has none."""
    found = AuditEvent.objects.filter(at__gte=_begin(month), at__lt=_begin(month_after(month)))
    row = found.order_by().aggregate(first=Min("id"), last=Max("id"), count=Count("id"))
    return Span(month, row["first"], row["last"], row["count"]) if row["count"] else None


def start() -> Place:
    """Return where the chain begins that is here: after the last archive."""
    archive = AuditArchive.objects.first()
    return Place(archive.last, archive.head) if archive else Place()


def prepare(month: date) -> None:
    """Have the month's own table on PostgreSQL, also where its events went to the table for the rest."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT audit_month(%s)", [_begin(month)])


def remove(span: Span) -> bool:
    """Take the events out in the caller's transaction; say whether exactly those of the span were there.

    On PostgreSQL the month's whole table goes. It is locked first, in the same order in which a change takes its locks,
    and the wait for it is limited to five seconds.
    """
    if connection.vendor == "sqlite":
        return _delete(span)
    part = f"{AuditEvent._meta.db_table}_{span.month:%Y_%m}"
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute(f"LOCK TABLE ONLY {AuditEvent._meta.db_table} IN ACCESS EXCLUSIVE MODE")
        cursor.execute("SELECT to_regclass(%s)", [part])
        if cursor.fetchone()[0] is None:  # somebody else has archived the month meanwhile
            return False
        cursor.execute(f"ALTER TABLE {AuditEvent._meta.db_table} DETACH PARTITION {part}")
        cursor.execute(f"SELECT min(id), max(id), count(*) FROM {part}")  # noqa: S608  # names only
        found = cursor.fetchone()
        cursor.execute(f"DROP TABLE {part}")
    return bool(found == (span.first, span.last, span.count))


def _delete(span: Span) -> bool:
    """SQLite knows no owner: its trigger is lifted and put back in the one transaction that takes the events out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = %s", [_KEEPER])
        keeper = cursor.fetchone()[0]
        cursor.execute(f"DROP TRIGGER {_KEEPER}")
        cursor.execute(
            f"DELETE FROM {AuditEvent._meta.db_table} WHERE id >= %s AND id <= %s",  # noqa: S608  # names only
            [span.first, span.last],
        )
        gone = cursor.rowcount
        cursor.execute(keeper)
    return bool(gone == span.count)


def _begin(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)
