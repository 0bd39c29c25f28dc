"""After a rest a few calls leave at once, and no second holds more calls for it: on a clock that the test moves."""

from collections.abc import Callable, Sequence

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import cast
from trunks.models import MasterAccount, RateBudget, RatePlan, rate_budget
from trunks.models.rate_budget import EARLY_CALLS, JITTER_INTERVALS, RATES

pytestmark = pytest.mark.sqlite

BEGINNING = 1_700_000_000.0
TINY = 1e-5
# The spacing of a budget that has measured no jitter.
INTERVAL = (1 + JITTER_INTERVALS / RATES[RatePlan.PRO]["heavy"]) / RATES[RatePlan.PRO]["heavy"]
Ask = Callable[[float], float]
# Mostly in quick succession, sometimes after a while, sometimes after a rest.
GAPS = st.lists(
    st.one_of(st.floats(0, 0.1), st.floats(0.1, 1.9), st.floats(1.9, 2.3), st.floats(2.3, 9)), max_size=60
)


@pytest.fixture
def master(db: None) -> MasterAccount:
    return cast.master_account("Northwind", "northwind-account-id")


@pytest.fixture
def ask(master: MasterAccount, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Take a turn at a moment of the test's own, and return when the call leaves."""

    def leave(moment: float) -> float:
        monkeypatch.setitem(rate_budget._WORDS[connection.vendor], "now", f"({moment:.9f}::float8)")
        if connection.vendor == "sqlite":
            monkeypatch.setitem(rate_budget._WORDS["sqlite"], "now", f"({moment:.9f})")
        return moment + RateBudget.take(master, "heavy")

    return leave


def most_in_a_second(moments: Sequence[float]) -> int:
    """Return the most that any sliding second holds, which begins with one of them."""
    ordered = sorted(moments)
    return max(sum(first <= other < first + 1 - TINY for other in ordered) for first in ordered)


def without_early_calls(moments: Sequence[float], interval: float) -> list[float]:
    """Return when the calls would leave that each wait for their turn."""
    turns: list[float] = []
    for moment in moments:
        turns.append(max(moment, turns[-1] + interval) if turns else moment)
    return turns


def moments_of(gaps: Sequence[float]) -> list[float]:
    moments = [BEGINNING]
    for gap in gaps:
        moments.append(moments[-1] + gap)
    return moments


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gaps=GAPS)
def test_no_second_holds_more_than_without_early_calls(gaps: list[float], ask: Ask) -> None:
    RateBudget.objects.all().delete()
    moments = moments_of(gaps)
    left, waited = [ask(moment) for moment in moments], without_early_calls(moments, INTERVAL)
    assert most_in_a_second(left) <= int(1 / INTERVAL) + 1
    assert all(early <= turn + TINY for early, turn in zip(left, waited, strict=True))
    assert all(at >= moment for at, moment in zip(left, moments, strict=True))


def test_after_a_rest_as_many_calls_leave_at_once_as_a_request_makes(ask: Ask) -> None:
    for begin in (BEGINNING, BEGINNING + 10):
        left = [ask(begin + number * 0.005) - begin for number in range(5)]
        assert left[:EARLY_CALLS] == pytest.approx([0, 0.005, 0.01], abs=TINY)
        assert left[EARLY_CALLS:] == pytest.approx([3 * INTERVAL, 4 * INTERVAL], abs=TINY)


def test_a_second_without_calls_is_no_rest_yet(ask: Ask) -> None:
    for _ in range(EARLY_CALLS):
        ask(BEGINNING)
    assert ask(BEGINNING + 1.5) == BEGINNING + 1.5
    assert ask(BEGINNING + 1.5) > BEGINNING + 1.55


def test_nothing_leaves_early_during_a_pause_or_right_after_it(ask: Ask, master: MasterAccount) -> None:
    ask(BEGINNING)
    RateBudget.pause(master, "heavy", 3)
    assert ask(BEGINNING) >= BEGINNING + 3
    assert ask(BEGINNING + 4) == BEGINNING + 4
    assert ask(BEGINNING + 4) > BEGINNING + 4.05


def test_at_a_rate_so_low_that_they_are_all_of_a_second_none_is_early(
    ask: Ask, master: MasterAccount
) -> None:
    master.rate_share = 20
    assert ask(BEGINNING) == BEGINNING
    assert ask(BEGINNING) > BEGINNING + 0.4
