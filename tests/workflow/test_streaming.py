"""The audit trail streamed to a SIEM: in order, at least once, never with a gap, and never in the way."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from tests.sealed import clock_at
from tests.together import together
from trunks import audit, audit_export, dispatch, tasks
from trunks.actions import Action
from trunks.models import AuditStream, User
from trunks.receivers import File, Line
from trunks.workflow import streaming, sweeping

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


@dataclass
class Basket:
    """A receiver that keeps what it gets, and does something before or after, such as dying."""

    numbers: list[int] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None

    def deliver(self, lines: Sequence[Line]) -> None:
        self.before()
        self.numbers += [json.loads(line.text)["metadata"]["sequence"] for line in lines]
        self.after()


@pytest.fixture
def basket(settings: Settings) -> Basket:
    settings.AUDIT_STREAM = basket = Basket()
    return basket


def act(user: User, times: int = 1) -> None:
    for _ in range(times):
        with transaction.atomic():
            audit.record(Action.ROLE_GRANTED, actor=user, on=user)


def let_the_lease_run_out() -> None:
    AuditStream.objects.update(lease_until=timezone.now() - timedelta(seconds=5))


def broken() -> None:
    raise ConnectionRefusedError(111, "Connection refused")


def killed() -> None:
    raise SystemExit


def test_events_arrive_once_and_in_order(staff: User, basket: Basket) -> None:
    act(staff, 3)
    assert streaming.stream() == 3
    act(staff, 2)
    tasks.stream_audit(0)
    assert basket.numbers == [1, 2, 3, 4, 5]
    assert streaming.stream() == 0


def test_long_trails_go_in_bounded_batches(
    staff: User, basket: Basket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_export, "PIECE", 2)
    sizes: list[int] = []
    basket.after = lambda: sizes.append(len(basket.numbers))
    act(staff, 5)
    assert streaming.stream() == 5
    assert sizes == [2, 4, 5]
    assert basket.numbers == [1, 2, 3, 4, 5]


def test_a_receiver_that_takes_no_whole_batch_in_time_gets_fewer_until_all_has_arrived(
    staff: User, basket: Basket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(lines: Sequence[Line]) -> None:
        if len(lines) > 2:
            raise TimeoutError
        basket.numbers += [json.loads(line.text)["metadata"]["sequence"] for line in lines]

    monkeypatch.setattr(basket, "deliver", slow)
    monkeypatch.setattr(streaming, "FEW", 2)
    act(staff, 5)
    assert streaming.stream() == 0
    AuditStream.objects.update(next_at=None)
    assert streaming.stream() == 5
    assert (basket.numbers, AuditStream.objects.get().failures) == ([1, 2, 3, 4, 5], 0)
    act(staff, 3)
    assert streaming.stream() == 0


def test_a_run_ends_in_time_and_the_next_goes_on(
    staff: User, basket: Basket, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(staff, 2)
    monkeypatch.setattr(streaming, "RUN_SECONDS", 0.0)
    assert streaming.stream() == 0
    monkeypatch.undo()
    assert streaming.stream() == 2


def test_a_crash_before_the_receiver_has_it_leaves_nothing_out(staff: User, basket: Basket) -> None:
    act(staff, 2)
    basket.before = killed
    with pytest.raises(SystemExit):
        streaming.stream()
    basket.before = lambda: None
    assert streaming.stream() == 0  # the lease of who died still holds
    let_the_lease_run_out()
    assert streaming.stream() == 2
    assert basket.numbers == [1, 2]


def test_a_crash_after_the_receiver_has_it_repeats_the_batch_and_leaves_nothing_out(
    staff: User, basket: Basket
) -> None:
    act(staff, 2)
    basket.after = killed
    with pytest.raises(SystemExit):
        streaming.stream()
    basket.after = lambda: None
    let_the_lease_run_out()
    act(staff)
    assert streaming.stream() == 3
    assert basket.numbers == [1, 2, 1, 2, 3]


def test_who_was_too_slow_moves_nothing(staff: User, basket: Basket) -> None:
    act(staff, 2)

    def others_are_quicker() -> None:
        let_the_lease_run_out()
        basket.before = lambda: None
        act(staff)
        assert streaming.stream() == 3

    basket.before = others_are_quicker
    assert streaming.stream() == 0
    assert basket.numbers == [1, 2, 3, 1, 2]
    assert AuditStream.objects.get().position == 3


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_each_event_once(staff: User, basket: Basket) -> None:
    act(staff, 4)
    entered = threading.Event()
    basket.before = entered.set
    basket.after = lambda: None
    results = together(streaming.stream, streaming.stream)
    assert sorted(str(result) for result in results) == ["0", "4"]
    assert basket.numbers == [1, 2, 3, 4]
    assert entered.is_set()


def test_a_receiver_that_is_down_is_tried_again_ever_later_and_nothing_is_lost(
    staff: User,
    basket: Basket,
    settings: Settings,
    rung: list[tuple[str, int]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.SWEEP_SECONDS = 15
    act(staff, 2)
    basket.before = broken
    with caplog.at_level(logging.WARNING):
        assert streaming.stream() == 0
    assert "AUDIT_STREAM: Connection refused. Next try in 15 s." in caplog.text
    assert streaming.stream() == 0  # let rest
    streaming.ring_due()
    assert rung == []
    for expected in (30, 60, 120, 240, 300, 300):
        AuditStream.objects.update(next_at=None)
        caplog.clear()
        streaming.stream()
        assert f"Next try in {expected} s" in caplog.text
    basket.before = lambda: None
    AuditStream.objects.update(next_at=timezone.now() - timedelta(seconds=5))
    assert streaming.stream() == 2
    row = AuditStream.objects.get()
    assert (row.failures, row.next_at, row.lease_until) == (0, None, None)
    assert str(row) == "streamed up to 2"


def test_an_error_without_a_text_is_called_by_its_kind(
    staff: User, basket: Basket, caplog: pytest.LogCaptureFixture
) -> None:
    def late() -> None:
        raise TimeoutError

    act(staff)
    basket.before = late
    streaming.stream()
    assert "AUDIT_STREAM: TimeoutError" in caplog.text


def test_the_sweep_rings_while_something_has_not_arrived(
    staff: User, basket: Basket, rung: list[tuple[str, int]]
) -> None:
    act(staff)
    sweeping.sweep()
    assert (dispatch.STREAM, 0) in rung
    streaming.stream()
    rung.clear()
    sweeping.sweep()
    assert (dispatch.STREAM, 0) not in rung


def test_without_a_receiver_nothing_is_sent_and_nobody_rung(
    staff: User, rung: list[tuple[str, int]], settings: Settings
) -> None:
    settings.AUDIT_STREAM = None
    act(staff)
    assert streaming.stream() == 0
    sweeping.sweep()
    assert (dispatch.STREAM, 0) not in rung
    assert not AuditStream.objects.exists()


def test_the_lag_is_measured(staff: User, basket: Basket, client: Client, settings: Settings) -> None:
    act(staff, 3)
    shown = client.get("/metrics").content.decode()
    assert "portal_audit_stream_lag_events 3.0" in shown
    with clock_at(datetime.now(UTC), database=datetime.now(UTC) + timedelta(hours=1)):
        assert streaming.lag()[1] > 3500
    streaming.stream()
    assert streaming.lag() == (0, 0.0)
    settings.AUDIT_STREAM = None
    assert "stream_lag" not in client.get("/metrics").content.decode()


def test_a_file_holds_the_whole_trail(staff: User, settings: Settings, tmp_path: Path) -> None:
    settings.AUDIT_STREAM = File(tmp_path / "audit.jsonl")
    act(staff, 3)
    streaming.stream()
    said = [json.loads(text) for text in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [event["unmapped"]["id"] for event in said] == [1, 2, 3]
    assert said[1]["unmapped"]["previous"] == said[0]["unmapped"]["hash"]


def test_no_transaction_is_open_while_the_receiver_takes_the_events(staff: User, basket: Basket) -> None:
    act(staff)
    depth = len(connection.savepoint_ids)
    basket.before = lambda: depths.append(len(connection.savepoint_ids))
    depths: list[int] = []
    streaming.stream()
    assert depths == [depth]
