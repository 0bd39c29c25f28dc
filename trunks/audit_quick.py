"""The quick way along the chain: whether a long piece of it is in order, told without saying what is wrong.

The database puts each event into the bytes that are hashed, in one pass over it, and sends them while Python hashes
those before, so that two processors share the work. Nothing of the portal's own in the database is asked: neither the
trigger nor a function of the schema, and every function by its whole name, so that none can be put in its place.
Wherever this way sees something else than an event in order it stops, and `trunks.audit_chain`, which has an encoding
of its own, finds out what it is. A NULL where none may be leaves a ":" without a length before it, which no event in
order has at that place.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from functools import cache
from hashlib import sha256

from django.db import connection

from trunks import chain
from trunks.audit_chain import CLOCK_TOLERANCE_SECONDS, Place, as_written
from trunks.audit_columns import Column, hashed, is_text, sqlite_microseconds
from trunks.copying import messages
from trunks.models.audit_event import AuditEvent
from trunks.plans import without_jit

# Events in one piece. PostgreSQL's pass through Python one by one; SQLite's are held, and shut out no writer meanwhile.
PIECES = {"postgresql": 100_000, "sqlite": 10_000}
_TOLERANCE = CLOCK_TOLERANCE_SECONDS * 1_000_000
# What is hashed: the chain's version, the hash before, and the event. Python puts in the number and the time, which it
# needs anyway, and the database makes the rest.
_HASHED = f"{chain.VERSION}64:".encode() + b"%b%d:%d%d:%d%b"
_NUMBERED = ("id", "at")
Row = tuple[int, int, bytes, bytes | memoryview]

# A row of COPY in binary: how many columns, and each with its length before it; the last is the rest.
_ROW = struct.Struct(">hiqiqi64si")
_HEADER = 19
_TRAILER = 2
_NO_EVENT: Row = (0, 0, b"", b"")


def prove(place: Place, upto: int, marks: Collection[int]) -> list[Place]:
    """Return the places at `marks`, and at the end of the next piece, that events in order lead to from `place`.

    The piece ends at `upto` or before. What follows the first event that does not fit is left out: an empty list says
    that nothing is proven, and not what is wrong.
    """
    end = min(place.position + PIECES[connection.vendor], upto)
    proven: list[Place] = []
    told = {*marks, end}
    position, last, at, fits = place.position, place.hash.encode(), place.at, True
    for number, moment, written, rest in _READ[connection.vendor](position, end):
        position += 1
        fits = fits and number == position and moment >= at - _TOLERANCE
        if fits:
            hashed = _HASHED % (last, len(str(number)), number, len(str(moment)), moment, rest)
            fits = sha256(hashed).hexdigest().encode() == written
        if not fits:
            continue  # to the end, for the connection's sake
        last, at = written, moment
        if position in told:
            proven.append(Place(position, last.decode(), at))
    return proven


def _copied(after: int, upto: int) -> Iterator[Row]:
    """Yield the events of PostgreSQL, as they come."""
    unpack, size, skipped = _ROW.unpack_from, _ROW.size, _HEADER
    errors = connection.wrap_database_errors  # what comes while rows are read is Django's error too
    asked = _copy(), [after, upto]
    with without_jit(in_order=True), connection.cursor() as cursor, errors, cursor.copy(*asked) as copy:
        for message in messages(copy):
            if len(message) <= skipped + _TRAILER:
                continue
            if len(message) < skipped + size:
                yield _NO_EVENT
            else:
                columns, first, number, second, moment, third, written, last = unpack(message, skipped)
                ours = columns == 4 and first == second == 8 and third == 64  # comparing tuples takes longer
                rest = message[skipped + size :]
                yield (number, moment, written, rest) if ours and last == len(rest) else _NO_EVENT
            skipped = 0


def _fetched(after: int, upto: int) -> Iterator[Row]:
    """Yield the events of SQLite."""
    with connection.cursor() as cursor:
        cursor.execute(_select(), [after, upto])
        rows = cursor.fetchall()
    for number, moment, written, rest in rows:
        yield number, moment or 0, str(written).encode(), rest or b""


_READ = {"postgresql": _copied, "sqlite": _fetched}


@cache
def _copy() -> str:
    """Return the COPY of PostgreSQL."""
    rest = [field for field in hashed() if field.attname not in _NUMBERED]
    measured = ", ".join(_measured(field) for field in rest)
    # Exact to the microsecond until the year 2255, and a tenth of the price of extract(), which reckons in decimals.
    moment = "(pg_catalog.date_part('epoch', e.at) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8"
    columns = ", ".join(f"{_once(field)} AS {_quoted(str(field.column))}" for field in rest)
    some = (
        f"SELECT e.id, {moment} AS moment, e.hash, {columns} FROM {_table()} e"  # noqa: S608  # names of our own model
        " WHERE e.id OPERATOR(pg_catalog.>) %s AND e.id OPERATOR(pg_catalog.<=) %s ORDER BY e.id"
    )
    return (
        f"COPY (SELECT e.id, e.moment, e.hash, pg_catalog.concat({measured}) FROM ({some}) e)"  # noqa: S608  # the same
        " TO STDOUT (FORMAT binary)"
    )


def _once(field: Column) -> str:
    """Return a column as text, which is made once for its length and for itself."""
    column = f"e.{_quoted(str(field.column))}"
    return column if is_text(field) else f"{column}::pg_catalog.text"


def _measured(field: Column) -> str:
    """Return the arguments of concat() for a column with its length before it, or "-" for none at all."""
    column = f"e.{_quoted(str(field.column))}"
    length = f"pg_catalog.octet_length({column})"
    if field.null:
        joined = " OPERATOR(pg_catalog.||) ".join((f"{length}::pg_catalog.text", "':'", column))
        return f"COALESCE({joined}, '-')"
    return f"{length}, ':'::pg_catalog.\"char\", {column}"  # of its kinds of text the cheapest to put out


@cache
def _select() -> str:
    """Return the statement of SQLite: printf() makes one text at once, where || would make one for each field."""
    found = [_printed(field) for field in hashed() if field.attname not in _NUMBERED]
    form = "".join("%%s:%%s" if len(values) > 1 else "%%s" for values in found)
    rest = ", ".join(value for values in found for value in values)
    moment = sqlite_microseconds(_quoted("at"))
    # From the table itself: what comes through a subquery is copied, with all columns, for each event.
    sound = f"CASE WHEN {as_written()} THEN CAST(printf('{form}', {rest}) AS BLOB) END"
    return (
        f"SELECT id, {moment}, hash, {sound} FROM {_table()}"  # noqa: S608  # names of our own model
        " WHERE id > %s AND id <= %s ORDER BY id"
    )


def _printed(field: Column) -> tuple[str, ...]:
    """Return what printf() takes for a column: its length and its value, or both in one for a number, or none."""
    column = _quoted(str(field.column))
    if is_text(field):
        return f"length(CAST({column} AS BLOB))", column
    return (f"CASE WHEN {column} IS NULL THEN '-' ELSE length({column}) || ':' || {column} END",)


def _table() -> str:
    return _quoted(AuditEvent._meta.db_table)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
