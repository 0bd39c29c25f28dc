"""A short run of `make bench-budget`: real workers, the sandbox limiting in a sliding second."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import database
from tests.bench.budget import cost_of_waiting
from tests.bench.ground import Ground, ground
from tests.bench.watch import Arrival, broken_silences, figures
from tests.processes import wait_until

pytestmark = pytest.mark.sqlite
LIMIT = 20
FEW = 10


@pytest.fixture
def base(transactional_db: None, tmp_path: Path) -> Iterator[Ground]:
    with ground(tmp_path, database.environment(), sub_accounts=60, limit=LIMIT) as made:
        yield made


def test_two_workers_use_the_limit_and_never_exceed_it(base: Ground) -> None:
    base.delay(0, 0.02)
    base.work(1, 2)
    requests = base.approve(FEW)
    assert base.wait_for(requests, 30) == {"done": FEW}
    seen = figures(base.watch.ours(), LIMIT)
    assert (seen.calls, seen.refused) == (3 * FEW, 0)
    assert seen.closest >= 1


def test_after_a_429_all_workers_are_silent_and_no_request_fails(base: Ground) -> None:
    base.work(1, 2)
    requests = base.approve(FEW)
    filler = threading.Thread(target=_fill_the_second, args=(base,))
    filler.start()
    assert base.wait_for(requests, 30) == {"done": FEW}
    filler.join()
    ours = base.watch.ours()
    assert figures(ours, LIMIT).refused > 0
    assert broken_silences(ours, 1.0, under_way=0.5) == 0


def _fill_the_second(base: Ground) -> None:
    """Have another app use up the limit when the workers are in the middle of it."""
    wait_until(lambda: len(base.watch.ours()) >= 6, "some calls have been made")

    def met() -> bool:
        base.watch.fill(base.account)
        return any(not arrival.passed for arrival in base.watch.ours())

    wait_until(met, "a worker's call is refused")


def test_a_request_costs_the_same_however_many_wait(base: Ground) -> None:
    spent = cost_of_waiting(base, waiting=40, measured=4)
    assert 0 < spent < 5


def test_the_figures_are_those_of_the_arrivals() -> None:
    arrivals = [Arrival(at / 10, at != 5, foreign=False) for at in range(21)]
    seen = figures(arrivals, 10)
    assert (seen.calls, seen.seconds, seen.used, seen.refused) == (20, 2.0, 0.95, 1)
    assert seen.closest == pytest.approx(1.0)
    assert "1 × 429" in str(seen)


def test_a_call_in_the_silence_is_found_and_one_under_way_is_not() -> None:
    def at(*moments: float) -> list[Arrival]:
        return [Arrival(0, passed=False, foreign=False)] + [Arrival(at, True, False) for at in moments]

    assert broken_silences(at(0.05, 1.2), 1.0, under_way=0.1) == 0
    assert broken_silences(at(0.05, 0.5, 1.2), 1.0, under_way=0.1) == 1
