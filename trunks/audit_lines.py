"""Events as lines of CSV or JSON, put together by PostgreSQL: many times as quick as Python, and the same to the byte.

`trunks.audit_export` has the definitions in Python, which SQLite uses; a test holds each pair equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from trunks import chain
from trunks.audit_columns import Column, hashed, is_text
from trunks.copying import messages
from trunks.models import AuditArchive
from trunks.models.audit_event import AuditEvent
from trunks.plans import without_jit

# What a spreadsheet takes for a formula, in plain and in full width; an apostrophe, so that the mark can be told apart.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "'", "＝", "＋", "－", "＠")  # noqa: RUF001  # meant


@dataclass(frozen=True)
class Piece:
    """Some events as they leave: the lines, how many, the first and last number, and the hash of the last."""

    data: bytes
    count: int
    first: int
    last: int
    hash: str


@dataclass(frozen=True)
class _Form:
    """How a line looks: before the number, before and after the hash as PostgreSQL puts it, and between both hashes."""

    begin: bytes
    opens: bytes
    closes: bytes
    between: bytes
    end: bytes


_CSV = _Form(b"", b",", b"\n", b",", b"\r\n")
_JSON = _Form(b'{"id": ', b', "previous": "', b'"}\n', b'", "hash": "', b'"}\n')
# JSON has no control characters, so with two of them for quote and delimiter nothing is quoted, and nothing escaped.
_LINE = "FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01'"


class _Unusual(Exception):
    """A hash is not what the portal writes, so that where it begins in a line cannot be told afterwards."""


def table(found: QuerySet[AuditEvent], before: Piece | None = None) -> Piece | None:
    """Return the events of a slice of `found` as lines of CSV, or None without any; nothing stays open.

    `before` is the piece that this one follows.
    """
    try:
        return _linked(_copied(found, _table()), _CSV, before)
    except _Unusual:
        return _piece(_copied(found, _exact_table()), b"", b"\r\n")


def objects(found: QuerySet[AuditEvent], before: Piece | None = None) -> Piece | None:
    """Return the events of a slice of `found` as JSON Lines, as `table` does."""
    try:
        return _linked(_copied(found, _objects()), _JSON, before)
    except _Unusual:
        return _piece(_copied(found, _exact_objects()), b'{"id": ', b"\n")


def _copied(found: QuerySet[AuditEvent], statement: str) -> Iterator[bytes]:
    chosen = found.values_list(*chain.FIELDS, "hash").query
    try:
        asked, values = chosen.sql_with_params()
    except EmptyResultSet:  # Django knows without asking: of no master account there is nothing to read
        return
    asked = statement.replace("{found}", asked)
    errors = connection.wrap_database_errors  # what comes while rows are read is Django's error too
    with without_jit(), connection.cursor() as cursor, errors, cursor.copy(asked, values) as copy:
        yield from map(bytes, messages(copy))


def _linked(copied: Iterable[bytes], form: _Form, before: Piece | None) -> Piece | None:
    """Return the piece of lines that end with their hash, each with the hash of the event before put in.

    That is nearly always the line before; to have PostgreSQL look back was a third of its work. Raises _Unusual.
    """
    number, last = (before.last, before.hash.encode()) if before else (0, chain.GENESIS.encode())
    fits, tail = _is_hash(last), chain.LENGTH + len(form.closes)
    lines: list[bytes] = []
    apart: list[tuple[int, int]] = []  # where lines are that do not follow the one before, and their numbers
    first = 0
    for line in copied:
        rest, written = line[:-tail], line[-tail : -len(form.closes)]
        fits = fits and written.isalnum() and rest.endswith(form.opens)
        if not fits:
            continue  # to the end, for the connection's sake
        number += 1
        if not line.startswith(b"%b%d," % (form.begin, number)):
            number, last = int(line[len(form.begin) : line.index(b",")]), b""
            apart.append((len(lines), number))
        first = first if lines else number
        lines.append(b"%b%b%b%b%b" % (rest, last, form.between, written, form.end))
        last = written
    if not fits:
        raise _Unusual
    _put_in(lines, apart, form)
    return Piece(b"".join(lines), len(lines), first, number, last.decode()) if lines else None


def _put_in(lines: list[bytes], apart: list[tuple[int, int]], form: _Form) -> None:
    """Put the hash before into lines after an event that was not asked for, or that has left. Raises _Unusual."""
    known = _hashes([number - 1 for _, number in apart]) if apart else {}
    tail = len(form.between) + chain.LENGTH + len(form.end)
    for place, number in apart:
        line = lines[place]
        lines[place] = line[:-tail] + known.get(number - 1, b"") + line[-tail:]


def _hashes(numbers: list[int]) -> dict[int, bytes]:
    """Return the hashes of those of the events that there are or were. Raises _Unusual."""
    table, kept = _tables()
    asked = (
        f"SELECT a.last, a.head FROM {kept} a WHERE a.last = ANY(%s)"  # noqa: S608  # names of our own models
        f" UNION ALL SELECT p.id, p.hash FROM {table} p WHERE p.id = ANY(%s)"
    )
    with without_jit(), connection.cursor() as cursor:
        cursor.execute(asked, [numbers, numbers])
        known = {0: chain.GENESIS.encode()} | {number: text.encode() for number, text in cursor.fetchall()}
    if not all(map(_is_hash, known.values())):
        raise _Unusual
    return known


def _is_hash(text: bytes) -> bool:
    """Say whether a text is as long as a hash, and holds nothing that a line would have to quote."""
    return len(text) == chain.LENGTH and text.isalnum()


def _piece(copied: Iterable[bytes], begin: bytes, end: bytes) -> Piece | None:
    """Return the piece of whole lines that begin with a number after `begin`, each with `end` for its newline."""
    lines = [line[:-1] for line in copied]
    if not lines:
        return None
    first, last = (int(line[len(begin) : line.index(b",")]) for line in (lines[0], lines[-1]))
    # Of an object the hash has a quote and a brace after it. Whoever altered it had the choice.
    last_hash = lines[-1].removesuffix(b'"}')[-chain.LENGTH :].decode(errors="replace")
    return Piece(end.join([*lines, b""]), len(lines), first, last, last_hash)


@cache
def _table() -> str:
    """Return the COPY that puts lines of CSV together but for the hash before; "{found}" stands for the events."""
    return _statement([*map(_cell, hashed()), "e.hash"], "FORMAT csv")


@cache
def _exact_table() -> str:
    """Return the COPY that puts whole lines of CSV together, whatever somebody has made of a hash."""
    return _looking_back([*map(_cell, hashed()), _harmless("e.previous"), _harmless("e.hash")], "FORMAT csv")


@cache
def _objects() -> str:
    """Return the COPY that puts JSON Lines together but for the hash before."""
    return _statement([_object("', \"previous\": ', to_json(e.hash)")], _LINE)


@cache
def _exact_objects() -> str:
    """Return the COPY that puts whole JSON Lines together."""
    chained = "', \"previous\": ', to_json(coalesce(e.previous, '')), ', \"hash\": ', to_json(e.hash)"
    return _looking_back([_object(chained)], _LINE)


def _object(chained: str) -> str:
    """Return the expression of a JSON object that ends with the members `chained`."""
    members = ", ', ', ".join(f"'\"{field.attname}\": ', {_value(field)}" for field in hashed())
    return f"concat('{{', {members}, {chained}, '}}')"


def _statement(columns: Iterable[str], form: str, found: str = "{found}") -> str:
    chosen = f"SELECT {', '.join(columns)} FROM ({found}) e ORDER BY e.id"  # noqa: S608  # names of our own models
    return f"COPY ({chosen}) TO STDOUT WITH ({form})"


def _looking_back(columns: Iterable[str], form: str) -> str:
    """Return the statement whose `e.previous` is the hash of the event before, found as well or not, or NULL."""
    table, kept = _tables()
    before = f"(SELECT p.hash FROM {table} p WHERE p.id = e.id - 1)"  # noqa: S608  # names of our own models
    left = f"(SELECT a.head FROM {kept} a WHERE a.last = e.id - 1)"  # noqa: S608  # the same
    genesis = f"CASE WHEN e.id = 1 THEN '{chain.GENESIS}' ELSE coalesce({before}, {left}) END"
    previous = f"CASE WHEN lag(e.id) OVER w = e.id - 1 THEN lag(e.hash) OVER w ELSE {genesis} END"
    found = f"SELECT e.*, {previous} AS previous FROM ({{found}}) e WINDOW w AS (ORDER BY e.id)"  # noqa: S608  # the same
    return _statement(columns, form, found)


def _tables() -> list[str]:
    """Return the names of the tables of the events, and of what is known of those that have left."""
    return [connection.ops.quote_name(model._meta.db_table) for model in (AuditEvent, AuditArchive)]


def _moment(column: str) -> str:
    """Return the expression of a moment as Python's isoformat() writes it, in UTC."""
    # Django has each connection tell times in UTC; to say so for each takes as long as to write a day.
    return f"replace(to_char({column}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"'), '.000000', '')"


