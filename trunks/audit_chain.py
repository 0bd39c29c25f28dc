"""Reading the chain of the audit trail for checks and digests: quickly, in pieces, from wherever one left off.

The database puts each event into the bytes that are hashed (see `trunks.chain`), which costs a tenth of doing it in
Python; the hashes themselves are computed here, apart from what wrote them. Tests hold both encodings equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256

from django.db import DataError, InternalError, NotSupportedError, OperationalError, connection, models
from django.db.models import Subquery

from trunks import chain
from trunks.audit_columns import Column, hashed, is_text, sqlite_microseconds
from trunks.models.audit_event import AuditEvent, AuditHead
from trunks.plans import without_jit

PIECE = 10_000
# The database dates events; before it did, their times came from machines whose clocks differ a little.
CLOCK_TOLERANCE_SECONDS = 300
_TOLERANCE = CLOCK_TOLERANCE_SECONDS * 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_START = (chain.VERSION + "64:").encode()

_MOST = 2**63 - 1
CANNOT_HOLD = "a field holds something that an event cannot hold."

Row = tuple[int, int | None, str, str | None]
# What comes of what the portal never writes: a time of never, a day that there is not, a page that is damaged.
_NEVER_WRITTEN = (
    *(DataError, NotSupportedError, InternalError),
    *(ValueError, TypeError, AttributeError, OverflowError, RecursionError),
)
_NO_TEXT = "Could not decode"  # so says SQLite, in the kind of error that a lock has as well


@dataclass(frozen=True)
class Place:
    """A place in the chain: the position and hash of an event, and its time in microseconds since 1970."""

    position: int = 0
    hash: str = chain.GENESIS
    at: int = 0


class Misfit(Exception):
    """The first event that does not fit: its position, and what is wrong in words."""

    def __init__(self, position: int, what: str) -> None:
        super().__init__(what)
        self.position = position
        self.what = what


class Unreadable(Exception):
    """The database holds something that the portal never writes, and that cannot be read."""


@contextmanager
def readable() -> Iterator[None]:
    """Turn errors about unreadable data into Unreadable; a lost connection or a lock keeps its own error."""
    try:
        yield
    except (*_NEVER_WRITTEN, OperationalError) as error:
        if isinstance(error, OperationalError) and _NO_TEXT not in str(error):
            raise
        raise Unreadable from error


def ends() -> tuple[Place, Place]:
    """Return the last event in the table, and the one that the head of the chain names as last, both without times.

    Both come from one statement, which sees one moment, because events are being added all the while.
    """
    head = AuditHead.objects.filter(pk=1)
    known = {"head_position": Subquery(head.values("position")), "head_hash": Subquery(head.values("hash"))}
    row = AuditEvent.objects.order_by("-id").annotate(**known).values_list("id", "hash", *known).first()
    if row is None:
        said = head.first()
        return Place(), Place(said.position, said.hash) if said else Place()
    return Place(row[0], row[1]), Place(row[2] or 0, row[3] or chain.GENESIS)


def demand_none_outside(start: int) -> None:
    """Raise Misfit for an event that no walk from `start` on would reach: numbered below it, or with no number.

    Somebody without the triggers in the way could insert an event numbered 0: pages would show it, and the chain would
    miss nothing. In SQLite the number can even be a text or a blob, which sorts after every number.
    """
    table = connection.ops.quote_name(AuditEvent._meta.db_table)
    with connection.cursor() as cursor:
        for bound, sql in ((start, "id <= %s"), (_MOST, "id > %s")):
            cursor.execute(f"SELECT id FROM {table} WHERE {sql} LIMIT 1", [bound])  # noqa: S608  # names only
            if row := cursor.fetchone():
                raise Misfit(start + 1, f"an event stands outside the chain: it bears the number {row[0]!r}.")


def at(position: int) -> Place | None:
    """Return the event at `position`, or None."""
    row = AuditEvent.objects.filter(id=position).values_list("id", "hash", "at").first()
    return Place(row[0], row[1], chain.microseconds(row[2])) if row else None


def last_before(moment: datetime) -> int:
    """Return the position of the last event of before `moment`, or 0."""
    found = AuditEvent.objects.filter(at__lt=moment).order_by("-at", "-id").values_list("id", flat=True)
    return found.first() or 0


def moment_of(place: Place | None) -> datetime | None:
    return _EPOCH + timedelta(microseconds=place.at) if place and place.position else None


def first_moment() -> datetime | None:
    """Return when the first event happened, or None without any."""
    return AuditEvent.objects.order_by("id").values_list("at", flat=True).first()


def piece(after: int, upto: int, size: int = PIECE) -> list[Row]:
    """Return at most `size` events after the position `after`, as position, time, hash, and the bytes to be hashed."""
    with without_jit(), connection.cursor() as cursor:
        cursor.execute(_select(), [after, upto, size])
        return list(cursor.fetchall())


def follow(place: Place, rows: Sequence[Row]) -> Place:
    """Return the place after `rows`, which begin right after `place`; raise Misfit at the first that does not fit."""
    position, last_hash, last_at = place.position, place.hash, place.at
    for number, moment, written, body in rows:
        position += 1
        if number != position:
            raise _wrong_number(number, position)
        if body is None or moment is None:
            raise Misfit(position, CANNOT_HOLD)
        computed = sha256(_START + last_hash.encode() + body.encode()).hexdigest()
        if computed != written:
            raise Misfit(
                position, "a field or the hash was altered, or the event does not stand where it was written."
            )
        if moment < last_at - _TOLERANCE:
            raise Misfit(position, "time goes backwards: it says that it is older than the event before it.")
        last_hash, last_at = written, moment
    return Place(position, last_hash, last_at)


def _wrong_number(number: int, expected: int) -> Misfit:
    if number < expected:
        return Misfit(number, "there is more than one event with this number.")
    if number == expected + 1:
        return Misfit(expected, "the event is missing.")
    return Misfit(expected, f"the events {expected} to {number - 1} are missing.")


@cache
def _select() -> str:
    """Return the statement that reads a piece, in the words of the database that is used."""
    quoted = connection.ops.quote_name
    table = quoted(AuditEvent._meta.db_table)
    moment = _MOMENT[connection.vendor](quoted("at"))
    body = _AND[connection.vendor].join(_bytes_of(field, moment) for field in hashed())
    if connection.vendor == "sqlite":
        body = f"CASE WHEN {as_written()} THEN {body} END"
    return (
        f"SELECT id, {moment}, hash, {body} FROM {table}"  # noqa: S608  # names of our own model
        " WHERE id > %s AND id <= %s ORDER BY id LIMIT %s"
    )


@cache
def as_written() -> str:
    """Return SQLite's condition that each column holds what the portal writes there, and in the one way it does.

    SQLite takes a value of any kind in any column, and much for a moment: a blob of the same bytes has the same hash
    and is found by no filter, and a moment with "+05:00" behind it is another one for whoever reads it.
    """
    at = connection.ops.quote_name("at")
    second = f"substr({at}, 1, 19)"
    whole = f"length(CAST({at} AS BLOB))"  # of a text it would end at a zero byte
    conditions = [
        f"datetime(strftime('%%s', {second}), 'unixepoch') = {second}",
        f"({whole} = 19 OR {whole} = 26 AND substr({at}, 20) GLOB '.{'[0-9]' * 6}')",
    ]
    return " AND ".join([*conditions, of_their_kinds()])


@cache
def of_their_kinds() -> str:
    """Return SQLite's condition that each column holds the kind of value that the portal writes there."""
    conditions = []
    for field in hashed():
        text = is_text(field) or isinstance(field, models.DateTimeField)
        kinds = "IN ('integer', 'null')" if field.null and not text else "= 'text'" if text else "= 'integer'"
        conditions.append(f"typeof({connection.ops.quote_name(str(field.column))}) {kinds}")
    return " AND ".join(conditions)


# By their whole names: whoever may create a function or an operator could put one in front that fits better.
_AND = {"postgresql": " OPERATOR(pg_catalog.||) ", "sqlite": " || "}
# Whole microseconds since 1970.
_MOMENT: dict[str, Callable[[str], str]] = {
    "postgresql": "(EXTRACT(EPOCH FROM {0}) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8".format,
    "sqlite": sqlite_microseconds,
}
_TEXT = {"postgresql": "{value}::pg_catalog.text", "sqlite": "CAST({value} AS TEXT)"}
_LENGTH = {
    "postgresql": "pg_catalog.octet_length({text})::pg_catalog.text",
    "sqlite": "length(CAST({text} AS BLOB))",
}


def _bytes_of(field: Column, moment: str) -> str:
    """Return the expression that gives a column with its length before it, or "-" for none at all."""
    column = connection.ops.quote_name(str(field.column))
    value = moment if field.attname == "at" else column
    text = value if is_text(field) else _TEXT[connection.vendor].format(value=value)
    joined = _AND[connection.vendor]
    whole = f"{_LENGTH[connection.vendor].format(text=text)}{joined}':'{joined}{text}"
    return f"CASE WHEN {column} IS NULL THEN '-' ELSE {whole} END" if field.null else whole
