"""What a process knows of the database's clock, and of when its calls were counted."""

import time

import pytest

from tests import calls, cast
from trunks import turns
from trunks.models import MasterAccount
from trunks.turns import WORK, DatabaseClock, Turns
from trunks.zoom.types import Label

BEGAN = 1_700_000_000.0
QUICK = 0.0004  # from an answer to its being read


def test_the_database_shows_a_moment_between_the_narrowest_that_its_answers_allow() -> None:
    clock = DatabaseClock()
    # By this process's clock 50 when the database's shows BEGAN: the first question waited for a row, the second's
    # answer for a processor.
    clock.learn(asked=49.5, shown=BEGAN, answered=50 + QUICK)
    clock.learn(asked=59.999, shown=BEGAN + 10, answered=60.3)
    earliest, latest = clock.span(BEGAN + 20)
    assert (earliest, latest) == pytest.approx((69.999, 70 + QUICK), abs=1e-6)


@pytest.mark.parametrize("set_by", [-3600, -0.05, 0.05, 3600])
def test_after_either_clock_was_set_the_next_answer_counts(set_by: float) -> None:
    clock = DatabaseClock()
    clock.learn(asked=49.999, shown=BEGAN, answered=50.001)
    clock.learn(asked=59.99, shown=BEGAN + 10 + set_by, answered=60.01)
    earliest, latest = clock.span(BEGAN + 10 + set_by)
    assert (earliest, latest) == pytest.approx((59.99, 60.01), abs=1e-6)


@pytest.fixture
def master(db: None) -> MasterAccount:
    return cast.master_account("Northwind", "northwind-account-id")


def test_what_kept_a_call_after_its_turn_counts_as_its_way(master: MasterAccount) -> None:
    mine, begun = Turns(master, WORK), time.monotonic()
    mine.wait(Label.HEAVY)
    time.sleep(0.05)  # whatever is asked between the turn and the call
    left = time.monotonic()
    mine.learn(calls.made(Label.HEAVY, left, left + 0.03))
    counted = turns._counted[master.pk, Label.HEAVY].pop()
    assert 0.08 <= counted.seconds <= left + 0.03 - begun


def test_of_a_call_without_an_answer_nothing_is_known(master: MasterAccount) -> None:
    mine = Turns(master, WORK)
    mine.wait(Label.HEAVY)
    mine.learn(calls.made(Label.HEAVY, time.monotonic(), None, status=None))
    assert not turns._counted[master.pk, Label.HEAVY]


def test_a_write_is_counted_and_tells_nothing_of_the_way(master: MasterAccount) -> None:
    mine = Turns(master, WORK)
    mine.wait(Label.HEAVY)
    left = time.monotonic()
    mine.learn(calls.made(Label.HEAVY, left, left + 0.03, method="POST"))
    assert turns._counted[master.pk, Label.HEAVY].pop()
    assert (master.pk, Label.HEAVY) not in turns._measured
