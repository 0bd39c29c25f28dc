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

from tests.sealed import Sealed, clock_at, hash_anew, noon, unguarded
from tests.together import together
from trunks import audit, audit_quick, dispatch, tasks
from trunks.audit_chain import Place
from trunks.models import AuditCheck, Result, User
from trunks.models.audit_event import AuditEvent, AuditHead
from trunks.workflow import checks, sealing, sweeping
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


def test_an_incremental_check_begins_at_the_last_digest_that_was_reached(
    sealed: Sealed, manager: User
) -> None:
    assert ran(full=False, actor=manager).start == 0
    check = ran(full=False, actor=manager)
    assert (check.start, check.result, check.digests) == (11, Result.PASSED, 1)
    sealed.pass_days()
    check = ran(full=False, actor=manager)
    assert (check.start, check.digests) == (11, 2)
    assert ran(full=False, actor=manager).start > 11


def test_an_incremental_check_begins_before_a_digest_that_no_check_has_seen(
    sealed: Sealed, manager: User
) -> None:
    assert checks.run_here(full=True).position == 13  # and no event tells of it
    with unguarded():
        AuditEvent.objects.filter(id=13).update(comment="x")
    sealed.pass_days()
    check = ran(full=False, actor=manager)
    assert (check.start, check.result, check.bad) == (11, Result.FAILED, 13)


def test_an_incremental_check_says_nothing_of_what_lies_before_and_ends_no_alarm(
    sealed: Sealed, manager: User
) -> None:
    ran(full=True, actor=manager)
    with unguarded():
        AuditEvent.objects.filter(id=4).update(comment="x")
    assert ran(full=False, actor=manager).result == Result.PASSED
    failed = ran(full=True, actor=manager)
    assert ran(full=False, actor=manager).result == Result.PASSED
    assert AuditCheck.alarm() == failed
    with unguarded():
        AuditEvent.objects.filter(id=4).update(comment="")
    ran(full=True, actor=manager)
    assert AuditCheck.alarm() is None


def test_an_incremental_check_finds_what_was_rewritten_since(sealed: Sealed, manager: User) -> None:
    ran(full=True, actor=manager)
    sealed.act(3)
    sealed.pass_days()
    last = AuditEvent.objects.order_by("-id")[1]
    with unguarded():
        AuditEvent.objects.filter(id=last.id - 1).update(actor_name="Somebody Else")
        hash_anew(last.id - 1)
    check = ran(full=False, actor=manager)
    assert (check.result, check.bad) == (Result.FAILED, 12)


def test_a_check_whose_worker_was_lost_goes_on_where_it_was(
    sealed: Sealed, manager: User, rung: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_quick, "PIECES", {"postgresql": 2, "sqlite": 2})
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


def test_the_clock_asks_for_a_full_check_each_week_and_another_after_each_digest(
    sealed: Sealed, manager: User
) -> None:
    checks.schedule()
    checks.schedule()
    [check] = AuditCheck.objects.all()
    assert (check.full, check.why, told(check)) == (True, "schedule", ["verification.asked"])
    checks.run(check.pk)
    AuditCheck.objects.update(asked_at=noon(3))
    checks.schedule()
    assert AuditCheck.objects.count() == 1
    AuditCheck.objects.update(asked_at=timezone.now())
    checks.schedule()
    newest = AuditCheck.objects.all()[0]
    assert (newest.full, newest.under_way) == (False, True)
    checks.run(newest.pk)
    AuditCheck.objects.update(asked_at=timezone.now() - timedelta(days=8))
    checks.schedule()
    assert AuditCheck.objects.all()[0].full


@pytest.mark.parametrize("ahead", [-1, 1])
def test_the_clocks_of_two_workers_need_not_agree(sealed: Sealed, ahead: int) -> None:
    """What was verified since the newest digest is not verified again, and what was not is verified."""

    def asked_by_a_worker_with_another_clock(minutes: int) -> int:
        now = noon(4) + timedelta(minutes=minutes)
        with clock_at(now + timedelta(hours=ahead), database=now):
            checks.schedule()
            for check in AuditCheck.objects.filter(under_way=True):
                checks.run(check.pk)
        return AuditCheck.objects.count()

    assert [asked_by_a_worker_with_another_clock(minutes) for minutes in (0, 10)] == [1, 1]
    with clock_at(noon(4) + timedelta(minutes=20)):
        assert sealing.make_due()
    assert [asked_by_a_worker_with_another_clock(minutes) for minutes in (30, 40)] == [2, 2]


@pytest.mark.parametrize("full", [True, False])
def test_one_that_could_not_be_carried_out_is_asked_for_again(
    full: bool, sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    if not full:
        ran(full=True, actor=manager)
        AuditCheck.objects.update(asked_at=timezone.now() - timedelta(days=5))
    sealed.settings.AUDIT_DIGEST_DIR = "/nowhere"
    checks.schedule()
    broken = AuditCheck.objects.all()[0]
    checks.run(broken.pk)
    sealed.settings.AUDIT_DIGEST_DIR = str(tmp_path)
    checks.schedule()
    assert AuditCheck.objects.all()[0] == broken
    AuditCheck.objects.filter(pk=broken.pk).update(asked_at=timezone.now() - timedelta(hours=2))
    checks.schedule()
    again = AuditCheck.objects.all()[0]
    assert (again.full, again.under_way) == (full, True)


def test_before_the_first_digest_the_clock_asks_for_nothing(staff: User) -> None:
    checks.schedule()
    assert not AuditCheck.objects.exists()
