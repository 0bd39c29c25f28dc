"""Events as lines of CSV, put together by PostgreSQL: several times as quick as Python, and the same to the byte.

`trunks.audit_export` has the definition in Python, which SQLite uses; a test holds both equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import QuerySet

from trunks import chain
from trunks.models import AuditArchive
from trunks.models.audit_event import AuditEvent
from trunks.plans import without_jit

# What a spreadsheet takes for a formula, in plain and in full width; an apostrophe, so that the mark can be told apart.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "'", "＝", "＋", "－", "＠")  # noqa: RUF001  # meant
_END = b"\r\n"


@dataclass(frozen=True)
class Piece:
    """Some events as they leave: the lines, how many, the first and last number, and the hash of the last."""

    data: bytes
    count: int
    first: int
    last: int
    hash: str


def piece(found: QuerySet[AuditEvent]) -> Piece | None:
    """Return the events of a slice of `found` as lines of CSV, or None without any; nothing stays open."""
    chosen = found.values_list(*chain.FIELDS, "hash").query
    try:
        asked, values = chosen.sql_with_params()
    except EmptyResultSet:  # Django knows without asking: of no master account there is nothing to read
        return None
    statement = _statement().replace("{found}", asked)
    with without_jit(), connection.cursor() as cursor, cursor.copy(statement, values) as copy:
        lines = [bytes(line)[:-1] for line in copy]
    if not lines:
        return None
    last = lines[-1]
    return Piece(_END.join((*lines, b"")), len(lines), _number(lines[0]), _number(last), last[-64:].decode())


def _number(line: bytes) -> int:
    return int(line.partition(b",")[0])


@cache
def _statement() -> str:
    """Return the COPY that puts the lines together; "{found}" stands for the events."""
    fields = {field.attname: field for field in AuditEvent._meta.concrete_fields}
    columns = ", ".join(_cell(fields[name]) for name in chain.FIELDS)
    table = connection.ops.quote_name(AuditEvent._meta.db_table)
    kept = connection.ops.quote_name(AuditArchive._meta.db_table)
    before = f"(SELECT p.hash FROM {table} p WHERE p.id = e.id - 1)"  # noqa: S608  # names of our own models
    left = f"(SELECT a.head FROM {kept} a WHERE a.last = e.id - 1)"  # noqa: S608  # the same
    genesis = f"CASE WHEN e.id = 1 THEN '{chain.GENESIS}' ELSE coalesce({before}, {left}) END"
    previous = f"CASE WHEN lag(e.id) OVER w = e.id - 1 THEN lag(e.hash) OVER w ELSE {genesis} END"
    return (
        f"COPY (SELECT {columns}, {previous}, e.hash FROM ({{found}}) e"  # noqa: S608  # the same
        " WINDOW w AS (ORDER BY e.id) ORDER BY e.id) TO STDOUT WITH (FORMAT csv)"
    )


def _cell(field: models.Field[object, object]) -> str:
    """Return the expression of one cell. Nothing is written for an empty text as for none at all: as Python does."""
    column = f"e.{connection.ops.quote_name(str(field.column))}"
    if field.attname == "at":
        utc = f"{column} AT TIME ZONE 'UTC'"
        fraction = f"CASE WHEN date_trunc('second', {utc}) = {utc} THEN '' ELSE to_char({utc}, '.US') END"
        return f"to_char({utc}, 'YYYY-MM-DD\"T\"HH24:MI:SS') || {fraction} || '+00:00'"
    if not isinstance(field, models.CharField | models.TextField):
        return column
    # Most texts begin with a letter or a brace, and one comparison of bytes tells that none of the signs does.
    harmless = f"""{column} COLLATE "C" >= 'A' AND {column} COLLATE "C" < chr(65291)"""
    begin = f"left(ltrim({column}, ' '), 1)"
    risky = f"strpos({_signs()}, {begin}) > 0 AND {begin} <> ''"
    return (
        f"CASE WHEN {harmless} THEN {column} WHEN {column} = '' THEN NULL"
        f" WHEN {risky} THEN '''' || {column} ELSE {column} END"
    )


def _signs() -> str:
    """Return FORMULA as one SQL text; no NUL can be stored, so none has to be looked for."""
    return " || ".join(f"chr({ord(sign)})" for sign in FORMULA if sign != "\0")
