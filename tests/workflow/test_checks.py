"""Verification as work: asked for, carried out by one worker, gone on with by the next, kept and told."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from errno import EACCES
from pathlib import Path

import pytest
from django.db import DatabaseError, IntegrityError
from django.utils import timezone
from pytest_django import Settings

from tests.sealed import Sealed, unguarded
from tests.together import together
from trunks import audit, audit_quick, dispatch, tasks
from trunks.audit_chain import Place
from trunks.models import AuditCheck, Result, User
from trunks.models.audit_event import AuditEvent, AuditHead
from trunks.workflow import checks, sweeping
from trunks.workflow.errors import Refused

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
Rings = list[tuple[str, int]]


@pytest.fixture
def sealed(settings: Settings, tmp_path: Path, staff: User) -> Sealed:
    """Return a trail of two sealed days and a bit: 1-5, 6 (digest); 7-11, 12 (digest); 13."""
    portal = Sealed(settings, tmp_path, staff)
    for _ in range(2):
        portal.act(5)
        portal.pass_days()
    portal.act()
    return portal


def told(check: AuditCheck) -> list[str]:
    return [event.action for event in audit.history(check)]


def ran(full: bool, actor: User) -> AuditCheck:
    check = checks.ask(actor=actor, full=full)
    checks.run(check.pk)
    check.refresh_from_db()
    return check


@pytest.mark.parametrize("who", ["manager", "administrator"])
def test_managers_and_administrators_have_the_trail_verified(
    who: str,
    sealed: Sealed,
    request: pytest.FixtureRequest,
    rung: Rings,
    django_capture_on_commit_callbacks: object,
) -> None:
    user = request.getfixturevalue(who)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        check = checks.ask(actor=user, full=True)
    assert rung == [(dispatch.VERIFY, check.pk)]
    tasks.verify_audit(check.pk)
    check.refresh_from_db()
    assert (check.result, check.events, check.digests, check.bad) == (Result.PASSED, 14, 2, None)
    assert (check.under_way, check.problem, check.kind, str(check)) == (
        False,
        "",
        "Full",
        f"full verification {check.pk}",
    )
    assert told(check) == ["verification.asked", "verification.passed"]
    asked, passed = audit.history(check)
    assert (asked.actor, asked.after) == (user, {"kind": "full"})
    assert passed.ground == "somebody asked for it"
    assert passed.after == {"events": 14, "head": check.hash, "first_bad": None}


@pytest.mark.parametrize("who", ["staff", "supervisor", "superuser", "stranger"])
def test_nobody_else_does(who: str, sealed: Sealed, request: pytest.FixtureRequest) -> None:
    with pytest.raises(Refused, match="Only managers and administrators"):
        checks.ask(actor=request.getfixturevalue(who), full=True)
    assert not AuditCheck.objects.exists()


def test_who_asks_while_one_is_under_way_gets_that_one(
    sealed: Sealed, manager: User, administrator: User
) -> None:
    first = checks.ask(actor=manager, full=True)
    assert checks.ask(actor=administrator, full=False) == first
    assert told(first) == ["verification.asked"]


def test_who_asks_while_one_ends_gets_that_one(
    sealed: Sealed, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, real = checks.ask(actor=manager, full=True), audit.change

    @contextmanager
    def change() -> Iterator[None]:
        monkeypatch.undo()
        try:
            with real():
                yield
        except IntegrityError:
            checks.run(first.pk)  # its worker ends it before it is looked for
            raise

    monkeypatch.setattr(audit, "change", change)
    assert checks.ask(actor=manager, full=True) == first


@pytest.mark.django_db(transaction=True)
def test_of_two_who_ask_at_once_and_two_workers_one_check_comes(sealed: Sealed, manager: User) -> None:
    asked = together(*[lambda: checks.ask(actor=manager, full=True)] * 2)
    assert asked[0] == asked[1] == AuditCheck.objects.get()
    together(*[lambda: checks.run(AuditCheck.objects.get().pk)] * 2)
    assert told(AuditCheck.objects.get()) == ["verification.asked", "verification.passed"]


def test_what_does_not_fit_is_kept_told_and_stands_as_an_alarm(sealed: Sealed, manager: User) -> None:
    with unguarded():
        AuditEvent.objects.filter(id=4).update(comment="x")
    check = ran(full=True, actor=manager)
    assert (check.result, check.bad, check.events) == (Result.FAILED, 4, 0)
    failed = audit.history(check)[1]
    assert (failed.action, failed.outcome, failed.comment) == ("verification.failed", "failed", check.problem)
    assert AuditCheck.alarm() == check


def test_a_check_on_the_command_line_is_an_event_where_it_sets_the_alarm_or_ends_it(sealed: Sealed) -> None:
    def run(comment: str) -> list[str]:
        with unguarded():
            AuditEvent.objects.filter(id=4).update(comment=comment)
        return told(checks.run_here(full=True))

    assert [run(comment) for comment in ("", "x", "x", "", "")] == [
        *([], ["verification.failed"], []),
        *(["verification.passed"], []),
    ]
    assert AuditCheck.alarm() is None


def test_a_check_whose_worker_was_lost_goes_on_where_it_was(
    sealed: Sealed, manager: User, rung: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_quick, "PIECE", 2)
    pieces = []
    real = audit_quick.prove

    def prove(place: Place, upto: int, marks: Collection[int]) -> list[Place]:
        pieces.append(place.position)
        if place.position == 4 and pieces.count(4) == 1:
            raise DatabaseError("the connection is gone")
        return real(place, upto, marks)

    monkeypatch.setattr(audit_quick, "prove", prove)
    check = checks.ask(actor=manager, full=True)
    with pytest.raises(DatabaseError):
        checks.run(check.pk)
    check.refresh_from_db()
    assert (check.under_way, check.position, check.total) == (True, 4, 14)
    checks.run(check.pk)
    assert pieces == [0, 2, 4]  # whoever held it may still be at work
    sweeping.sweep()
    assert rung == []
    AuditCheck.objects.update(seen_at=timezone.now() - timedelta(seconds=checks.LOST_SECONDS + 1))
    sweeping.sweep()
    assert rung == [(dispatch.VERIFY, check.pk)]
    checks.run(check.pk)
    check.refresh_from_db()
    assert (check.result, check.events, pieces[3]) == (Result.PASSED, 14, 4)
    checks.run(check.pk)
    assert told(check) == ["verification.asked", "verification.passed"]


def test_the_first_to_end_a_check_has_the_word(sealed: Sealed, manager: User) -> None:
    check = checks.ask(actor=manager, full=True)
    stale = AuditCheck.objects.get()
    checks.run(check.pk)
    checks._finish(stale, OSError())
    check.refresh_from_db()
    assert check.result == Result.PASSED
    assert told(check) == ["verification.asked", "verification.passed"]


def test_a_second_place_that_cannot_be_read_is_no_failure_of_the_trail(sealed: Sealed, manager: User) -> None:
    sealed.settings.AUDIT_DIGEST_DIR = "/nowhere"
    check = ran(full=True, actor=manager)
    assert (check.result, check.bad) == (Result.BROKEN, None)
    assert check.problem == "The second place (AUDIT_DIGEST_DIR) cannot be read: No such file or directory."
    assert told(check) == ["verification.asked", "verification.broken"]
    assert AuditCheck.alarm() is None


def test_nor_is_a_digest_there_that_may_not_be_read(
    sealed: Sealed, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a worker ran as another user. Who takes the file away is found, and so is who writes another."""

    def denied(*_: object, **__: object) -> str:
        raise PermissionError(EACCES, "Permission denied")

    with monkeypatch.context() as rights:
        rights.setattr(Path, "read_text", denied)
        check = ran(full=True, actor=manager)
    file = sorted(sealed.folder.glob("audit-*.json"))[0]
    assert (check.result, check.bad) == (Result.BROKEN, None)
    assert check.problem == (
        f"{file.name} in the second place (AUDIT_DIGEST_DIR) cannot be read: Permission denied."
    )
    assert AuditCheck.alarm() is None
    file.unlink()
    check = ran(full=True, actor=manager)
    assert (check.result, "is missing in the second place" in check.problem) == (Result.FAILED, True)


def test_a_trail_too_damaged_to_take_the_result_is_told_by_the_row(
    sealed: Sealed, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise IntegrityError("there is an event with this number")

    check = checks.ask(actor=manager, full=True)
    with unguarded():
        AuditHead.objects.update(position=3)
    monkeypatch.setattr(audit, "record", refuse)
    checks.run(check.pk)
    check.refresh_from_db()
    assert (check.result, check.bad) == (Result.FAILED, 4)
    assert told(check) == ["verification.asked"]
