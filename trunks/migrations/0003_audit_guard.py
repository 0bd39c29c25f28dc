"""The database itself numbers and chains audit events on PostgreSQL, and refuses every other write on both databases."""

from datetime import UTC, datetime
from typing import Any

from django.db import migrations, models

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What `trunks.chain` hashes after id and time, in its order. Another encoding is another migration, and another
# version: tests compare the two, event by event.
FIELDS = (
    *("action", "outcome"),
    *("actor_id", "actor_email", "actor_name", "on_behalf_of_id", "on_behalf_of_name"),
    *("object_type", "object_id", "object_label"),
    *("master_id", "master_name", "sub_account_id", "sub_account_name", "dnis"),
    *("before", "after", "comment"),
    *("request_id", "tracking_id", "ip", "user_agent", "portal_version"),
)


def measured(value: str) -> str:
    """Return SQL for a value with its length in bytes before it; "-" is none at all."""
    text = f"({value})::text"
    return f"coalesce(octet_length(convert_to({text}, 'UTF8'))::text || ':' || {text}, '-')"


MICROSECONDS = "(extract(epoch FROM greatest(at, stamp)) * 1000000)::bigint"
LINK = " || ".join(
    ["'portal-audit-1'", measured("hash"), measured("position + 1"), measured(MICROSECONDS), "saying"]
)

# The trigger runs as the owner, so that whoever may add events needs no right to write the head. What it does may hang
# on no setting of the session: the search path is its own, and no date, zone or style is turned into text.
# A row is sent to its month's partition before the trigger runs. When the clock has gone into another month since,
# the row is put in again with the right time: a trigger may not move it.
# ruff: noqa: S608  # what is put into the statements are the names above
CHAIN = f"""
CREATE FUNCTION {{schema}}.audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, {{schema}}, pg_temp AS $body$
DECLARE
    stamp timestamptz := clock_timestamp();
    month timestamp := date_trunc('month', NEW.at AT TIME ZONE 'UTC');
    saying text := {" || ".join(measured(f"NEW.{name}") for name in FIELDS)};
BEGIN
    UPDATE trunks_audithead SET
        position = position + 1,
        at = greatest(at, stamp),
        hash = encode(sha256(convert_to({LINK}, 'UTF8')), 'hex')
    WHERE id = 1 AND date_trunc('month', greatest(at, stamp) AT TIME ZONE 'UTC') = month
    RETURNING position, at, hash INTO NEW.id, NEW.at, NEW.hash;
    IF FOUND THEN
        RETURN NEW;
    END IF;
    SELECT greatest(at, clock_timestamp()) INTO STRICT NEW.at FROM trunks_audithead WHERE id = 1;
    INSERT INTO trunks_auditevent SELECT (NEW).*;
    RETURN NULL;
END $body$;

CREATE FUNCTION {{schema}}.audit_refuse() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'The audit trail is append-only: % of % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $body$;

CREATE TRIGGER audit_chain BEFORE INSERT ON {{schema}}.trunks_auditevent
    FOR EACH ROW EXECUTE FUNCTION {{schema}}.audit_chain();
CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE ON {{schema}}.trunks_auditevent
    FOR EACH ROW EXECUTE FUNCTION {{schema}}.audit_refuse();
CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON {{schema}}.trunks_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION {{schema}}.audit_refuse();
-- Depth 0 is somebody's own statement; the chain's trigger is depth 1.
CREATE TRIGGER audit_head_by_chain BEFORE UPDATE ON {{schema}}.trunks_audithead
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION {{schema}}.audit_refuse();
CREATE TRIGGER audit_head_keep BEFORE INSERT OR DELETE ON {{schema}}.trunks_audithead
    FOR EACH ROW EXECUTE FUNCTION {{schema}}.audit_refuse();
CREATE TRIGGER audit_head_keep_all BEFORE TRUNCATE ON {{schema}}.trunks_audithead
    FOR EACH STATEMENT EXECUTE FUNCTION {{schema}}.audit_refuse();

-- ALWAYS: also for a superuser who plays a replica, where ordinary triggers are silent.
ALTER TABLE {{schema}}.trunks_auditevent ENABLE ALWAYS TRIGGER audit_chain;
ALTER TABLE {{schema}}.trunks_auditevent ENABLE ALWAYS TRIGGER audit_keep;
ALTER TABLE {{schema}}.trunks_auditevent ENABLE ALWAYS TRIGGER audit_keep_all;
ALTER TABLE {{schema}}.trunks_audithead ENABLE ALWAYS TRIGGER audit_head_by_chain;
ALTER TABLE {{schema}}.trunks_audithead ENABLE ALWAYS TRIGGER audit_head_keep;
ALTER TABLE {{schema}}.trunks_audithead ENABLE ALWAYS TRIGGER audit_head_keep_all;
-- One row that every event writes: room on its page for many versions of it.
ALTER TABLE {{schema}}.trunks_audithead SET (fillfactor = 10);
"""
UNCHAIN = """
DROP FUNCTION {schema}.audit_chain() CASCADE;
DROP FUNCTION {schema}.audit_refuse() CASCADE;
"""

