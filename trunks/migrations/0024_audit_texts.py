"""Search the audit trail's words among the lines that differ, on PostgreSQL; SQLite's FTS5 finds them as quickly as is."""

import sys
from typing import Any

from django.db import DatabaseError, migrations, transaction

REMARK = (
    "The audit trail's text search has no index here: {why} It goes through the newest events only. "
    "docs/operations.md says how to put that right."
)
FORWARDS = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE TABLE trunks_auditline (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL)",
    "CREATE TABLE trunks_audittext (event_id bigint PRIMARY KEY, lines integer[] NOT NULL)",
    "INSERT INTO trunks_auditline (text) SELECT DISTINCT line FROM trunks_auditentry n"
    " CROSS JOIN LATERAL unnest(string_to_array(n.text, chr(10))) line WHERE line <> ''",
    "CREATE INDEX trunks_auditline_whole ON trunks_auditline USING hash (text)",
    "INSERT INTO trunks_audittext (event_id, lines) SELECT n.event_id, array_agg(l.id)"
    " FROM trunks_auditentry n CROSS JOIN LATERAL unnest(string_to_array(n.text, chr(10))) line"
    " JOIN trunks_auditline l ON l.text = line GROUP BY n.event_id",
    "CREATE INDEX trunks_audittext_lines ON trunks_audittext USING gin (lines) WITH (fastupdate = off)",
    "CREATE INDEX trunks_auditline_text ON trunks_auditline USING gin (text gin_trgm_ops) WITH (fastupdate = off)",
    "DROP INDEX IF EXISTS trunks_auditentry_text",
)


def search_lines(_apps: Any, editor: Any) -> None:
    """Make the index of the texts from that of the events; a database that does not allow it works without."""
    if editor.connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(), editor.connection.cursor() as cursor:
            for statement in FORWARDS:
                cursor.execute(statement)
    except DatabaseError as error:
        sys.stderr.write(REMARK.format(why=str(error).strip().partition("\n")[0]) + "\n")


class Migration(migrations.Migration):
    dependencies = [
        ("trunks", "0023_budget_places"),
    ]

    operations = [migrations.RunPython(search_lines, migrations.RunPython.noop)]
