"""The index of the texts of the audit trail: finds the events that hold given words.

What events say repeats itself: a request's number, a person's name, a customer's stand in many of them. PostgreSQL
looks for words among the lines that differ, by their trigrams, and each event has the numbers of its lines. SQLite's
FTS5 has the trigrams of each event in the order of the events, and needs no more than that.
"""

from __future__ import annotations

from django.db import DatabaseError, connection, transaction

# Whether there is the index: pg_trgm may not be allowed, FTS5 may not be built in.
EXISTS = {
    "postgresql": "to_regclass('trunks_auditline_text') IS NOT NULL",
    "sqlite": "EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'trunks_audittext')",
}
MOST_LINES = 10_000  # beyond that, one of 1,000 events in ten million has the words: to be met on the way
FEW_LINES = 100  # of which the planner foresees well how many events have them

_TAKE_IN = {
    "postgresql": (
        "INSERT INTO trunks_auditline (text) SELECT line FROM (SELECT DISTINCT line FROM trunks_auditentry n"
        " CROSS JOIN LATERAL unnest(string_to_array(n.text, chr(10))) line"
        " WHERE n.event_id > %s AND n.event_id <= %s AND line <> '') here"
        " WHERE NOT EXISTS (SELECT 1 FROM trunks_auditline l WHERE l.text = line)",
        # Of all events at once: line by line, PostgreSQL goes through all lines for each until it knows the table.
        "INSERT INTO trunks_audittext (event_id, lines) SELECT n.event_id, array_agg(l.id) FROM trunks_auditentry n"
        " CROSS JOIN LATERAL unnest(string_to_array(n.text, chr(10))) line JOIN trunks_auditline l ON l.text = line"
        " WHERE n.event_id > %s AND n.event_id <= %s GROUP BY n.event_id"
        " ON CONFLICT (event_id) DO UPDATE SET lines = EXCLUDED.lines",
    ),
    "sqlite": (
        "INSERT OR REPLACE INTO trunks_audittext (rowid, text) SELECT event_id, text FROM trunks_auditentry"
        " WHERE event_id > %s AND event_id <= %s",
    ),
}
_FORGET = {
    "postgresql": (
        "DELETE FROM trunks_auditline WHERE id IN (SELECT unnest(lines) FROM trunks_audittext WHERE event_id <= %s"
        " EXCEPT SELECT unnest(lines) FROM trunks_audittext WHERE event_id > %s)",
        "DELETE FROM trunks_audittext WHERE event_id <= %s",
    ),
    "sqlite": ("DELETE FROM trunks_audittext WHERE rowid <= %s",),
}
# A line may be longer than a B-tree takes, so whole lines are told apart by their hashes, which PostgreSQL checks.
# What waits in a GIN index to be sorted in is gone through by every search, hence no `fastupdate`.
_MAKE = {
    "postgresql": (
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        "CREATE TABLE IF NOT EXISTS trunks_auditline ("
        "id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL)",
        "CREATE TABLE IF NOT EXISTS trunks_audittext (event_id bigint PRIMARY KEY, lines integer[] NOT NULL)",
        "CREATE INDEX IF NOT EXISTS trunks_auditline_whole ON trunks_auditline USING hash (text)",
        "CREATE INDEX IF NOT EXISTS trunks_audittext_lines ON trunks_audittext USING gin (lines)"
        " WITH (fastupdate = off)",
        "CREATE INDEX IF NOT EXISTS trunks_auditline_text ON trunks_auditline USING gin (text gin_trgm_ops)"
        " WITH (fastupdate = off)",
    ),
    "sqlite": ("CREATE VIRTUAL TABLE IF NOT EXISTS trunks_audittext USING fts5(text, tokenize = 'trigram')",),
}


def exists() -> bool:
    """Say whether the database has the index."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {EXISTS[connection.vendor]}")
        return bool(cursor.fetchone()[0])


def make(until: int) -> str:
    """Make the index of the events up to a number where there is none; return why that is not allowed, or ""."""
    if exists():
        return ""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                for statement in _MAKE[connection.vendor]:
                    cursor.execute(statement)
            take_in(0, until)
    except DatabaseError as error:
        return str(error).strip().partition("\n")[0]
    return ""


def take_in(after: int, until: int) -> None:
    """Take in what the index of events has between two numbers; of a database without this index, nothing."""
    _run(_TAKE_IN, after, until)


def forget(until: int) -> None:
    """Take the events up to a number out, and the lines that no other event has."""
    _run(_FORGET, until, until)


def lines_with(words: str) -> list[int] | None:
    """Return the numbers of the lines that hold `words`, on PostgreSQL; None where they are more than MOST_LINES."""
    sql = f"SELECT id FROM trunks_auditline WHERE {like('text')} LIMIT %s"  # noqa: S608  # ours
    with connection.cursor() as cursor:
        cursor.execute(sql, [pattern(words), MOST_LINES + 1])
        found = [pk for (pk,) in cursor.fetchall()]
    return found if len(found) <= MOST_LINES else None


def having(lines: list[int]) -> str:
    """Return the condition on `trunks_audittext` that an event has one of the lines, which is its one value."""
    # Hidden in a SELECT, many numbers do not make the planner believe that most events have one of them.
    return "lines && " + ("%s::integer[]" if len(lines) <= FEW_LINES else "(SELECT %s::integer[])")


def like(column: str = "n.text") -> str:
    """Return the condition that a column, by default that of the entries, holds what `pattern` was made of."""
    # Python and PostgreSQL do not agree on the small letters of İ, or of a Σ that ends a word: whoever made those of
    # the text makes those of the words.
    small = "lower(%s)" if connection.vendor == "postgresql" else "%s"
    return f"{column} LIKE {small} ESCAPE '!'"


def pattern(words: str) -> str:
    """Return what `like` compares with: any text that holds `words`."""
    for sign in "!%_":
        words = words.replace(sign, f"!{sign}")
    return f"%{words if connection.vendor == 'postgresql' else words.lower()}%"


def _run(statements: dict[str, tuple[str, ...]], *bounds: int) -> None:
    if not exists():
        return
    # Planned for their bounds: a few events are joined otherwise than many.
    with connection.cursor() as cursor:
        for statement in statements[connection.vendor]:
            cursor.execute(statement, bounds[: statement.count("%s")])
