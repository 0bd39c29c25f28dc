"""Checks of what is new: where they begin, and what they can say."""

from __future__ import annotations

import pytest

from tests.sealed import Sealed, hash_anew, unguarded
from tests.workflow import test_checks
from tests.workflow.test_checks import ran
from trunks.models import AuditCheck, Result, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import checks

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
sealed = test_checks.sealed


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
