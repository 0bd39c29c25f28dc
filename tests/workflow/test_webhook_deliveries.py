"""Deliveries that are not taken, or are late: tried again for a day, given up, and never in the way of others."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests import cast
from tests.outbox import deliver
from tests.workflow import test_webhooks
from tests.workflow.test_webhooks import headers, spread
from tests.zoom.loopback import Loopback
from trunks import audit
from trunks.models import Delivery, Sending, TrunkRequest, User, Webhook, clock
from trunks.workflow import delivering, outbox, posting, spreading, webhooks

pytestmark = pytest.mark.sqlite
hook = test_webhooks.hook
receiver = test_webhooks.receiver


def break_receiver(monkeypatch: pytest.MonkeyPatch, reply: posting.Reply | None = None) -> list[str]:
    """Have every post fail, or be answered with `reply`; return a list that grows with each try."""
    tries: list[str] = []

    def post(url: str, *_: object) -> posting.Reply:
        tries.append(url)
        if reply is None:
            raise posting.NotDelivered("no connection")
        return reply

    monkeypatch.setattr(posting, "post", post)
    return tries


@pytest.mark.parametrize("reply", [None, posting.Reply(500, "oops"), posting.Reply(302, "")])
def test_what_is_not_taken_is_tried_again_with_the_same_bytes(
    hook: Webhook,
    receiver: Loopback,
    trunk_request: TrunkRequest,
    supervisor: User,
    monkeypatch: pytest.MonkeyPatch,
    reply: posting.Reply | None,
) -> None:
    cast.approved(trunk_request, supervisor)
    spread()
    tries = break_receiver(monkeypatch, reply)
    delivering.send_due()
    assert len(tries) == 1, "one failure finds out for all of them"
    assert not Delivery.objects.due().exists()
    monkeypatch.undo()
    bodies = set(Delivery.objects.values_list("body", flat=True))
    Delivery.objects.update(next_attempt_at=clock.after(-1))
    delivering.send_due()
    assert {headers(one)[1].decode() for one in receiver.requests} == bodies
    assert set(Delivery.objects.values_list("sending", flat=True)) == {"sent"}
    assert Webhook.objects.get().failing_since is None


def test_intervals_grow_to_three_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: 1.0)
    assert [outbox.wait_after(tries, longest=delivering.LONGEST_WAIT) for tries in (0, 1, 8, 9, 99)] == [
        30,
        60,
        7680,
        10800,
        10800,
    ]


def test_after_a_day_it_is_given_up_and_the_trail_says_so(
    hook: Webhook, trunk_request: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread()
    Delivery.objects.update(made_at=timezone.now() - timedelta(hours=25))
    break_receiver(monkeypatch)
    delivering.send_due()
    delivery = Delivery.objects.get()
    assert (delivery.sending, delivery.problem) == ("failed", "no connection")
    event = audit.history(hook).get(action="webhook.failed")
    assert (event.comment, event.after["event_id"]) == ("no connection", delivery.event_id)


def test_a_late_worker_gives_up_nothing(
    hook: Webhook, trunk_request: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread()
    late = delivering._claim()
    assert late
    late.made_at = timezone.now() - timedelta(hours=25)
    Delivery.objects.update(tries=5)
    delivering._failed(late, "too late", None, "")
    assert Delivery.objects.get().sending == "waiting"
    assert not audit.history(hook).filter(action="webhook.failed").exists()


def test_after_three_days_it_is_switched_off_and_administrators_are_told(
    hook: Webhook, trunk_request: TrunkRequest, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread()
    deliver()
    break_receiver(monkeypatch)
    for days in (0, 2, 4):
        since = timezone.now() - timedelta(days=days) if days else None
        Webhook.objects.update(failing_since=since)
        Delivery.objects.update(next_attempt_at=clock.after(-1), lease_until=None)
        delivering.send_due()
        assert Webhook.objects.get().is_active is (days < 4)
    assert audit.history(hook).get(action="webhook.disabled").comment == "no connection"
    [letter] = deliver()
    assert letter.to == [administrator.email]
    assert letter.subject == "The webhook Ticketing was switched off"
    assert f"/webhooks/{hook.pk}/" in letter.body
    delivering._note_failure(hook, "again")
    assert audit.history(hook).filter(action="webhook.disabled").count() == 1


def test_two_workers_switch_it_off_once(hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=4))
    real = timezone.now

    def now() -> Any:
        Webhook.objects.update(is_active=False)
        return real()

    monkeypatch.setattr(timezone, "now", now)
    delivering._note_failure(hook, "no connection")
    assert not audit.history(hook).filter(action="webhook.disabled").exists()


def test_the_sweep_rings_for_a_delivery_whose_ring_was_lost(
    hook: Webhook, trunk_request: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    rings: list[str] = []

    def ring(task: str, pk: int) -> bool:
        rings.append(task)
        return True

    monkeypatch.setattr("trunks.dispatch.ring_now", ring)
    spread()
    spreading.ring_lost()
    assert rings == ["trunks.tasks.send_deliveries"]
    assert str(Delivery.objects.get()).startswith("request.filed ")
    assert Delivery.objects.get().sending == Sending.WAITING


def test_a_round_sends_so_many_deliveries_and_leaves_the_others_for_the_next(
    receiver: Loopback, hook: Webhook, trunk_request: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread()
    due = Delivery.objects.due().count()
    assert due > 0
    monkeypatch.setattr(delivering, "BATCH", 1)
    delivering.send_due()
    assert Delivery.objects.due().count() == due - 1


def test_a_round_that_takes_long_lets_other_work_in(
    receiver: Loopback, hook: Webhook, trunk_request: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that takes nine of its ten seconds each time must not keep a worker from what people have approved."""
    webhooks.send_test(hook, actor=hook.made_by)
    spread()
    assert Delivery.objects.due().count() == 2
    monkeypatch.setattr(outbox, "TURN", -1.0)
    delivering.send_due()
    assert Delivery.objects.due().count() == 1


def test_an_address_that_was_stored_and_is_none_keeps_nothing_from_the_other_webhooks(
    receiver: Loopback, hook: Webhook, trunk_request: TrunkRequest
) -> None:
    Webhook.objects.create(
        name="Broken",
        url="https://*.example.com/",
        secret="s",
        topics=["asked"],
        made_by=hook.made_by,
        made_at=hook.made_at,
    )
    spread()
    delivering.send_due()
    broken = Delivery.objects.get(webhook__name="Broken")
    assert (broken.sending, broken.problem) == (Sending.WAITING, posting.NO_ADDRESS)
    assert Delivery.objects.get(webhook=hook).sending == Sending.SENT
