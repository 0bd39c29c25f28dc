"""Two database roles on PostgreSQL: one owns the tables and migrates, the other runs the portal and owns nothing."""

from __future__ import annotations

from django.db import ProgrammingError, connection, transaction

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
# on) may drop what lies in it, and who may make roles could take the owner's, before PostgreSQL 16. Who writes files or
# runs programs as the server can become whoever they like, and who writes all data is held by no grant. What a role is
# a member of counts as well: it can be taken on by SET ROLE.
_COULD_TAKE_THEM = """
SELECT bool_or(pg_has_role(me.rolname, relowner, 'MEMBER') OR pg_has_role(me.rolname, nspowner, 'MEMBER') OR EXISTS (
    SELECT FROM pg_roles taken WHERE pg_has_role(me.rolname, taken.oid, 'MEMBER') AND (
        taken.rolsuper OR taken.rolcreaterole OR taken.rolname IN (
            'pg_write_server_files', 'pg_execute_server_program', 'pg_write_all_data'))))
FROM pg_roles me, pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE me.rolname = {role} AND pg_class.oid = to_regclass(%s)
"""
# The files of the server and a copy of the whole of it hold what lets one sign in as others.
_READS_THE_SERVER = """
SELECT EXISTS (SELECT FROM pg_roles taken WHERE pg_has_role(%s::name, taken.oid, 'MEMBER') AND (
    taken.rolreplication OR taken.rolname = 'pg_read_server_files'))
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


def keeper() -> tuple[str, bool]:
    """Return the role that owns the events, and whether this process acts as it, and so can take a month out.

    Not who could take the guards away: whoever may make roles, or owns the schema, can do that in other ways only.
    SQLite knows no roles.
    """
    if connection.vendor == "sqlite":
        return "", True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_userbyid(relowner), pg_has_role(relowner, 'USAGE') FROM pg_class"
            " WHERE oid = to_regclass(%s)",
            [EVENTS],
        )
        owner, acts = cursor.fetchone()
    return str(owner), bool(acts)


@transaction.atomic
def grant(role: str, password: str | None = None) -> bool:
    """Give `role` what the running portal needs, and nothing else; with a password, make the role where it is missing.

    Says whether the role has that password now: where it is there already, the owner may not be allowed to change it.
    To be repeated after each migration, as the owner. Raises NotGranted.
    """
    _refuse(role, may_be_made=password is not None)
    name = connection.ops.quote_name(role)
    signs_in = password is not None and _let_in(role, name, password)
    with connection.cursor() as cursor:
        for statement in (*_wide(name), *_narrow(name)):
            cursor.execute(statement)
    return signs_in


def _let_in(role: str, name: str, password: str) -> bool:
    """Make the role with the password, or give it the password; False where it is there and keeps its own."""
    there = _exists(role)
    # Only its SCRAM verifier travels, so that no log of statements shows the password.
    sql = f"{'ALTER' if there else 'CREATE'} ROLE {name} LOGIN PASSWORD '{_verifier(role, password)}'"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    except ProgrammingError:
        if not there:
            raise
        return False
    return True


def _refuse(role: str, *, may_be_made: bool) -> None:
    if connection.vendor == "sqlite":
        raise NotGranted("SQLite has no roles: whoever may write its file may do everything.")
    if not _exists(role):
        if not may_be_made:
            raise NotGranted(f"There is no role {role}. Create it with CREATE ROLE, or give --url-file.")
        return
    if _could_take_the_guards(role):
        raise NotGranted(
            f"{role} owns the audit trail, its schema or its database, may make roles, write all data or the server's"
            " files, run programs there, or is a superuser, perhaps as a member of another role: it could remove"
            " the triggers."
        )
    if _asked(_READS_THE_SERVER, role):
        raise NotGranted(
            f"{role} may read the server's files or replicate the server, where the passwords of other roles lie."
            " The portal needs neither."
        )


def _exists(role: str) -> bool:
    return _asked("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role)


def _asked(sql: str, role: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql, [role])
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
