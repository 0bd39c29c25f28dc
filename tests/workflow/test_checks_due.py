"""Checks that nobody asks for: when they are due, by the database's clock."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests.sealed import Sealed, clock_at, noon
from tests.workflow import test_checks
from tests.workflow.test_checks import ran, told
from trunks.models import AuditCheck, User
from trunks.workflow import checks, sealing

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
sealed = test_checks.sealed


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
