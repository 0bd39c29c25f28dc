"""No sliding second at Zoom holds more calls than the limit, however the ways differ: on a clock that the test sets."""

import heapq
import random
from collections.abc import Callable, Iterator, Sequence

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import cast
from trunks.models import Counted, MasterAccount, NoRoom, RateBudget, RatePlan, Trips, Turn, rate_budget
from trunks.models.rate_budget import (
    ANSWER_MARGIN,
    ANSWER_SECONDS,
    BURST_CALLS,
    CUT,
    FEW_CALLS,
    MOST_JITTER,
    RATES,
    SHARE,
)

pytestmark = pytest.mark.sqlite

BEGINNING = 1_700_000_000.0
TINY = 1e-5
LIMIT = int(RATES[RatePlan.PRO]["heavy"])
INTERVAL = 1 / (LIMIT * SHARE)
BACK = 0.02  # the quickest way there and back
MARGIN = ANSWER_SECONDS + ANSWER_MARGIN * 0.1  # where the ways differ by a tenth of a second
Ask = Callable[..., Turn]


@pytest.fixture
def master(db: None) -> MasterAccount:
    return cast.master_account("Northwind", "northwind-account-id")


@pytest.fixture
def ask(master: MasterAccount, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """Take a turn at a moment of the test's own."""

    def take(moment: float, **learned: Trips | Counted | float | None) -> Turn:
        cast_to = "::float8" if connection.vendor == "postgresql" else ""
        monkeypatch.setitem(rate_budget._WORDS[connection.vendor], "now", f"({moment:.9f}{cast_to})")
        rate_budget._statement.cache_clear()
        return RateBudget.take(master, "heavy", **learned)  # type: ignore[arg-type]

    yield take
    rate_budget._statement.cache_clear()


def most_in_a_second(moments: Sequence[float]) -> int:
    """Return the most that any sliding second holds, which begins with one of them."""
    ordered = sorted(moments)
    return max(sum(first <= other < first + 1 - TINY for other in ordered) for first in ordered)


def taught(ask: Ask, jitter: float) -> None:
    """Let the budget know from many calls that the ways differ by `jitter`."""
    ask(BEGINNING - 10, trips=Trips(BACK, BACK + jitter))
    RateBudget.objects.update(number=FEW_CALLS)


def counted_at(
    ask: Ask, callers: int, jitter: float, calls: int, seed: int, *, heard: float = 0.9
) -> list[float]:
    """Have `callers` call one call after another, each on its way up to `jitter` longer than the quickest.

    Of the part that is not `heard` the budget never learns the answers.
    """
    chance = random.Random(seed)  # noqa: S311  # no secret
    free: list[tuple[float, int]] = [(BEGINNING + number * 0.001, number) for number in range(callers)]
    told: dict[int, dict[str, Trips | Counted]] = {}
    found = []
    for _ in range(calls):
        moment, caller = heapq.heappop(free)
        turn = ask(moment, **told.pop(caller, {}))
        arrived = turn.at + chance.uniform(0, jitter)
        answered = arrived + BACK
        found.append(arrived)
        trip = answered - turn.at
        told[caller] = {"trips": Trips(trip, trip)}
        if chance.random() < heard:  # the places of the others stay taken for as long as can be
            told[caller]["counted"] = Counted(turn.number, turn.at, trip)
        heapq.heappush(free, (answered + chance.uniform(0, 0.05), caller))
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(callers=st.integers(1, 20), jitter=st.floats(0, 0.12), seed=st.integers(0, 10**6))
def test_no_second_holds_more_than_the_limit(callers: int, jitter: float, seed: int, ask: Ask) -> None:
    RateBudget.objects.all().delete()
    taught(ask, jitter + TINY)
    assert most_in_a_second(counted_at(ask, callers, jitter, 60, seed)) <= LIMIT


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(callers=st.integers(1, 5), jitter=st.floats(0, 0.12), seed=st.integers(0, 10**6))
def test_the_first_calls_need_not_know_the_ways(callers: int, jitter: float, seed: int, ask: Ask) -> None:
    RateBudget.objects.all().delete()
    assert most_in_a_second(counted_at(ask, callers, jitter, 60, seed, heard=1.0)) <= LIMIT


def test_ways_that_differ_cost_what_they_take_and_not_their_extremes(ask: Ask) -> None:
    jitter = 0.1
    taught(ask, jitter)
    arrived = counted_at(ask, 8, jitter, 240, seed=1)
    used = (len(arrived) - 1) / (max(arrived) - min(arrived)) / LIMIT
    # Evenly spaced calls would have to leave all of the tenth free.
    assert used > 1 / (1 + jitter) + 0.01


def test_an_answer_frees_its_place_a_second_after_it(ask: Ask, master: MasterAccount) -> None:
    taught(ask, 0.1)
    turn = ask(BEGINNING)
    place = turn.number % LIMIT
    kept = RateBudget.objects.get().places[place]
    assert kept > BEGINNING + 1.1
    ask(BEGINNING + 0.5, counted=Counted(turn.number, turn.at, BACK + 0.01))
    assert RateBudget.objects.get().places[place] == pytest.approx(BEGINNING + 1 + 0.01 + MARGIN, abs=1e-4)


def test_of_an_answer_that_took_long_a_sixth_of_a_second_counts_as_its_way(ask: Ask) -> None:
    taught(ask, 0.1)
    for number, (took, kept) in enumerate([(0.15, 0.15), (0.5, MOST_JITTER), (4.0, MOST_JITTER)]):
        begin = BEGINNING + 10 * number
        turn = ask(begin)
        ask(begin + 5, counted=Counted(turn.number, turn.at, BACK + took))
        until = RateBudget.objects.get().places[turn.number % LIMIT]
        assert until - begin == pytest.approx(1 + kept + MARGIN, abs=1e-4)


def test_an_answer_from_before_the_clock_was_set_back_holds_nobody_until_it_has_caught_up(ask: Ask) -> None:
    ask(BEGINNING - 10, trips=Trips(BACK, BACK + 0.1))
    turn, back = ask(BEGINNING), BEGINNING - 3600
    ask(back, counted=Counted(turn.number, turn.at, BACK), longest=4.0)
    assert max(RateBudget.objects.get().places) < back + 1.3
    # All the way round, by the place of that call as well.
    assert [ask(back + 2 + number, longest=4.0).wait for number in range(LIMIT)] == [0] * LIMIT


def test_a_late_answer_leaves_the_place_to_the_call_that_has_it_now(ask: Ask) -> None:
    ask(BEGINNING - 10, trips=Trips(BACK, BACK + 0.1))
    turn = ask(BEGINNING)
    for _ in range(LIMIT):
        latest = ask(BEGINNING + 3)
    kept = RateBudget.objects.get().places[latest.number % LIMIT]
    assert latest.number == turn.number + LIMIT
    ask(BEGINNING + 3, counted=Counted(turn.number, turn.at, BACK))
    assert RateBudget.objects.get().places[latest.number % LIMIT] == pytest.approx(kept)


def test_while_few_calls_were_made_the_whole_trip_counts(ask: Ask) -> None:
    for number, trips in [(0, None), (1, Trips(BACK, BACK)), (FEW_CALLS - 2, None)]:
        RateBudget.objects.update(number=number)
        turn = ask(BEGINNING + number, trips=trips)
        ask(BEGINNING + number + 0.5, counted=Counted(turn.number, turn.at, 0.05))
        kept = RateBudget.objects.get().places[turn.number % LIMIT] - turn.at
        assert kept == pytest.approx(1 + 0.05 + ANSWER_SECONDS, abs=1e-4)


def test_a_quicker_way_is_believed_at_once_and_a_slower_one_by_half(ask: Ask) -> None:
    ask(BEGINNING, trips=Trips(0.05, 0.06))
    ask(BEGINNING + 1, trips=Trips(0.01, 0.07))
    row = RateBudget.objects.get()
    assert (row.quickest, row.slowest) == pytest.approx((0.01, 0.065))


def test_after_a_rest_as_many_calls_leave_at_once_as_a_request_makes(ask: Ask) -> None:
    for begin in (BEGINNING, BEGINNING + 10):
        left = [ask(begin + number * 0.005).at - begin for number in range(5)]
        assert left[:BURST_CALLS] == pytest.approx([0, 0.005, 0.01], abs=TINY)
        assert left[BURST_CALLS:] == pytest.approx([INTERVAL, 2 * INTERVAL], abs=TINY)


def test_at_a_high_rate_a_tenth_of_a_seconds_calls_leave_at_once(ask: Ask, master: MasterAccount) -> None:
    master.rate_plan, limit = RatePlan.BUSINESS, int(RATES[RatePlan.BUSINESS]["heavy"])
    left = [ask(BEGINNING).at - BEGINNING for _ in range(6)]
    assert left[:4] == pytest.approx([0] * 4, abs=TINY)
    assert left[4:] == pytest.approx([1 / (limit * SHARE), 2 / (limit * SHARE)], abs=TINY)


def test_no_two_calls_leave_together_during_a_pause_or_right_after_it(
    ask: Ask, master: MasterAccount
) -> None:
    ask(BEGINNING)
    RateBudget.pause(master, "heavy", 3)
    left = [ask(BEGINNING).at - BEGINNING for _ in range(4)]
    assert left == pytest.approx([3 + number * INTERVAL / CUT for number in range(4)], abs=0.001)


def test_who_does_not_wait_for_the_end_of_a_long_pause_changes_nothing_about_it(
    ask: Ask, master: MasterAccount
) -> None:
    ask(BEGINNING)
    RateBudget.pause(master, "heavy", 600)
    with pytest.raises(NoRoom):
        ask(BEGINNING + 1, longest=4.0)
    left = [ask(BEGINNING + 599).at - BEGINNING for _ in range(4)]
    assert left == pytest.approx([left[0] + number * INTERVAL for number in range(4)], abs=0.001)
    assert 600 <= left[0] < 600 + INTERVAL


def test_a_rate_below_one_call_a_second_is_kept(ask: Ask, master: MasterAccount) -> None:
    master.rate_share = 5
    left = [ask(BEGINNING).at - BEGINNING for _ in range(3)]
    assert left == pytest.approx([0, 2.16, 4.32], abs=0.01)


def test_another_plan_has_other_places(ask: Ask, master: MasterAccount) -> None:
    for plan in (RatePlan.PRO, RatePlan.BUSINESS, RatePlan.PRO):
        master.rate_plan = plan
        limit = int(RATES[plan]["heavy"])
        start = RateBudget.objects.get().next_at + 5 if RateBudget.objects.exists() else BEGINNING
        left = [ask(start).at for _ in range(2 * limit)]
        assert most_in_a_second(left) <= limit
