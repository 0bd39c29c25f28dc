"""The quick way along the chain: whether a long piece of it is in order, told without saying what is wrong.

The database puts each event into the bytes that are hashed, in one pass over it, and sends them while Python hashes
those before, so that two processors share the work. Nothing of the portal's own in the database is asked: neither the
trigger nor a function of the schema, and every function by its whole name, so that none can be put in its place.
On SQLite, which is part of this process, a thread has it make the next events while those before are hashed.
Wherever this way sees something else than an event in order it stops, and `trunks.audit_chain`, which has an encoding
of its own, finds out what it is. A NULL where none may be leaves a ":" without a length before it, which no event in
order has at that place.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from hashlib import sha256
from itertools import islice
from typing import Any

from django.db import connection

from trunks import chain
from trunks.audit_chain import CLOCK_TOLERANCE_SECONDS, Place, of_their_kinds
from trunks.audit_columns import Column, hashed, is_text
from trunks.copying import messages
from trunks.models.audit_event import AuditEvent
from trunks.plans import without_jit

PIECE = 100_000  # events, which pass through Python a few at a time
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

AT_ONCE = 2_500  # events that SQLite gives in one text: more take more memory, and no less time
# In it an event's hash comes first, then its moment with its length, with or without a fraction, and then the rest.
_MOMENT = chain.LENGTH
_SAYS = _MOMENT + len("26:")
_ENDS = {b"26:": _SAYS + 26, b"19:": _SAYS + 19}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # SQLite's moments are UTC without saying so


def prove(place: Place, upto: int, marks: Collection[int]) -> list[Place]:
    """Return the places at `marks`, and at the end of the next piece, that events in order lead to from `place`.

    The piece ends at `upto` or before. What follows the first event that does not fit is left out: an empty list says
    that nothing is proven, and not what is wrong.
    """
    end = min(place.position + PIECE, upto)
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


def _joined(after: int, upto: int) -> Iterator[Row]:
    """Yield the events of SQLite, in the order in which it has them: theirs, or nothing is proven."""
    with connection.cursor() as cursor, ThreadPoolExecutor(1) as beside:

        def read(begin: int) -> Any:
            cursor.execute(_select(), [begin, min(begin + AT_ONCE, upto)])
            return cursor.fetchone()

        # Two ahead: a thread that had to be asked each time would wait for Python's lock while those here are hashed.
        begins = iter(range(after, upto, AT_ONCE))
        coming = deque(beside.submit(read, begin) for begin in islice(begins, 2))
        while coming:
            numbers, events = coming.popleft().result()
            coming.extend(beside.submit(read, begin) for begin in islice(begins, 1))
            if events:
                yield from map(_taken_apart, numbers.split("\0"), events.split(b"\0"))


def _taken_apart(number: str, event: bytes) -> Row:
    """Return an event of SQLite's."""
    end = _ENDS.get(event[_MOMENT:_SAYS])
    if end is None:
        return _NO_EVENT
    try:
        at = event[_SAYS:end].decode()
        moment = datetime.fromisoformat(at)
    except ValueError:  # no text, or a day that there is not
        return _NO_EVENT
    if moment.isoformat(" ") != at:  # the one way in which the portal writes it
        return _NO_EVENT
    since = moment - _EPOCH
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return int(number), microseconds, event[:_MOMENT], event[end:]


_READ = {"postgresql": _copied, "sqlite": _joined}


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
    """Return the statement of SQLite: many events in one text, since a row for each costs as much as its hash.

    printf() makes an event at once, where || would make a text for each field. It puts out no zero byte, so what
    stands between events can stand in none, and an event that holds one has another length than it says.
    """
    found = [_printed(field) for field in hashed() if field.attname not in _NUMBERED]
    form = "%%s%%d:%%s" + "".join("%%d:%%s" if len(values) > 1 else "%%s" for values in found)
    at = _quoted("at")
    values = ", ".join(("hash", f"length(CAST({at} AS BLOB))", at, *(one for some in found for one in some)))
    sound = f"{of_their_kinds()} AND typeof(hash) = 'text' AND length(CAST(hash AS BLOB)) = {chain.LENGTH}"
    # From the table itself: what comes through a subquery is copied, with all columns, for each event.
    events = f"group_concat(CASE WHEN {sound} THEN printf('{form}', {values}) ELSE '' END, char(0))"
    return (
        f"SELECT group_concat(id, char(0)), CAST({events} AS BLOB) FROM {_table()}"  # noqa: S608  # names of our own model
        " WHERE id > %s AND id <= %s"
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
