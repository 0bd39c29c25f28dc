"""PostgreSQL keeps audit events in one table for each month; SQLite in one table for all."""

from typing import Any

from django.db import migrations

# Several at once would make the same month twice; a reader who holds the table for long is not worth waiting for.
# What the clock, or a beat that was away, has put into the table for the rest goes to its month. A table that hangs on
# nothing has no triggers: it gets its rows before it becomes a part, which gives it the triggers.
MONTHS = """
CREATE FUNCTION {schema}.audit_month(first timestamptz) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, {schema}, pg_temp SET timezone = 'UTC' SET lock_timeout = '5s' AS $body$
DECLARE
    part text := 'trunks_auditevent_' || to_char(first, 'YYYY_MM');
    next timestamptz := first + interval '1 month';
    strays boolean;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('trunks_auditevent'));
    IF to_regclass('{schema}.' || part) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE {schema}.%I (LIKE trunks_auditevent INCLUDING ALL)', part);
    SELECT EXISTS (SELECT FROM trunks_auditevent_rest WHERE at >= first AND at < next) INTO strays;
    IF strays THEN
        ALTER TABLE trunks_auditevent DETACH PARTITION trunks_auditevent_rest;
        EXECUTE format('INSERT INTO %I SELECT * FROM trunks_auditevent_rest WHERE at >= $1 AND at < $2', part)
            USING first, next;
        DELETE FROM trunks_auditevent_rest WHERE at >= first AND at < next;
        ALTER TABLE trunks_auditevent ATTACH PARTITION trunks_auditevent_rest DEFAULT;
    END IF;
    EXECUTE format('ALTER TABLE trunks_auditevent ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, first, next);
    PERFORM audit_keep_whole(part);
    RETURN true;
END $body$;

-- TRUNCATE of one part fires no trigger of the whole.
CREATE FUNCTION {schema}.audit_keep_whole(part text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    EXECUTE format('CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()', part);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_keep_all', part);
END $body$;

-- Whoever runs the portal may call this one, though it owns nothing: it can only add the months that are coming.
CREATE FUNCTION {schema}.audit_months_ahead() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, {schema}, pg_temp SET timezone = 'UTC' AS $body$
DECLARE
    made integer := 0;
BEGIN
    FOR ahead IN 0..3 LOOP
        made := made + audit_month(date_trunc('month', now()) + ahead * interval '1 month')::integer;
    END LOOP;
    RETURN made;
END $body$;
REVOKE EXECUTE ON FUNCTION {schema}.audit_month(timestamptz), {schema}.audit_keep_whole(text) FROM PUBLIC;
"""
INDEXES = """
SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'trunks_auditevent'
AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE conrelid = '{schema}.trunks_auditevent'::regclass)
"""
SET_ASIDE = """
DO $body$ DECLARE name text; BEGIN
    FOR name IN SELECT conname FROM pg_constraint
        WHERE conrelid = '{schema}.trunks_auditevent'::regclass AND contype = 'p' LOOP
        EXECUTE format('ALTER TABLE {schema}.trunks_auditevent RENAME CONSTRAINT %I TO whole_pkey', name);
    END LOOP;
    FOR name IN SELECT indexname FROM pg_indexes
        WHERE schemaname = current_schema() AND tablename = 'trunks_auditevent' AND indexname <> 'whole_pkey' LOOP
        EXECUTE format('DROP INDEX {schema}.%I', name);
    END LOOP;
END $body$;
ALTER TABLE {schema}.trunks_auditevent RENAME TO trunks_auditevent_whole;
"""
DIVIDED = """
CREATE TABLE {schema}.trunks_auditevent (LIKE {schema}.trunks_auditevent_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    PARTITION BY RANGE (at);
ALTER TABLE {schema}.trunks_auditevent ADD PRIMARY KEY (id, at);
"""
WHOLE = """
CREATE TABLE {schema}.trunks_auditevent (LIKE {schema}.trunks_auditevent_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
ALTER TABLE {schema}.trunks_auditevent ADD PRIMARY KEY (id);
"""
GUARD = """
CREATE TRIGGER audit_chain BEFORE INSERT ON {schema}.trunks_auditevent
    FOR EACH ROW EXECUTE FUNCTION {schema}.audit_chain();
CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE ON {schema}.trunks_auditevent
    FOR EACH ROW EXECUTE FUNCTION {schema}.audit_refuse();
CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON {schema}.trunks_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.audit_refuse();
ALTER TABLE {schema}.trunks_auditevent ENABLE ALWAYS TRIGGER audit_chain;
ALTER TABLE {schema}.trunks_auditevent ENABLE ALWAYS TRIGGER audit_keep;
ALTER TABLE {schema}.trunks_auditevent ENABLE ALWAYS TRIGGER audit_keep_all;
"""
MOVE = """
INSERT INTO {schema}.trunks_auditevent SELECT * FROM {schema}.trunks_auditevent_whole ORDER BY id;
DROP TABLE {schema}.trunks_auditevent_whole;
"""
PARTS = """
CREATE TABLE {schema}.trunks_auditevent_rest PARTITION OF {schema}.trunks_auditevent DEFAULT;
SELECT {schema}.audit_keep_whole('trunks_auditevent_rest');
SELECT {schema}.audit_month(month) FROM (
    SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS month
    FROM {schema}.trunks_auditevent_whole) AS months;
SELECT {schema}.audit_months_ahead();
"""
UNDO = """
DROP FUNCTION {schema}.audit_months_ahead(), {schema}.audit_month(timestamptz), {schema}.audit_keep_whole(text);
"""


def divide(_apps: Any, schema_editor: Any) -> None:
    """Copy the events into a table with parts, numbers, times and hashes as they are: the triggers come last."""
    if schema_editor.connection.vendor == "postgresql":
        indexes = _run(schema_editor, INDEXES)
        _run(schema_editor, SET_ASIDE, DIVIDED, MONTHS, PARTS, MOVE, *(sql for (sql,) in indexes), GUARD)


def join(_apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        indexes = _run(schema_editor, INDEXES)
        _run(schema_editor, SET_ASIDE, WHOLE, MOVE, *(sql for (sql,) in indexes), GUARD, UNDO)


def _run(schema_editor: Any, *statements: str) -> list[Any]:
    """Run the statements and return the rows of the last."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        schema = cursor.fetchone()[0]
        for sql in statements:
            cursor.execute(sql.replace("{schema}", schema))
        return list(cursor.fetchall()) if cursor.description else []


class Migration(migrations.Migration):
    dependencies = [
        ("trunks", "0004_people"),
    ]

    operations = [
        migrations.RunPython(divide, join),
    ]
