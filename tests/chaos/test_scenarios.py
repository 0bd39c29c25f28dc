"""Faults of processes, one at a time, on real ones: each request still ends in one true state, each line once."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from pytest_django import DjangoDbBlocker

from tests.chaos.counting import count as violations
from tests.chaos.field import WORKERS, Field, running
from trunks import audit
from trunks.actions import Action
from trunks.models import TrunkRequest

AWAY = 6.0  # seconds: eight sweeps
HANG = 2.6  # seconds: longer than the deadline of a call, shorter than the quiet period
_numbers = count(1)


@pytest.fixture(scope="module")
def field(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Field]:
    with django_db_blocker.unblock(), running() as field:
        yield field
        ended = "\n".join(field.breakdowns())
        assert not ended, ended  # in full: pytest shortens a comparison, and the logs are gone by then


@pytest.fixture(autouse=True)
def _database_is_open(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


def approved(field: Field) -> TrunkRequest:
    trunk_request = field.file(next(_numbers))
    assert field.approve(trunk_request) == 302
    return trunk_request


def dnis(trunk_request: TrunkRequest) -> str:
    return str(trunk_request.lines.get().dnis)


def once_sent(field: Field, trunk_request: TrunkRequest) -> None:
    """Wait until the sandbox has the request's call."""
    field.wait(lambda: bool(field.posts(dnis(trunk_request))), "the call has left")


def ends_well(field: Field, *filed: TrunkRequest, posts: int = 1) -> None:
    """Wait for the ends, all `done`, and judge them by the sandbox."""
    field.wait_for_end(*filed)
    assert [field.state(one) for one in filed] == ["done"] * len(filed)
    assert violations(field, filed) == []
    assert {len(field.posts(dnis(one))) for one in filed} == {posts}


@pytest.mark.sqlite
def test_f1_a_pool_child_that_is_killed_in_the_middle_of_a_call(field: Field) -> None:
    field.fault("hang", seconds=HANG, apply="before")
    trunk_request = approved(field)
    once_sent(field, trunk_request)
    for name in WORKERS:
        field.kill_pool(name)
    ends_well(field, trunk_request)


@pytest.mark.sqlite
def test_f1_a_pool_child_that_is_killed_while_it_waits_for_its_next_task(field: Field) -> None:
    """One child of each worker: what it waited with keeps neither the other from working nor the worker from ending."""
    for name in WORKERS:
        field.kill_pool(name, 1)
    for _ in range(3):
        ends_well(field, approved(field), approved(field))
    field.end_in_order(WORKERS[0])
    field.restart(WORKERS[0])


@pytest.mark.sqlite
def test_f2_both_workers_killed_in_the_middle_of_a_call(field: Field) -> None:
    field.fault("hang", seconds=HANG, apply="before")
    trunk_request = approved(field)
    once_sent(field, trunk_request)
    for name in WORKERS:
        field.kill(name)
    for name in WORKERS:
        field.restart(name)
    ends_well(field, trunk_request)


def test_f3_a_web_process_killed_between_the_commit_of_an_approval_and_its_ring(field: Field) -> None:
    trunk_request = field.file(next(_numbers))
    field.stop_for_a_while("redis")
    with ThreadPoolExecutor() as pool:
        clicked = pool.submit(field.approve, trunk_request)
        field.wait(lambda: field.state(trunk_request) == "approved", "the approval is committed")
        field.kill("web")
        assert clicked.result() == 0
    field.go_on("redis")
    field.restart("web")
    ends_well(field, trunk_request)


@pytest.mark.sqlite
def test_f4_f5_the_broker_lost_with_everything_in_it(field: Field) -> None:
    with field.broker_lost():
        filed = [field.file(next(_numbers)) for _ in range(5)]
        assert [field.approve(one) for one in filed] == [302] * 5
    ends_well(field, *filed)


def test_f6_redis_away_for_many_sweeps_costs_only_that_time(field: Field) -> None:
    filed = [field.file(next(_numbers)) for _ in range(3)]
    field.kill("redis")
    assert [field.approve(one) for one in filed] == [302] * 3
    time.sleep(AWAY)
    assert {field.state(one) for one in filed} == {"approved"}
    field.restart("redis")
    ends_well(field, *filed)


@pytest.mark.sqlite
def test_f7_the_database_cuts_every_connection_during_a_call(field: Field) -> None:
    field.fault("hang", seconds=HANG, apply="before")
    trunk_request = approved(field)
    once_sent(field, trunk_request)
    field.cut_database()
    ends_well(field, trunk_request)


@pytest.mark.sqlite
def test_f9_f10_f11_calls_that_time_out_and_take_effect_at_once_late_or_never(field: Field) -> None:
    filed = []
    for effect in ("before", "after", "never"):
        field.fault("hang", seconds=HANG, apply=effect)
        filed.append(approved(field))
        once_sent(field, filed[-1])
    ends_well(field, *filed[:2])
    ends_well(field, filed[2], posts=2)


@pytest.mark.sqlite
def test_f22_the_same_click_five_times_at_once(field: Field) -> None:
    trunk_request = field.file(next(_numbers))
    with ThreadPoolExecutor(5) as pool:
        statuses = list(pool.map(field.approve, [trunk_request] * 5))
    assert sorted(statuses) == [302, 409, 409, 409, 409]
    ends_well(field, trunk_request)
    assert audit.history(trunk_request).filter(action=Action.REQUEST_APPROVED).count() == 1


@pytest.mark.sqlite
def test_f25_workers_stopped_beyond_their_lease_in_the_middle_of_a_call(field: Field) -> None:
    field.fault("hang", seconds=HANG, apply="never")
    trunk_request = approved(field)
    once_sent(field, trunk_request)
    with field.workers_stopped():
        field.start_worker("successor")
        field.wait(lambda: field.state(trunk_request) != "applying", "the claim has been taken back")
    field.kill("successor")
    # The call never took effect, so that it is made once more: after two looks, by whoever holds the claim then.
    ends_well(field, trunk_request, posts=2)


@pytest.mark.sqlite
def test_f26_beat_killed_for_good(field: Field) -> None:
    field.kill("beat")
    with field.broker_lost():
        trunk_request = approved(field)
    ends_well(field, trunk_request)
    field.restart("beat")


def test_f27_workers_whose_connections_to_redis_are_cut(field: Field) -> None:
    field.cut_redis()
    filed = [approved(field) for _ in range(3)]
    field.cut_redis()
    ends_well(field, *filed)


@pytest.mark.sqlite
def test_f27_workers_that_take_nothing_turn_the_health_page_red(field: Field) -> None:
    field.wait(field.is_ready, "the portal is ready")
    with field.workers_stopped():
        trunk_request = approved(field)
        field.wait(lambda: not field.is_ready(), "the health page is red")
    ends_well(field, trunk_request)
    field.wait(field.is_ready, "the portal is ready again")


@pytest.mark.sqlite
def test_f29_old_workers_end_in_the_middle_of_a_call_beside_new_ones(field: Field) -> None:
    field.fault("hang", seconds=HANG, apply="before")
    trunk_request = approved(field)
    once_sent(field, trunk_request)
    field.start_worker("new")
    for name in WORKERS:
        field.end_in_order(name)
    ends_well(field, trunk_request, approved(field))
    for name in WORKERS:
        field.restart(name)
    field.end_in_order("new")
