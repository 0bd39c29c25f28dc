"""The rate budget: shared by threads and processes, by the database's clock."""

import time
from itertools import pairwise

import pytest
from django.db.models import F

from tests import cast
from tests.together import together
from trunks import turns
from trunks.models import MasterAccount, NoRoom, Outlook, RateBudget, RatePlan
from trunks.models.rate_budget import BURST_CALLS, RATES, SHARE
from trunks.turns import WORK, Turns
from trunks.zoom.types import Label

pytestmark = pytest.mark.sqlite

# SQLite tells the time in whole milliseconds, and once for each statement.
GRAIN = 0.002


@pytest.fixture
def master(db: None) -> MasterAccount:
    return cast.master_account("Northwind", "northwind-account-id")


def interval(plan: RatePlan, label: str) -> float:
    return 1 / (RATES[plan][label] * SHARE)


def test_the_first_call_leaves_at_once(master: MasterAccount) -> None:
    assert RateBudget.take(master, "medium").wait <= GRAIN
    assert str(RateBudget.objects.get()) == f"medium budget of {master.pk}"


@pytest.mark.parametrize("plan", RatePlan)
@pytest.mark.parametrize("label", list(Label))
def test_each_call_waits_one_interval_longer(plan: RatePlan, label: Label, master: MasterAccount) -> None:
    master.rate_plan = plan
    RateBudget.pause(master, label.value, 5)
    assert RateBudget.take(master, label.value).wait == pytest.approx(5, abs=3)
    given = [RateBudget.objects.get().turn_at]
    for _ in range(4):
        RateBudget.take(master, label.value)
        given.append(RateBudget.objects.get().turn_at)
    # A 429 has been there, which leaves nine tenths of the rate.
    usual = interval(plan, label.value) / 0.9
    assert [later - earlier for earlier, later in pairwise(given)] == pytest.approx([usual] * 4, rel=0.03)


def test_labels_and_masters_have_budgets_of_their_own(master: MasterAccount) -> None:
    other = cast.master_account("Contoso", "contoso-account-id")
    RateBudget.pause(master, "medium", 5)
    assert RateBudget.take(master, "medium").wait > 4
    assert RateBudget.take(master, "light").wait < 1
    assert RateBudget.take(other, "medium").wait < 1


def test_a_pause_holds_before_the_first_call_too(master: MasterAccount) -> None:
    turns.slow_down(master, Label.LIGHT, 5)
    assert RateBudget.take(master, "light").wait > 4


def test_a_shorter_pause_does_not_end_a_longer_one(master: MasterAccount) -> None:
    RateBudget.pause(master, "light", 9)
    RateBudget.pause(master, "light", 1)
    assert RateBudget.take(master, "light").wait > 8


def test_a_pause_that_begins_while_a_turn_is_looked_for_is_kept(
    master: MasterAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = RateBudget.look

    def then_pause(master: MasterAccount, label: str) -> Outlook:
        ahead = look(master, label)
        RateBudget.pause(master, label, 60)
        return ahead

    monkeypatch.setattr(RateBudget, "look", then_pause)
    with pytest.raises(NoRoom) as caught:
        RateBudget.take(master, "light", longest=4)
    assert caught.value.wait > 50


def test_what_was_not_used_is_not_saved_up(master: MasterAccount) -> None:
    RateBudget.take(master, "heavy")
    time.sleep(interval(RatePlan.PRO, "heavy") * 5)
    waits = [RateBudget.take(master, "heavy").wait for _ in range(BURST_CALLS + 1)]
    assert max(waits[:BURST_CALLS]) <= GRAIN
    assert waits[BURST_CALLS] > GRAIN


@pytest.mark.django_db(transaction=True)
def test_the_calls_of_many_threads_keep_the_pace(master: MasterAccount) -> None:
    def worker() -> list[float]:
        found = []
        for _ in range(5):
            # Read before and after: the turn lies between, whatever the statement took.
            before = time.time()
            found.append(before + RateBudget.take(master, "heavy").wait)
        return found

    results = together(*[worker] * 6)
    given = sorted(turn for result in results if isinstance(result, list) for turn in result)
    assert len(given) == 30
    row = RateBudget.objects.get()
    # 30 turns were given out one after the other, from the first moment to the row's next one.
    assert row.next_at >= given[0] + 30 * interval(RatePlan.PRO, "heavy") - GRAIN


@pytest.mark.django_db(transaction=True)
def test_calls_leave_at_the_pace(master: MasterAccount) -> None:
    def worker() -> list[float]:
        left = []
        for _ in range(3):
            Turns(master, WORK).wait(Label.HEAVY)
            left.append(time.monotonic())
        return left

    results = together(*[worker] * 3)
    left = sorted(moment for result in results if isinstance(result, list) for moment in result)
    assert len(left) == 9
    # Threads wake up late, never early: nine calls need at least eight intervals, less what may leave at once and one
    # late start.
    assert left[-1] - left[0] >= (8 - BURST_CALLS) * interval(RatePlan.PRO, "heavy")


# --- a database whose clock was set back -----------------------------------------------------------------------------


def test_a_clock_that_was_set_back_does_not_hold_the_calls_until_it_has_caught_up(
    master: MasterAccount,
) -> None:
    RateBudget.pause(master, "light", 1)
    hour = {name: F(name) + 3600 for name in ("next_at", "turn_at", "not_before", "limited_at")}
    RateBudget.objects.update(**hour | {"next_at": F("not_before") + 3600})
    assert RateBudget.take(master, "light", longest=4).wait <= GRAIN
    assert RateBudget.take(master, "light", longest=4).wait < 1
    assert RateBudget.objects.get().limited_at <= time.time()


def test_a_pause_from_before_that_time_stays(master: MasterAccount) -> None:
    RateBudget.pause(master, "light", 7200)
    RateBudget.objects.update(next_at=F("next_at") + 3600 + time.time())
    with pytest.raises(NoRoom) as caught:
        RateBudget.take(master, "light", longest=4)
    assert caught.value.wait == pytest.approx(7200, abs=5)
