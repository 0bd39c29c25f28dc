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

from django.db import connection, models

from trunks import chain
from trunks.audit_chain import CLOCK_TOLERANCE_SECONDS, Place, as_written
from trunks.models.audit_event import AuditEvent
from trunks.plans import without_jit

# Events in one piece. PostgreSQL's pass through Python one by one; SQLite's are held, and shut out no writer meanwhile.
PIECES = {"postgresql": 100_000, "sqlite": 10_000}
_TOLERANCE = CLOCK_TOLERANCE_SECONDS * 1_000_000
_START = f"{chain.VERSION}64:".encode()
Row = tuple[int, int, bytes, bytes]

# A row of COPY in binary: how many columns, and each with its length before it; the last is the rest.
_ROW = struct.Struct(">hiqiqi64si")
_SHAPE = (4, 8, 8, 64)
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
    position, last, at, fits = place.position, place.hash.encode(), place.at, True
    for number, moment, written, body in _READ[connection.vendor](position, end):
        position += 1
        fits = fits and number == position and moment >= at - _TOLERANCE
        if not fits or sha256(_START + last + body).hexdigest().encode() != written:
            fits = False  # and the rest is read to its end, for the connection's sake
            continue
        last, at = written, moment
        if position == end or position in marks:
            proven.append(Place(position, last.decode(), at))
    return proven


def _copied(after: int, upto: int) -> Iterator[Row]:
    """Yield the events of PostgreSQL, as they come."""
    asked = _copy(), [after, upto]
    errors = connection.wrap_database_errors  # what comes while rows are read is Django's error too
    with without_jit(in_order=True), connection.cursor() as cursor, errors, cursor.copy(*asked) as copy:
        skipped = _HEADER
        for message in copy:
            if len(message) > _TRAILER:
                yield _unpacked(bytes(message[skipped:]))
            skipped = 0


def _unpacked(row: bytes) -> Row:
    if len(row) < _ROW.size:
        return _NO_EVENT
    columns, first, number, second, moment, third, written, length = _ROW.unpack_from(row)
    if (columns, first, second, third, length) != (*_SHAPE, len(row) - _ROW.size):
        return _NO_EVENT
    return number, moment, written, row[_ROW.size :]


def _fetched(after: int, upto: int) -> Iterator[Row]:
    """Yield the events of SQLite."""
    with connection.cursor() as cursor:
        cursor.execute(_select(), [after, upto])
        rows = cursor.fetchall()
    for number, moment, written, body in rows:
        yield number, moment or 0, str(written).encode(), (body or "").encode()


_READ = {"postgresql": _copied, "sqlite": _fetched}


@cache
def _copy() -> str:
    """Return the COPY of PostgreSQL."""
    fields = {field.attname: field for field in AuditEvent._meta.concrete_fields}
    body = ", ".join(_measured(fields[name]) for name in chain.FIELDS)
    # Exact to the microsecond until the year 2255, and a tenth of the price of extract(), which reckons in decimals.
    moment = "(pg_catalog.date_part('epoch', e.at) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8"
    some = (
        f"SELECT e.*, {moment} AS moment FROM {_table()} e"  # noqa: S608  # names of our own model
        " WHERE e.id OPERATOR(pg_catalog.>) %s AND e.id OPERATOR(pg_catalog.<=) %s ORDER BY e.id"
    )
    return (
        f"COPY (SELECT e.id, e.moment, e.hash, pg_catalog.concat({body}) FROM ({some}) e)"  # noqa: S608  # the same
        " TO STDOUT (FORMAT binary)"
    )


def _measured(field: models.Field[object, object]) -> str:
    """Return the arguments of concat() for a column with its length before it, or "-" for none at all."""
    column = "e.moment" if field.attname == "at" else f"e.{_quoted(str(field.column))}"
    if isinstance(field, models.CharField | models.TextField):
        return f"pg_catalog.octet_length({column}), ':', {column}"
    whole = f"pg_catalog.length({column}::pg_catalog.text), ':', {column}"
    if field.null:
        return f"CASE WHEN {column} IS NULL THEN '-' ELSE pg_catalog.concat({whole}) END"
    return whole


@cache
def _select() -> str:
    """Return the statement of SQLite: printf() makes one text at once, where || would make one for each field."""
    fields = {field.attname: field for field in AuditEvent._meta.concrete_fields}
    found = [_printed(fields[name]) for name in chain.FIELDS]
    form = "".join("%%s:%%s" if len(values) > 1 else "%%s" for values in found)
    body = ", ".join(value for values in found for value in values)
    at = _quoted("at")
    moment = (
        f"(CAST(strftime('%%s', substr({at}, 1, 19)) AS INTEGER) * 1000000"
        f" + CAST(substr(substr({at}, 21) || '000000', 1, 6) AS INTEGER))"
    )
    some = f"SELECT *, {moment} AS moment FROM {_table()} WHERE id > %s AND id <= %s ORDER BY id"  # noqa: S608  # names
    sound = f"CASE WHEN {as_written()} THEN printf('{form}', {body}) END"
    return f"SELECT id, moment, hash, {sound} FROM ({some})"  # noqa: S608  # names of our own model


def _printed(field: models.Field[object, object]) -> tuple[str, ...]:
    """Return what printf() takes for a column: its length and its value, or both in one where it may be none."""
    column = "moment" if field.attname == "at" else _quoted(str(field.column))
    if isinstance(field, models.CharField | models.TextField):
        return f"length(CAST({column} AS BLOB))", column
    if field.null:
        return (f"CASE WHEN {column} IS NULL THEN '-' ELSE length({column}) || ':' || {column} END",)
    return f"length({column})", column


def _table() -> str:
    return _quoted(AuditEvent._meta.db_table)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
