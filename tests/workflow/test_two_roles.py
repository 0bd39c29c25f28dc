"""On PostgreSQL the portal runs as a role that owns nothing: it adds events, and cannot touch what keeps them."""

import io
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import call_command
from django.db import DatabaseError, ProgrammingError, connection
from django.test import Client
from pytest_django import Settings

from tests import database, trail
from tests.processes import PYTHON, ROOT
from tests.test_audit_guard import EVENT, HEAD, record, run
from tests.workflow.conftest import Zoom
from trunks import audit, audit_roles, tasks
from trunks.audit_archive import Span
from trunks.models import Heartbeat, MonthReview, SampledItem, State, TrunkRequest, User
from trunks.workflow import archiving, filing, provisioning, stopping

pytestmark = pytest.mark.django_db(transaction=True)


def address(folder: Path, text: str) -> Path:
    file = folder / "database_url"
    file.write_text(text, encoding="utf-8")
    return file


def grant(*arguments: str) -> str:
    out = io.StringIO()
    call_command("grant_runtime", *arguments, stdout=out)
    return out.getvalue()


def act_as(role: str) -> None:
    """Sign in to the database anew as `role`."""
    connection.close()
    connection.settings_dict["USER"] = role


@pytest.fixture
def role(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    """Return the name of a second role that may run the portal; the test begins as the owner."""
    owner, name = connection.settings_dict["USER"], f"runs_{connection.settings_dict['NAME']}"
    grant(f"--url-file={address(tmp_path, f'postgres://{name}:s%20cret@db/portal')}")
    yield name
    act_as(owner)
    run(f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.fixture
def runtime(role: str) -> Callable[[], None]:
    """Return what makes everything after it happen as the role that runs the portal."""
    return lambda: act_as(role)


FORBIDDEN = [
    "INSERT INTO trunks_auditarchive (month, last, head, statement, signature, made_at)"
    " VALUES (now(), 1, '', '', '', now())",
    f"UPDATE {EVENT} SET comment = 'x'",
    f"DELETE FROM {EVENT}",
    f"TRUNCATE {EVENT}",
    f"INSERT INTO {EVENT}_rest SELECT * FROM {EVENT}",
    f"SELECT * FROM {EVENT}_rest",
    f"ALTER TABLE {EVENT} DISABLE TRIGGER ALL",
    f"ALTER TABLE {EVENT} DETACH PARTITION {EVENT}_rest",
    f"ALTER TABLE {EVENT} ADD COLUMN x int",
    f"ALTER TABLE {EVENT} OWNER TO CURRENT_USER",
    f"DROP TRIGGER audit_keep ON {EVENT}",
    f"DROP TABLE {EVENT}",
    f"DROP TABLE {EVENT}_rest",
    f"LOCK TABLE {EVENT} IN ACCESS EXCLUSIVE MODE",
    f"UPDATE {HEAD} SET position = 0",
    f"SELECT * FROM {HEAD} FOR UPDATE",
    f"INSERT INTO {HEAD} (id, position, at, hash) VALUES (2, 0, now(), 'x')",
    f"DELETE FROM {HEAD}",
    f"TRUNCATE {HEAD}",
    f"ALTER TABLE {HEAD} DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "SELECT audit_month(now())",
    "SELECT audit_keep_whole('trunks_user')",
    "DROP FUNCTION audit_chain() CASCADE",
    "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TABLE mine (id int)",
    "DELETE FROM django_migrations",
]


def test_the_role_that_runs_the_portal_adds_events_and_nothing_else(
    runtime: Callable[[], None], staff: User
) -> None:
    runtime()
    for number in (1, 2):
        assert record(staff).id == number
    for sql in FORBIDDEN:
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            run(sql)
    assert not audit_roles.owner_runs_the_portal()
    assert trail.misfits() == []


@pytest.mark.parametrize("of_its_own", [True, False])
def test_a_command_for_the_owner_says_so_in_a_sentence(role: str, tmp_path: Path, of_its_own: bool) -> None:
    """Run grant_runtime as the role that it was made for: about itself, and about one that is to be made."""
    told = address(tmp_path, "postgres://another:secret@db/portal")
    act_as(role)
    ended = subprocess.run(
        [PYTHON, "manage.py", "grant_runtime", *(["--role", role] if of_its_own else ["--url-file", told])],
        cwd=ROOT,
        env={**os.environ, **database.environment()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    (said,) = ended.stderr.splitlines()
    assert said.startswith(
        "The role of DATABASE_URL may not do this; use the one that owns the tables. (permission"
    )


def test_who_runs_the_portal_cannot_become_its_owner(role: str) -> None:
    owner = connection.settings_dict["USER"]
    act_as(role)
    for sql in (f"SET ROLE {owner}", f"SET SESSION AUTHORIZATION {owner}", f"GRANT {owner} TO {role}"):
        with pytest.raises(DatabaseError, match=r"permission denied|must"):
            run(sql)


def test_a_table_of_ones_own_opens_no_review_that_was_signed_off(
    runtime: Callable[[], None], trunk_request: TrunkRequest, manager: User
) -> None:
    signed = MonthReview.objects.create(
        month="2026-10", last=1, head="h", seed="s", drawn_by=manager, drawn_at=trunk_request.filed_at
    )
    item = SampledItem.objects.create(review=signed, place=1, key="event-1", weight=1, event=1)
    MonthReview.objects.update(signed_by=manager, signed_at=trunk_request.filed_at)
    runtime()
    run("CREATE TEMPORARY TABLE trunks_monthreview (id bigint, signed_at timestamptz)")
    for sql in (
        f"UPDATE trunks_sampleditem SET comment = 'altered' WHERE id = {item.pk}",
        f"DELETE FROM trunks_sampleditem WHERE id = {item.pk}",
    ):
        with pytest.raises(DatabaseError, match="signed off"):
            run(sql)


def test_the_portal_does_its_work_as_that_role(
    runtime: Callable[[], None], zoom: Zoom, staff: User, supervisor: User, client: Client
) -> None:
    runtime()
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "123")
    provisioning.provision(trunk_request.pk)
    trunk_request.refresh_from_db()
    assert trunk_request.state == State.DONE
    other = filing.file(zoom.draft(zoom.trunk.prefix + "124"), actor=staff)
    filing.withdraw(other, actor=staff, version=other.version)
    stopping.stop(actor=supervisor, reason="We look into something.")
    tasks.sweep()
    tasks.make_audit_months()
    client.force_login(supervisor, backend="django.contrib.auth.backends.ModelBackend")
    for path in ("/", "/requests/", f"/requests/{trunk_request.reference}/", "/healthz"):
        assert client.get(path).status_code == 200
    assert "warnings" not in client.get("/readyz").json()
    assert Heartbeat.objects.exists()
    assert trail.misfits() == []


def test_the_owner_migrates_and_grants_again(role: str, staff: User) -> None:
    call_command("migrate", verbosity=0)
    assert grant(f"--role={role}") == f"{role} may run the portal, and owns nothing.\n"
    act_as(role)
    with pytest.raises(ProgrammingError, match=r"must be owner|permission denied"):
        call_command("migrate", "trunks", "0004", verbosity=0)
    assert record(staff).id == 1
    audit.make_coming_months()
    assert audit.make_coming_months() == 0


def test_as_the_owner_the_portal_is_ready_and_warns(client: Client, staff: User) -> None:
    assert audit_roles.owner_runs_the_portal()
    assert "grant_runtime" in client.get("/readyz").json()["warnings"][0]


@pytest.mark.parametrize("more", ["ALTER ROLE {role} CREATEROLE", "GRANT pg_write_all_data TO {role}", ""])
def test_only_who_owns_the_events_archives_and_others_are_told_who_that_is(
    role: str, more: str, settings: Settings, tmp_path: Path
) -> None:
    owner = connection.settings_dict["USER"]
    assert audit_roles.keeper() == (owner, True)
    settings.AUDIT_ARCHIVE_DIR = str(tmp_path)
    settings.AUDIT_SIGNING_KEY = Ed25519PrivateKey.generate()
    run(more.format(role=role) or "SELECT 1")
    act_as(role)
    assert audit_roles.keeper() == (owner, False)
    with pytest.raises(archiving.NotArchived, match=f"Run this as the role {owner}"):
        archiving.archive(Span(date(2026, 1, 1), 1, 1, 1))
