"""Events as lines of CSV or JSON, put together by PostgreSQL: many times as quick as Python, and the same to the byte.

`trunks.audit_export` has the definitions in Python, which SQLite uses; a test holds each pair equal.
"""

from __future__ import annotations

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


def table(found: QuerySet[AuditEvent]) -> Piece | None:
    """Return the events of a slice of `found` as lines of CSV, or None without any; nothing stays open."""
    return _piece(_copied(found, _table()), b"", b"\r\n")


def objects(found: QuerySet[AuditEvent]) -> Piece | None:
    """Return the events of a slice of `found` as JSON Lines, or None without any; nothing stays open."""
    return _piece(_copied(found, _objects()), b'{"id": ', b"\n")


def _copied(found: QuerySet[AuditEvent], statement: str) -> list[memoryview]:
    chosen = found.values_list(*chain.FIELDS, "hash").query
    try:
        asked, values = chosen.sql_with_params()
    except EmptyResultSet:  # Django knows without asking: of no master account there is nothing to read
        return []
    asked = statement.replace("{found}", asked)
    errors = connection.wrap_database_errors  # what comes while rows are read is Django's error too
    with without_jit(), connection.cursor() as cursor, errors, cursor.copy(asked, values) as copy:
        return list(messages(copy))


def _piece(copied: list[memoryview], begin: bytes, end: bytes) -> Piece | None:
    """Return the piece of lines that begin with a number after `begin`, each with `end` for its newline, if any."""
    if not copied:
        return None
    lines = [line[:-1] for line in copied]
    edges = bytes(lines[0]), bytes(lines[-1])
    first, last = (int(line[len(begin) : line.index(b",")]) for line in edges)
    # Of an object the hash has a quote and a brace after it. Whoever altered it had the choice.
    last_hash = edges[1].removesuffix(b'"}')[-64:].decode(errors="replace")
    return Piece(end.join([*lines, b""]), len(lines), first, last, last_hash)


@cache
def _table() -> str:
    """Return the COPY that puts lines of CSV together; "{found}" stands for the events."""
    columns = ", ".join(_cell(field) for field in hashed())
    return _statement(f"{columns}, nullif({_previous()}, ''), nullif(e.hash, '')", "FORMAT csv")


@cache
def _objects() -> str:
    """Return the COPY that puts JSON Lines together.

    JSON has no control characters, so with two of them for quote and delimiter nothing is quoted, and nothing escaped.
    """
    members = ", ', ', ".join(f"'\"{field.attname}\": ', {_value(field)}" for field in hashed())
    previous = f"to_json(coalesce({_previous()}, ''))"
    chained = f"', \"previous\": ', {previous}, ', \"hash\": ', to_json(e.hash)"
    line = f"concat('{{', {members}, {chained}, '}}')"
    return _statement(line, "FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01'")


def _statement(columns: str, form: str) -> str:
    return (
        f"COPY (SELECT {columns} FROM ({{found}}) e"  # noqa: S608  # names of our own models
        f" WINDOW w AS (ORDER BY e.id) ORDER BY e.id) TO STDOUT WITH ({form})"
    )


def _previous() -> str:
    """Return the expression of the hash before: of the event before, where that was found as well, or of whatever."""
    table = connection.ops.quote_name(AuditEvent._meta.db_table)
    kept = connection.ops.quote_name(AuditArchive._meta.db_table)
    before = f"(SELECT p.hash FROM {table} p WHERE p.id = e.id - 1)"  # noqa: S608  # names of our own models
    left = f"(SELECT a.head FROM {kept} a WHERE a.last = e.id - 1)"  # noqa: S608  # the same
    genesis = f"CASE WHEN e.id = 1 THEN '{chain.GENESIS}' ELSE coalesce({before}, {left}) END"
    return f"CASE WHEN lag(e.id) OVER w = e.id - 1 THEN lag(e.hash) OVER w ELSE {genesis} END"


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
    # Nearly all texts are empty or begin with a letter, a digit or a brace; the number of the first character tells.
    sign = f"ascii({column})"
    harmless = f"{sign} BETWEEN {ord('A')} AND {ord('~')} OR {sign} BETWEEN {ord('0')} AND {ord('9')}"
    begin = f"left(ltrim({column}, ' '), 1)"
    risky = f"strpos({_signs()}, {begin}) > 0 AND {begin} <> ''"
    return (
        f"CASE WHEN {column} = '' THEN NULL WHEN {harmless} THEN {column}"
        f" WHEN {risky} THEN '''' || {column} ELSE {column} END"
    )


def _signs() -> str:
    """Return FORMULA as one SQL text; no NUL can be stored, so none has to be looked for."""
    return " || ".join(f"chr({ord(sign)})" for sign in FORMULA if sign != "\0")
