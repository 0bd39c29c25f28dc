"""Of all the workers and beat, one sweeps in an interval, and none of them is needed."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db.models import F

from tests.together import together
from trunks import tasks
from trunks.models import Heartbeat
from trunks.workflow import sweeping

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what grows with each sweep."""
    done: list[str] = []

    def sweep() -> int:
        done.append("sweep")
        return len(done)

    monkeypatch.setattr(sweeping, "sweep", sweep)
    return done


def shift(seconds: float) -> None:
    """Have the last sweep have begun so many seconds later than it did."""
    Heartbeat.objects.filter(name=sweeping.TURN).update(at=F("at") + timedelta(seconds=seconds))


def test_whoever_comes_by_again_in_the_same_interval_does_not_sweep(sweeps: list[str]) -> None:
    assert sweeping.sweep_in_turn() == 1
    assert sweeping.sweep_in_turn() == 0
    assert len(sweeps) == 1


def test_the_next_interval_has_its_sweep(sweeps: list[str]) -> None:
    sweeping.sweep_in_turn()
    shift(-settings.SWEEP_SECONDS)
    assert sweeping.sweep_in_turn() == 2
    assert sweeping.sweep_in_turn() == 0


def test_of_many_at_once_one_sweeps(sweeps: list[str]) -> None:
    together(*[sweeping.sweep_in_turn] * 4)
    assert len(sweeps) == 1
    shift(-settings.SWEEP_SECONDS)
    together(*[sweeping.sweep_in_turn] * 4)
    assert len(sweeps) == 2


def test_one_that_died_with_the_turn_costs_one_interval(
    sweeps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(sweeping, "sweep", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sweeping.sweep_in_turn()
    assert sweeping.sweep_in_turn() == 0
    shift(-settings.SWEEP_SECONDS)
    assert sweeping.sweep_in_turn() == 1


def test_a_clock_that_was_set_back_stops_no_sweep(sweeps: list[str]) -> None:
    sweeping.sweep_in_turn()
    shift(3600)
    assert sweeping.sweep_in_turn() == 2


def test_beat_and_worker_share_the_turn(sweeps: list[str]) -> None:
    tasks.sweep()
    assert sweeping.sweep_in_turn() == 0
    assert len(sweeps) == 1
