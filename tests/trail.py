"""The seam through which tests, and nobody else, get past the triggers that keep the audit trail."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.backends.base.operations import BaseDatabaseOperations

from trunks import audit_texts, chain
from trunks.models.audit_event import AuditEvent, AuditHead

TRIES = 3
LAST_EVENT = 2**31 - 1
# A replica does not ask again, for each row that goes, whether some row of another table still refers to it.
WHO_COUNTS = "SET LOCAL session_replication_role"
OF_MIGRATE = ("django_content_type", "auth_permission")
TABLES = (AuditEvent._meta.db_table, AuditHead._meta.db_table)


@contextmanager
def unguarded() -> Iterator[None]:
    """Take the triggers away, as the owner of the tables can, and put them back at the end, all in one transaction."""
    with transaction.atomic():
        if connection.vendor == "sqlite":
            triggers = query(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit_%'"
            )
            run(*(f"DROP TRIGGER {name}" for name, _ in triggers))
            yield
            run(*(sql for _, sql in triggers))
            return
        triggers = query(
            "SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'audit_%' AND tgparentid = 0"
        )
        run(*(f"ALTER TABLE {table} DISABLE TRIGGER {name}" for table, name in triggers))
        yield
        run("SET CONSTRAINTS ALL IMMEDIATE")
        run(*(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}" for table, name in triggers))


def flush(operations: BaseDatabaseOperations, statements: list[str]) -> None:
    """Empty every table between tests, the trail and the index of its texts with it, and begin a new chain.

    A page that is still open in a browser may ask something meanwhile; where the database finds the two waiting for
    each other it is begun anew.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            with unguarded():
                run(*statements)
                audit_texts.forget(LAST_EVENT)  # its tables are no model's, so Django does not name them
                AuditHead.objects.get_or_create(pk=1)
        except OperationalError:
            if not tries_left:
                raise
        else:
            return


def deletions(
    operations: BaseDatabaseOperations, _style: object, tables: Sequence[str], **_: bool
) -> list[str]:
    """Return what empties `tables` between tests, but for those that `migrate` has filled and nobody changes.

    TRUNCATE makes every table and index of PostgreSQL anew as a file, and takes ten times as long as deleting the few
    rows of a test. Like TRUNCATE, the lock waits for whoever is still writing.
    """
    names = [operations.quote_name(table) for table in tables if table not in OF_MIGRATE]
    if connection.vendor == "sqlite":
        return [f"DELETE FROM {name}" for name in names]
    lock = f"LOCK TABLE {', '.join(names)} IN SHARE ROW EXCLUSIVE MODE"
    emptied = [f"DELETE FROM {name}" for name in names]
    return ["; ".join([lock, f"{WHO_COUNTS} = replica", *emptied, f"{WHO_COUNTS} = origin"])]


def misfits() -> list[int]:
    """Return the number of each event that does not follow the one before it; a head that does not fit counts as 0."""
    fields = {field.attname: field for field in AuditEvent._meta.concrete_fields}
    wrong, place, last, at = [], 0, chain.GENESIS, None
    for place, event in enumerate(AuditEvent.objects.order_by("id"), start=1):
        said = {name: fields[name].get_prep_value(getattr(event, name)) for name in chain.FIELDS}
        last = chain.link(last, said)
        if event.id != place or event.hash != last or (at and event.at < at):
            wrong.append(event.id)
        at = event.at
    head = AuditHead.objects.get()
    return wrong if (head.position, head.hash) == (place, last) else [*wrong, 0]


def query(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)