# Plain SQLite knows no SHA-256: `trunks.audit` computes position and hash in BEGIN IMMEDIATE, and the head follows the
# event. A row that says which hidden rowid it wants could REPLACE another one without any DELETE being seen.
SQLITE = {
    "audit_chain": """BEFORE INSERT ON trunks_auditevent
        WHEN NEW.id IS NOT (SELECT position + 1 FROM trunks_audithead WHERE id = 1)
          OR NEW.at IS NULL OR NEW.at < (SELECT at FROM trunks_audithead WHERE id = 1)
          OR length(NEW.hash) <> 64
          OR EXISTS (SELECT 1 FROM trunks_auditevent WHERE rowid = NEW.rowid)""",
    "audit_keep": "BEFORE UPDATE ON trunks_auditevent",
    "audit_keep_row": "BEFORE DELETE ON trunks_auditevent",
    "audit_head_by_chain": """BEFORE UPDATE ON trunks_audithead
        WHEN NEW.id IS NOT 1 OR NEW.position IS NOT OLD.position + 1 OR NOT EXISTS (
            SELECT 1 FROM trunks_auditevent
            WHERE id = NEW.position AND hash = NEW.hash AND at = NEW.at)""",
    "audit_head_keep": "BEFORE INSERT ON trunks_audithead",
    "audit_head_keep_row": "BEFORE DELETE ON trunks_audithead",
}
REFUSE = "SELECT RAISE(ABORT, 'The audit trail is append-only: this write is refused.')"
FOLLOW = """CREATE TRIGGER audit_head_follows AFTER INSERT ON trunks_auditevent BEGIN
    UPDATE trunks_audithead SET position = NEW.id, at = NEW.at, hash = NEW.hash WHERE id = 1;
END"""


def put_the_time_on_the_head(apps: Any, _schema_editor: Any) -> None:
    head = apps.get_model("trunks", "AuditHead").objects.filter(pk=1)
    last = apps.get_model("trunks", "AuditEvent").objects.aggregate(at=models.Max("at"))["at"]
    head.update(at=last or EPOCH)


def guard(_apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        _run(schema_editor, CHAIN)
        return
    for name, when in SQLITE.items():
        schema_editor.execute(f"CREATE TRIGGER {name} {when} BEGIN {REFUSE}; END")
    schema_editor.execute(FOLLOW)


def unguard(_apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        _run(schema_editor, UNCHAIN)
        return
    for name in (*SQLITE, "audit_head_follows"):
        schema_editor.execute(f"DROP TRIGGER {name}")


def _run(schema_editor: Any, sql: str) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        cursor.execute(sql.format(schema=cursor.fetchone()[0]))


class Migration(migrations.Migration):
    dependencies = [
        ("trunks", "0002_audit_chain"),
    ]

    operations = [
        migrations.AddField(
            model_name="audithead",
            name="at",
            field=models.DateTimeField(default=EPOCH),
        ),
        migrations.RunPython(put_the_time_on_the_head, migrations.RunPython.noop),
        migrations.RunPython(guard, unguard),
    ]
