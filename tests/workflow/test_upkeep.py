"""What is done by the clock is done without beat as well, and without a worker whose clock is right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F
from pytest_django import Settings

from tests import cast
from trunks import dispatch, tasks
from trunks.models import Heartbeat, MasterAccount, Occasion, TrunkRequest, User, clock
from trunks.workflow import upkeep

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
Rings = list[tuple[str, int]]


def shift(name: str, seconds: float) -> None:
    Heartbeat.objects.filter(name=name).update(at=F("at") + timedelta(seconds=seconds))


@pytest.fixture
def forgotten(trunk_request: TrunkRequest) -> TrunkRequest:
    """Return a request that nobody has decided on for long enough to remind, and an estate that was just read."""
    TrunkRequest.objects.update(changed_at=datetime.now(UTC) - timedelta(days=9))
    MasterAccount.objects.update(sync_started_at=clock.now())
    return trunk_request


def reminders() -> int:
    return Occasion.objects.filter(topic="reminder").count()


def test_without_beat_a_worker_reminds_of_what_waits(
    forgotten: TrunkRequest, supervisor: User, rung: Rings, settings: Settings
) -> None:
    upkeep.do()
    Occasion.objects.filter(topic="reminder").delete()
    tasks.alive(0)
    assert reminders() == 0  # beat was heard a moment ago
    shift(upkeep.TURN, -3 * settings.SWEEP_SECONDS)
    tasks.alive(0)
    assert reminders() == 1


def test_without_beat_a_worker_rings_for_what_beat_would(forgotten: TrunkRequest, rung: Rings) -> None:
    tasks.keep_audit(0)
    rung.clear()
    upkeep.do()
    assert rung == []
    shift(upkeep.AUDIT, -700)
    upkeep.do()
    assert rung == [(dispatch.SEAL, 0)]


def test_without_beat_a_worker_reads_the_estates(
    estate: cast.Estate, rung: Rings, settings: Settings
) -> None:
    tasks.keep_audit(0)
    rung.clear()
    for intervals, expected in ((1.4, []), (1.6, [(dispatch.SYNC_ALL, 0)])):
        MasterAccount.objects.update(sync_started_at=clock.after(-intervals * settings.SYNC_SECONDS))
        upkeep.do()
        assert rung == expected


def test_what_beat_rings_for_shows_that_it_is_heard(db: None, rung: Rings) -> None:
    tasks.alive(0)
    assert not Heartbeat.objects.filter(name="beat").exists()
    tasks.sweep()
    assert Heartbeat.objects.filter(name="beat").exists()