def _value(field: Column) -> str:
    """Return the expression of one value of a JSON object: what is stored, as it is."""
    column = f"e.{connection.ops.quote_name(str(field.column))}"
    if field.attname == "at":
        return f"'\"' || {_moment(column)} || '\"'"
    if is_text(field):
        return f"to_json({column}::text)"
    return f"coalesce({column}::text, 'null')"


def _cell(field: Column) -> str:
    """Return the expression of one cell. Nothing is written for an empty text as for none at all: as Python does."""
    column = f"e.{connection.ops.quote_name(str(field.column))}"
    if field.attname == "at":
        return _moment(column)
    if not is_text(field):
        return column
    return _harmless(column)


def _harmless(text: str) -> str:
    """Return the expression of a text that no spreadsheet takes for a formula, and of nothing for an empty one."""
    # Nearly all texts are empty or begin with a letter, a digit or a brace; the number of the first character tells.
    plain = ",".join("t" if _is_plain(number) else "f" for number in range(1, ord("~") + 1))
    begin = f"left(ltrim({text}, ' '), 1)"
    risky = f"strpos({_signs()}, {begin}) > 0 AND {begin} <> ''"
    return (
        f"CASE WHEN ('{{{plain}}}'::boolean[])[ascii({text})] THEN {text} WHEN {text} = '' THEN NULL"
        f" WHEN {risky} THEN '''' || {text} ELSE {text} END"
    )


def _is_plain(number: int) -> bool:
    return ord("0") <= number <= ord("9") or ord("A") <= number <= ord("~")


def _signs() -> str:
    """Return FORMULA as one SQL text; no NUL can be stored, so none has to be looked for."""
    return " || ".join(f"chr({ord(sign)})" for sign in FORMULA if sign != "\0")
