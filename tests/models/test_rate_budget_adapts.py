"""The budget adapts to what calls meet, lets people go first, and silences everybody after a 429."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import F

from tests import calls, cast, database
from tests.processes import PYTHON, start
from trunks import turns
from trunks.models import MasterAccount, NoRoom, RateBudget, RatePlan, Trips
from trunks.models.rate_budget import BURST_CALLS, LEAST_SHARE, RATES, SHARE
from trunks.turns import BATCH, INTERACTIVE, WORK, Turns, Urgency
from trunks.zoom.errors import HeldBack, RateLimited
from trunks.zoom.meanwhile import meanwhile
from trunks.zoom.types import Call, Label

pytestmark = pytest.mark.sqlite

# SQLite tells the time in whole milliseconds, and once for each statement.
GRAIN = 0.003
LABEL = Label.LIGHT
TAKER = """
import json, time, django
django.setup()
from trunks.models import MasterAccount, RateBudget
master, found = MasterAccount.objects.get(), []
for _ in range(8):
    before = time.time()
    wait = RateBudget.take(master, "heavy").wait
    found.append((before + wait, time.time() + wait))
print(json.dumps(found))
"""


@pytest.fixture
def master(transactional_db: None) -> MasterAccount:
    return cast.master_account("Northwind", "northwind-account-id")


def row(label: Label = LABEL) -> RateBudget:
    return RateBudget.objects.get(label=label.value)


def spacing(master: MasterAccount, label: Label = LABEL) -> float:
    """Return the seconds between two turns as they are given out now."""
    before = RateBudget.objects.filter(label=label.value).first()
    RateBudget.take(master, label.value)
    now = row(label)
    return now.next_at - max(now.turn_at, before.next_at if before else 0)


def in_threads(*jobs: Callable[[], None]) -> None:
    def run(job: Callable[[], None]) -> None:
        try:
            job()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def before_each_sleep(monkeypatch: pytest.MonkeyPatch, happening: Callable[[float], None]) -> None:
    real = time.sleep

    def sleep(seconds: float) -> None:
        happening(seconds)
        real(seconds)

    monkeypatch.setattr("trunks.turns.time.sleep", sleep)


def call(seconds: float, method: str = "GET", status: int = 200) -> Call:
    now = time.monotonic()
    return calls.made(LABEL, now, now + seconds, method=method, status=status)


def test_turns_given_to_several_processes_keep_the_limit_and_the_pace(
    master: MasterAccount, tmp_path: Path
) -> None:
    environment = database.environment() | {"DJANGO_SETTINGS_MODULE": "portal.settings"}
    RateBudget.take(master, "heavy")
    takers = [
        start([PYTHON, "-c", TAKER], log=tmp_path / f"{number}.log", environment=environment)
        for number in range(3)
    ]
    assert [taker.popen.wait(60) for taker in takers] == [0, 0, 0], [taker.output() for taker in takers]
    found = sorted(tuple(turn) for taker in takers for turn in json.loads(taker.output()))
    assert len(found) == 24
    limit = int(RATES[RatePlan.PRO]["heavy"])
    for (earliest, _), (_, latest) in zip(found, found[limit:], strict=False):
        assert latest - earliest >= 1 - GRAIN
    assert found[-1][1] - found[0][0] >= (23 - BURST_CALLS + 1) / (limit * SHARE) - GRAIN


def test_calls_that_hold_a_turn_keep_silent_when_a_429_meets_somebody_else(master: MasterAccount) -> None:
    left: list[float] = []
    asked: list[float] = []
    some_left = threading.Event()

    def work() -> None:
        for _ in range(4):
            Turns(master, WORK).wait(Label.HEAVY)
            left.append(time.monotonic())
            some_left.set()

    def brake() -> None:
        some_left.wait(60)
        time.sleep(0.1)
        asked.append(time.monotonic())
        turns.slow_down(master, Label.HEAVY, 0.6)
        asked.append(time.monotonic())

    in_threads(work, work, work, brake)
    begun, paused = asked
    assert len(left) == 12
    assert min(left) < begun
    assert [moment for moment in left if paused + 0.02 < moment < begun + 0.6 - GRAIN] == []


def test_a_429_leaves_nine_tenths_of_the_share_once_for_a_whole_crowd(master: MasterAccount) -> None:
    usual = spacing(master)
    for _ in range(5):
        RateBudget.pause(master, LABEL.value, 60)
    assert row().share == pytest.approx(SHARE * 0.9)
    RateBudget.objects.update(not_before=F("not_before") - 60, next_at=F("next_at") - 60)
    assert spacing(master) == pytest.approx(usual / 0.9, rel=0.001)
    RateBudget.pause(master, LABEL.value, 1)
    assert row().share == pytest.approx(SHARE * 0.81, rel=0.001)


def test_429s_without_end_leave_something(master: MasterAccount) -> None:
    for _ in range(30):
        RateBudget.pause(master, LABEL.value, 0)
    assert row().share == pytest.approx(LEAST_SHARE)


def test_each_quiet_minute_gives_one_hundredth_of_the_limit_back(master: MasterAccount) -> None:
    RateBudget.pause(master, LABEL.value, 0)
    limit = RATES[RatePlan.PRO][LABEL.value]
    for minutes, share in ((0, 0.882), (3, 0.912), (60, SHARE)):
        limited_at = time.time() - minutes * 60
        RateBudget.objects.update(limited_at=limited_at)
        assert 1 / spacing(master) / limit == pytest.approx(share, abs=0.001)


def test_a_wider_spread_of_round_trips_keeps_places_longer(master: MasterAccount) -> None:
    def kept() -> float:
        turn = RateBudget.take(master, LABEL.value)
        places = row().places
        return float(places[turn.number % int(RATES[RatePlan.PRO][LABEL.value])]) - turn.at

    assert kept() == pytest.approx(1 / SHARE, abs=0.001)
    for _ in range(60):
        RateBudget.take(master, LABEL.value, trips=Trips(0.02, 0.02))
        RateBudget.take(master, LABEL.value, trips=Trips(0.12, 0.12))
    # A call may come 0.1 s late and the next one at once: a place is kept for a second and that tenth.
    assert 1.1 < kept() < 1.15
    assert 0.1 < RateBudget.look(master, LABEL.value).slack < 0.15


def test_one_slow_answer_is_no_jitter_and_is_forgotten(master: MasterAccount) -> None:
    for _ in range(30):
        RateBudget.take(master, LABEL.value, trips=Trips(0.02, 0.03))
    steady = row().slowest
    RateBudget.take(master, LABEL.value, trips=Trips(0.02, 9.0))
    assert row().slowest <= steady + 0.02
    raised = row().slowest
    for _ in range(30):
        RateBudget.take(master, LABEL.value, trips=Trips(0.025, 0.025))
    assert row().slowest < raised


def test_what_a_client_measures_reaches_the_budget_and_writes_do_not(master: MasterAccount) -> None:
    mine = Turns(master, WORK)
    mine.learn(call(0.5, method="POST"))
    mine.learn(call(0.5, status=429))
    mine.wait(LABEL)
    assert row().slowest == 0
    mine.learn(call(0.05))
    mine.learn(call(0.04))
    mine.wait(LABEL)
    assert 0.03 < row().quickest <= row().slowest < 0.1


def test_other_apps_are_left_their_share(master: MasterAccount) -> None:
    usual = spacing(master)
    master.rate_share = 50
    assert spacing(master) == pytest.approx(2 * usual, rel=0.02)


def test_a_turn_too_far_away_is_not_taken(master: MasterAccount) -> None:
    RateBudget.pause(master, LABEL.value, 5)
    before = row().next_at
    with pytest.raises(NoRoom) as caught:
        RateBudget.take(master, LABEL.value, longest=2)
    assert 4 < caught.value.wait <= 5
    assert row().next_at == before


def test_a_person_waits_two_seconds_at_most_and_is_told_when(
    master: MasterAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    RateBudget.pause(master, LABEL.value, 60)
    slept: list[float] = []
    before_each_sleep(monkeypatch, slept.append)
    with pytest.raises(HeldBack, match="the next turn is at") as caught:
        Turns(master, INTERACTIVE).wait(LABEL)
    assert slept == []
    assert caught.value.retry_at is not None
    assert (caught.value.status, caught.value.might_have_happened) == (None, False)


def test_a_reading_of_the_estate_leaves_the_next_turns_to_others(
    master: MasterAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    RateBudget.take(master, LABEL.value)
    RateBudget.objects.update(next_at=time.time() + 0.6)
    slept: list[float] = []
    before_each_sleep(monkeypatch, slept.append)
    Turns(master, WORK).wait(LABEL)
    taken_by_work = row().turn_at
    Turns(master, BATCH).wait(LABEL)
    assert row().turn_at > taken_by_work
    RateBudget.objects.update(next_at=time.time() + 0.6)
    began = row().next_at
    slept.clear()
    Turns(master, BATCH).wait(LABEL)
    # It slept before it took its turn, which anybody else could have taken meanwhile.
    assert len(slept) >= 2
    assert row().turn_at >= began - (BURST_CALLS - 1) / (RATES[RatePlan.PRO][LABEL.value] * SHARE) - GRAIN


def test_a_reading_of_the_estate_gives_up_before_its_lease_ends(
    master: MasterAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.conf.settings.HTTP_DEADLINE_SECONDS", 0.1)
    RateBudget.pause(master, LABEL.value, 3600)
    with pytest.raises(HeldBack):
        Turns(master, BATCH).wait(LABEL)


def test_no_transaction_is_open_while_a_call_waits(
    master: MasterAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ones: list[bool] = []
    before_each_sleep(monkeypatch, lambda _: open_ones.append(connection.in_atomic_block))
    for _ in range(BURST_CALLS + 1):
        Turns(master, WORK).wait(Label.HEAVY)
    assert open_ones
    assert not any(open_ones)


@pytest.mark.parametrize("far", [False, True])
def test_what_is_to_be_done_meanwhile_is_done_before_it_sleeps(
    master: MasterAccount, monkeypatch: pytest.MonkeyPatch, far: bool
) -> None:
    done: list[str] = []
    before_each_sleep(monkeypatch, lambda _: done.append("slept"))
    for _ in range(BURST_CALLS):
        Turns(master, WORK).wait(Label.HEAVY)
    done.clear()
    if far:
        RateBudget.pause(master, Label.HEAVY.value, 0.3)
    with meanwhile(lambda: done.append("written down")):
        Turns(master, Urgency(reach=0.01, patience=1) if far else WORK).wait(Label.HEAVY)
    assert done[:2] == ["written down", "slept"]


@pytest.mark.parametrize("missing", [turns.MISSING_SECONDS, 0.1])
def test_a_worker_that_was_stopped_gives_its_missed_turn_up(
    master: MasterAccount, monkeypatch: pytest.MonkeyPatch, missing: float
) -> None:
    monkeypatch.setattr(turns, "MISSING_SECONDS", missing)
    # On a busy machine everybody wakes up late by more than the usual slack, which is a fiftieth of a second.
    look = RateBudget.look
    monkeypatch.setattr(RateBudget, "look", lambda *asked: look(*asked)._replace(slack=0.3))
    for _ in range(BURST_CALLS):
        Turns(master, WORK).wait(Label.HEAVY)
    stops = [0.6]
    real = time.sleep
    before_each_sleep(monkeypatch, lambda _: real(stops.pop() if stops else 0))
    given = row(Label.HEAVY).number
    Turns(master, WORK).wait(Label.HEAVY)
    assert row(Label.HEAVY).number == given + 2


def test_on_a_machine_that_misses_every_turn_calls_leave_all_the_same(
    master: MasterAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MISSING_SECONDS", 0.2)
    real = time.sleep
    before_each_sleep(monkeypatch, lambda _: real(0.1))
    for _ in range(BURST_CALLS + 1):
        Turns(master, WORK).wait(Label.HEAVY)
    assert row(Label.HEAVY).number > BURST_CALLS + 1


def test_only_the_label_that_was_limited_falls_silent(master: MasterAccount) -> None:
    Turns(master, WORK).brake(Label.MEDIUM, RateLimited("slow down"))
    assert 0.5 < RateBudget.look(master, "medium").pause <= 1.2
    assert RateBudget.look(master, "light").pause == 0


def test_credentials_of_an_unknown_account_wait_for_nobody(transactional_db: None) -> None:
    nobody = Turns(None, INTERACTIVE)
    nobody.wait(LABEL)
    nobody.learn(call(0.1))
    nobody.brake(LABEL, RateLimited("slow down"))
    assert not RateBudget.objects.exists()
