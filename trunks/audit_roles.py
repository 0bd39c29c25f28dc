"""Two database roles on PostgreSQL: one owns the tables and migrates, the other runs the portal and owns nothing."""

from __future__ import annotations

from django.db import connection, transaction

from trunks.models import AuditArchive, AuditDigest
from trunks.models.audit_event import AuditEvent, AuditHead

EVENTS, HEAD = AuditEvent._meta.db_table, AuditHead._meta.db_table
DIGESTS = AuditDigest._meta.db_table
ARCHIVES = AuditArchive._meta.db_table
# What the running portal may do to tables that are not simply its own to write.
NARROW = {
    EVENTS: "SELECT, INSERT",
    HEAD: "SELECT",
    DIGESTS: "SELECT, INSERT",
    ARCHIVES: "SELECT",
    "django_migrations": "SELECT",
}


class NotGranted(Exception):
    """The role cannot be the one that runs the portal; the message says why."""


# Besides who owns the events: who owns their schema (or the database, which owns the schema `public` from PostgreSQL 15
# on) may drop what lies in it, and who may make roles could take the owner's, before PostgreSQL 16.
_COULD_TAKE_THEM = """
SELECT bool_or(rolsuper OR rolcreaterole OR pg_has_role(rolname, relowner, 'MEMBER')
    OR pg_has_role(rolname, nspowner, 'MEMBER'))
FROM pg_roles, pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE rolname = {role} AND pg_class.oid = to_regclass(%s)
"""


def owner_runs_the_portal() -> bool:
    """Say whether the role of this process could take the guards of the audit trail away. SQLite knows no roles."""
    return connection.vendor != "sqlite" and _could_take_the_guards()


def _could_take_the_guards(role: str | None = None) -> bool:
    """Say whether `role`, or that of this process, has what it takes to alter or drop the table of the events."""
    asked = "current_user" if role is None else "%s"
    with connection.cursor() as cursor:
        cursor.execute(_COULD_TAKE_THEM.format(role=asked), [*([role] if role is not None else []), EVENTS])
        return bool(cursor.fetchone()[0])


def may_archive() -> bool:
    """Say whether the role of this process can take a month out; SQLite knows no roles."""
    return connection.vendor == "sqlite" or owner_runs_the_portal()


@transaction.atomic
def grant(role: str, password: str | None = None) -> None:
    """Give `role` what the running portal needs, and nothing else; with a password, make the role where it is missing.

    To be repeated after each migration, as the owner. Raises NotGranted.
    """
    _refuse(role, may_be_made=password is not None)
    name = connection.ops.quote_name(role)
    with connection.cursor() as cursor:
        if password is not None and not _exists(role):
            # Only its SCRAM verifier travels, so that no log of statements shows the password.
            verifier = _verifier(role, password)
            cursor.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{verifier}'")
        for statement in (*_wide(name), *_narrow(name)):
            cursor.execute(statement)


def _refuse(role: str, *, may_be_made: bool) -> None:
    if connection.vendor == "sqlite":
        raise NotGranted("SQLite knows no roles: whoever may write its file may do everything.")
    if not _exists(role):
        if not may_be_made:
            raise NotGranted(f"There is no role {role}. Make it with CREATE ROLE, or give --url-file.")
        return
    if _could_take_the_guards(role):
        raise NotGranted(
            f"{role} owns the audit trail, its schema or its database, may make roles, or is a superuser:"
            " it could take the guards away."
        )


def _exists(role: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role])
        return bool(cursor.fetchone()[0])


def _verifier(role: str, password: str) -> str:
    libpq = connection.connection.pgconn
    return str(libpq.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode())


def _wide(name: str) -> list[str]:
    schema = _schema()
    return [
        f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {name}",
        f"GRANT USAGE ON SCHEMA {schema} TO {name}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC, {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {name}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {name}",
    ]


def _narrow(name: str) -> list[str]:
    """Return the statements that narrow it again; the parts of the events are reached through the whole alone."""
    quote = connection.ops.quote_name
    taken = [f"REVOKE ALL ON {quote(table)} FROM {name}" for table in (*NARROW, *_parts())]
    return [*taken, *(f"GRANT {what} ON {quote(table)} TO {name}" for table, what in NARROW.items())]


def _schema() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        return str(cursor.fetchone()[0])


def _parts() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
            " WHERE inhparent = to_regclass(%s)",
            [EVENTS],
        )
        return [str(name) for (name,) in cursor.fetchall()]
