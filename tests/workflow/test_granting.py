"""Granting the role that runs the portal its rights: to whom it is refused, and what is kept of its password."""

from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.test import Client

from tests import trail
from tests.test_audit_guard import run
from tests.workflow import test_two_roles
from tests.workflow.test_two_roles import act_as, address, grant
from trunks import audit_roles

pytestmark = pytest.mark.django_db(transaction=True)
role = test_two_roles.role


def test_the_password_of_the_role_is_kept_as_a_verifier_only(role: str) -> None:
    [(kept,)] = trail.query(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'")
    assert kept.startswith("SCRAM-SHA-256$")


def test_another_password_takes_the_place_of_the_first_unless_the_owner_may_not_change_it(
    role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept() -> str:
        [(verifier,)] = trail.query(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'")
        return str(verifier)

    first, again = kept(), f"--url-file={address(tmp_path, f'postgres://{role}:another@db/portal')}"
    assert "the one it had" not in grant(again)
    second = kept()
    assert first != second
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE plain_{role}; GRANT ALL ON SCHEMA public TO plain_{role}")
        cursor.execute(f"SET ROLE plain_{role}")
        try:
            assert not audit_roles._let_in(role, role, "third")
            with pytest.raises(ProgrammingError):
                audit_roles._let_in(f"new_{role}", f"new_{role}", "third")
        finally:
            cursor.execute(f"RESET ROLE; DROP OWNED BY plain_{role}; DROP ROLE plain_{role}")
    assert kept() == second
    monkeypatch.setattr(audit_roles, "_let_in", lambda *_: False)
    assert "Its password is the one it had" in grant(again)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("postgres://db/portal", "names no role"),
        ("postgres://x@db/portal", "names no role"),
        ("postgres://[", "cannot"),
    ],
)
def test_an_address_that_names_nobody_is_refused(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=why):
        grant(f"--url-file={address(tmp_path, text)}")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        grant(f"--url-file={tmp_path / 'nothing'}")


def test_neither_the_owner_nor_nobody_can_be_the_one_that_runs_the_portal() -> None:
    with pytest.raises(CommandError, match="could remove the triggers"):
        grant(f"--role={connection.settings_dict['USER']}")
    with pytest.raises(CommandError, match="There is no role nobody_at_all"):
        grant("--role=nobody_at_all")


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("ALTER ROLE {role} CREATEROLE", "ALTER ROLE {role} NOCREATEROLE"),
        ("ALTER SCHEMA public OWNER TO {role}", "ALTER SCHEMA public OWNER TO {schema_owner}"),
        *(
            (f"GRANT {other} TO {{role}}", f"REVOKE {other} FROM {{role}}")
            for other in ("pg_write_server_files", "pg_execute_server_program", "pg_write_all_data")
        ),
        # By SET ROLE, and over two steps.
        (
            "CREATE ROLE {role}_a; CREATE ROLE {role}_b SUPERUSER;"
            "GRANT {role}_b TO {role}_a; GRANT {role}_a TO {role}",
            "DROP ROLE {role}_a; DROP ROLE {role}_b",
        ),
    ],
)
def test_who_gets_at_the_guards_by_another_way_cannot_be_it_either(
    given: str, taken: str, role: str, client: Client
) -> None:
    owner = connection.settings_dict["USER"]
    [(schema_owner,)] = trail.query("SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'public'")
    run(given.format(role=role))
    try:
        with pytest.raises(CommandError, match="could remove the triggers"):
            grant(f"--role={role}")
        act_as(role)
        assert "grant_runtime" in client.get("/readyz").json()["warnings"][0]
    finally:
        act_as(owner)
        run(taken.format(role=role, schema_owner=schema_owner))


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("ALTER ROLE {role} REPLICATION", "ALTER ROLE {role} NOREPLICATION"),
        ("GRANT pg_read_server_files TO {role}", "REVOKE pg_read_server_files FROM {role}"),
    ],
)
def test_who_reads_past_the_database_is_refused(given: str, taken: str, role: str) -> None:
    run(given.format(role=role))
    try:
        with pytest.raises(CommandError, match="where the passwords of other roles lie"):
            grant(f"--role={role}")
    finally:
        run(taken.format(role=role))


def test_all_rights_are_given_or_none(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run(f"REVOKE SELECT ON trunks_user FROM {role}")
    monkeypatch.setattr(audit_roles, "_narrow", lambda _: ["SELECT 1/0"])
    with pytest.raises(DatabaseError, match="division"), transaction.atomic():
        audit_roles.grant(role)
    assert trail.query(f"SELECT has_table_privilege('{role}', 'trunks_user', 'SELECT')") == [(False,)]
