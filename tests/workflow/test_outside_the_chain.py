"""What a walk along the chain would not come to, or read in another way than a page does, is found all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from tests import trail
from tests.sealed import Sealed, unguarded
from trunks import audit_chain, audit_quick, chain
from trunks.audit_chain import Misfit, Place
from trunks.models import AuditArchive, AuditCheck, Result, User
from trunks.workflow import checks, sealing, verifying, verifying_archives
from trunks.workflow.verifying import Finding

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

CANNOT_HOLD = "a field holds something that an event cannot hold."
COLUMNS = ", ".join((*chain.FIELDS[1:], "hash"))


@pytest.fixture
def sealed(settings: Settings, tmp_path: Path, staff: User) -> Sealed:
    portal = Sealed(settings, tmp_path, staff)
    portal.act(8)
    portal.pass_days()
    portal.act(2)
    return portal


def after(*statements: str) -> Finding:
    with unguarded():
        trail.run(*statements)
    return verifying.verify()


def copied(number: str) -> str:
    table = "trunks_auditevent"
    return f"INSERT INTO {table} (id, {COLUMNS}) SELECT {number}, {COLUMNS} FROM {table} WHERE id = 4"


@pytest.mark.parametrize("number", ["0", "-5"])
def test_an_event_before_the_first_is_found(sealed: Sealed, number: str) -> None:
    finding = after(copied(number))
    assert (finding.bad, finding.problem) == (
        1,
        f"an event stands outside the chain: it bears the number {number}.",
    )


OTHERWISE = {
    "a zone behind the moment": "at = at || '+05:00'",
    "another sign in the moment": "at = replace(at, ' ', 'T')",
    "something behind the moment": "at = at || 'x'",
    "a moment that goes on behind its end": "at = at || char(0) || 'x'",
    "a moment that is no text": "at = CAST(substr(at, 1, 18) || X'ff' AS TEXT)",
    "a moment that is cut off": "at = substr(at, 1, 25)",
    "a day that there is not": "at = '2026-02-30 10:00:00'",
    "a number as bytes": "actor_id = CAST(CAST(actor_id AS TEXT) AS BLOB)",
    "a text as bytes": "action = CAST(action AS BLOB)",
    "the hash as bytes": "hash = CAST(hash AS BLOB)",
    "a hash that goes on behind its end": "hash = hash || char(0) || 'x'",
    "the object as bytes": "object_id = CAST(object_id AS BLOB)",
    "a text that goes on behind its end": "comment = comment || char(0) || 'x'",
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_the_same_bytes_in_another_kind_are_found_where_a_column_takes_any(sealed: Sealed, name: str) -> None:
    if connection.vendor == "postgresql":
        return  # its columns take their own kind only
    finding = after(f"UPDATE trunks_auditevent SET {OTHERWISE[name]} WHERE id = 3")
    assert finding.bad == 3
    assert audit_quick.prove(Place(), 8, {2}) == [audit_chain.at(2)]


@pytest.mark.parametrize("number", ["'abc'", "X'34'"])
def test_a_number_that_is_none_is_found_where_a_column_takes_any(sealed: Sealed, number: str) -> None:
    if connection.vendor == "sqlite":
        assert "stands outside the chain" in after(copied(number)).problem


# Of each database what its columns take, and with which event the check then says that something cannot be read.
NEVER_WRITTEN = {
    "postgresql": {
        "the last moment is never": (12, "UPDATE trunks_auditevent SET at = 'infinity' WHERE id = 12"),
        "a digest of no day": (1, "UPDATE trunks_auditdigest SET day = 'infinity'"),
        "a digest that was never made": (1, "UPDATE trunks_auditdigest SET made_at = '-infinity'"),
    },
    "sqlite": {
        "the last moment is none": (12, "UPDATE trunks_auditevent SET at = 'x' WHERE id = 12"),
        "bytes that are no text": (
            5,
            "UPDATE trunks_auditevent SET comment = CAST(X'ff' AS TEXT) WHERE id = 5",
        ),
        "a hash that is no text": (5, "UPDATE trunks_auditevent SET hash = CAST(X'ff' AS TEXT) WHERE id = 5"),
        "a number that is no text": (1, "UPDATE trunks_auditevent SET id = CAST(X'ff' AS TEXT) WHERE id = 5"),
        "a head that is no text": (1, "UPDATE trunks_audithead SET hash = CAST(X'ff' AS TEXT)"),
        "a head without a number": (1, "UPDATE trunks_audithead SET position = 'x'"),
        "a digest of no day": (1, "UPDATE trunks_auditdigest SET day = '2026-02-30'"),
        "a digest without its last": (1, "UPDATE trunks_auditdigest SET last = 'x'"),
        "a statement that is no text": (1, "UPDATE trunks_auditdigest SET statement = CAST(X'ff' AS TEXT)"),
    },
}
NAMES = [(vendor, name) for vendor, cases in NEVER_WRITTEN.items() for name in cases]


@pytest.mark.parametrize(("vendor", "name"), NAMES)
def test_what_cannot_be_read_fails_the_check_and_stops_none(
    vendor: str, name: str, sealed: Sealed, manager: User
) -> None:
    if connection.vendor != vendor:
        return
    bad, statement = NEVER_WRITTEN[vendor][name]
    done = {"under_way": False, "finished_at": timezone.now(), "result": Result.PASSED}
    AuditCheck.objects.create(**done, full=False, position=11, asked_at=timezone.now())
    check = checks.ask(actor=manager, full=True)
    finding = after(statement)
    assert finding.bad == bad
    assert finding.problem in (CANNOT_HOLD, verifying.CANNOT_BE_READ)
    checks.run(check.pk)
    check.refresh_from_db()
    assert (check.under_way, check.result, check.bad) == (False, Result.FAILED, bad)
    begins_behind = 1 < bad <= 8
    assert (checks.run_here(full=False).result == Result.FAILED) is not begins_behind


@pytest.mark.parametrize("said", ["[" * 100_000, '{"version": "portal-audit-digest-1", "first": 1e999}'])
def test_a_statement_that_is_too_much_to_read_is_none(said: str, sealed: Sealed) -> None:
    assert after(f"UPDATE trunks_auditdigest SET statement = '{said}'").problem.endswith(" cannot be read.")


def test_a_lock_or_a_lost_connection_is_no_finding(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost() -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(audit_chain, "ends", lost)
    with pytest.raises(OperationalError):
        verifying.verify()


@pytest.mark.parametrize("never", ["infinity", "-infinity"])
def test_a_moment_that_cannot_be_read_is_found_and_stops_no_check(sealed: Sealed, never: str) -> None:
    if connection.vendor == "postgresql":
        finding = after(f"UPDATE trunks_auditevent SET at = '{never}' WHERE id = 7")
        assert (finding.bad, finding.problem) == (7, CANNOT_HOLD)


def test_what_lies_in_the_second_place_stops_no_check(sealed: Sealed, tmp_path: Path) -> None:
    (tmp_path / "audit-2026-02-30.json").write_text("no day")
    assert verifying.verify().bad is None
    (tmp_path / "audit-2998-12-31.json").write_text("[" * 100_000)
    assert "the second place has a digest of 2998-12-31" in verifying.verify().problem
    (tmp_path / "audit-2999-01-01.json").write_text('{"statement": "no digest", "signature": ""}')
    assert "the second place has a digest of 2999-01-01" in verifying.verify().problem
    sealing.deliver()


def test_a_month_that_leaves_meanwhile_is_not_missed(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    follow, tries = verifying_archives.follow, []

    def leaves(*given: object) -> Place:
        tries.append(given)
        if len(tries) > 1:
            return follow([], [])
        monkeypatch.setattr(AuditArchive.objects, "count", lambda: len(tries) % 2)
        raise Misfit(1, "the event is missing.")

    monkeypatch.setattr(verifying_archives, "follow", leaves)
    assert (verifying.verify().bad, len(tries)) == (None, 2)
