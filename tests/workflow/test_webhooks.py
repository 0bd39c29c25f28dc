"""Webhooks: signed, delivered once each, tried again for a day, and switched off when nobody is there."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone
from pytest_django import Settings

from tests import cast
from tests.outbox import deliver
from tests.processes import ROOT
from tests.together import together
from tests.zoom.loopback import Loopback, answer
from trunks import audit, tasks
from trunks.models import Delivery, Occasion, Role, Sending, TrunkRequest, User, Webhook, clock
from trunks.workflow import deliveries, delivering, filing, keys, outbox, posting, spreading, webhooks
from trunks.workflow.errors import Invalid, Refused, Stale

pytestmark = pytest.mark.sqlite


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Loopback]:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with Loopback(*[answer(200, b"thanks")] * 5) as server:
        yield server


@pytest.fixture
def hook(receiver: Loopback, administrator: User) -> Webhook:
    """Return a webhook that is told of new requests and of decisions."""
    topics = ["asked", "decided"]
    return webhooks.add(name="Ticketing", url=f"{receiver.url}/hook", topics=topics, actor=administrator)


def spread() -> None:
    for pk in list(Occasion.objects.unspread().values_list("pk", flat=True)):
        spreading.spread(pk)


def documented() -> Callable[[str, str, bytes], bool]:
    """Return verify() as docs/webhooks.md has it."""
    text = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  # the very lines that people copy
    verify: Callable[[str, str, bytes], bool] = names["verify"]
    return verify


def headers(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    return {name.lower(): value for name, value in lines}, body


def test_what_happens_is_delivered_signed_as_the_docs_verify_it(
    hook: Webhook, receiver: Loopback, trunk_request: TrunkRequest
) -> None:
    spread()
    delivering.send_due()
    found, body = headers(receiver.requests[0])
    delivery = Delivery.objects.get()
    verify = documented()
    assert verify(hook.secret, found["portal-signature"], body)
    assert not verify("another secret", found["portal-signature"], body)
    assert not verify(hook.secret, found["portal-signature"], body + b" ")
    assert found["portal-event-id"] == delivery.event_id
    told = json.loads(body)
    assert (told["id"], told["type"]) == (delivery.event_id, "request.filed")
    assert told["request"]["reference"] == trunk_request.reference
    assert told["request"]["lines"][0]["dnis"] == "18888123"
    assert told["actor"]["name"] == "Stella Staff"
    assert (delivery.sending, delivery.status, delivery.answer) == ("sent", 200, "thanks")


def test_a_signature_of_long_ago_is_not_believed(hook: Webhook) -> None:
    stale = deliveries.signature(hook.secret, 1_000_000_000, b"{}")
    assert not documented()(hook.secret, stale, b"{}")


def test_nothing_is_sent_under_a_secret_that_cannot_be_read(
    hook: Webhook, receiver: Loopback, trunk_request: TrunkRequest, settings: Settings
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    spread()
    delivering.send_due()
    delivery = Delivery.objects.get()
    assert not receiver.requests
    assert (delivery.sending, delivery.tries, delivery.status) == ("waiting", 1, None)
    assert delivery.problem == "Its secret cannot be read: renew it, or put FIELD_ENCRYPTION_KEYS back."


def test_only_chosen_topics_are_delivered_and_none_while_it_is_off(
    hook: Webhook, estate: cast.Estate, staff: User, administrator: User, trunk_request: TrunkRequest
) -> None:
    Webhook.objects.update(topics=["lost"])
    spread()
    assert not Delivery.objects.exists()
    Webhook.objects.update(topics=["asked"], is_active=False)
    filing.file(cast.draft(estate.sub, estate.trunk, "18888555"), actor=staff)
    spread()
    assert not Delivery.objects.exists()


def test_it_is_delivered_once_however_often_the_worker_is_rung(
    hook: Webhook, receiver: Loopback, trunk_request: TrunkRequest
) -> None:
    spread()
    for _ in range(3):
        tasks.send_deliveries(0)
    assert len(receiver.requests) == 1


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_time_deliver_once(
    hook: Webhook, receiver: Loopback, trunk_request: TrunkRequest
) -> None:
    spread()
    assert together(*[delivering.send_due] * 3) == [None] * 3
    assert len(receiver.requests) == 1


def test_a_delivery_that_another_worker_has_taken_is_left_alone(
    hook: Webhook, trunk_request: TrunkRequest
) -> None:
    spread()
    assert delivering._claim() is not None
    assert delivering._claim() is None


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


def test_its_secret_is_random_kept_encrypted_and_rotated(hook: Webhook, administrator: User) -> None:
    was = hook.secret
    assert len(was) >= 40
    raw = Webhook.objects.extra(select={"raw": "secret"}).values_list("raw", flat=True)[0]
    assert was not in raw
    keys.rotate()
    again = Webhook.objects.extra(select={"raw": "secret"}).values_list("raw", flat=True)[0]
    assert again != raw
    assert Webhook.objects.get().secret == was
    webhooks.renew_secret(hook, actor=administrator)
    assert Webhook.objects.get().secret not in ("", was)
    everything = str(list(audit.history(hook).values()))
    assert was not in everything
    assert hook.secret not in everything


def test_a_test_is_sent_and_says_that_it_is_one(
    hook: Webhook, receiver: Loopback, administrator: User
) -> None:
    webhooks.send_test(hook, actor=administrator)
    delivering.send_due()
    assert json.loads(headers(receiver.requests[0])[1])["type"] == "webhook.test"
    webhooks.switch_off(hook, actor=administrator)
    hook.refresh_from_db()
    with pytest.raises(Stale):
        webhooks.send_test(hook, actor=administrator)


def test_a_delivery_is_sent_again_under_the_same_id(
    hook: Webhook, receiver: Loopback, administrator: User
) -> None:
    made = webhooks.send_test(hook, actor=administrator)
    delivering.send_due()
    made.refresh_from_db()
    webhooks.send_again(made, actor=administrator)
    with pytest.raises(Stale):
        webhooks.send_again(made, actor=administrator)
    delivering.send_due()
    first, second = (headers(one) for one in receiver.requests)
    assert (first[0]["portal-event-id"], first[1]) == (second[0]["portal-event-id"], second[1])


def test_it_is_switched_once(hook: Webhook, administrator: User) -> None:
    with pytest.raises(Stale, match="on already"):
        webhooks.switch_on(hook, actor=administrator)
    webhooks.switch_off(hook, actor=administrator)
    with pytest.raises(Stale, match="off already"):
        webhooks.switch_off(hook, actor=administrator)
    webhooks.switch_on(hook, actor=administrator)
    actions = [event.action for event in audit.history(hook)]
    assert actions == ["webhook.added", "webhook.switched_off", "webhook.switched_on"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "Ticketing"}, "name"),
        ({"url": "http://hooks.example.org/"}, "url"),
        ({"url": "https://hooks.example.org/" + "x" * 500}, "url"),
        ({"topics": []}, "topics"),
        ({"topics": ["trouble"]}, "topics"),
    ],
)
def test_what_cannot_be_a_webhook_is_refused_with_its_reason(
    hook: Webhook, administrator: User, changes: dict[str, Any], field: str
) -> None:
    good = {"name": "Other", "url": "https://hooks.example.org/", "topics": ["asked"]}
    with pytest.raises(Invalid) as caught:
        webhooks.add(**good | changes, actor=administrator)
    assert list(caught.value.problems) == [field]


@pytest.mark.django_db(transaction=True)
def test_two_of_one_name_at_once_are_one(receiver: Loopback, administrator: User) -> None:
    def add() -> Webhook:
        return webhooks.add(name="Same", url=receiver.url, topics=["asked"], actor=administrator)

    done = together(add, add)
    assert sorted(type(one).__name__ for one in done) == ["Invalid", "Webhook"]
    assert str(Webhook.objects.get()) == "Same"


def test_a_name_that_was_taken_between_look_and_insert_is_said(
    hook: Webhook, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "problems", lambda *_: {})
    with pytest.raises(Invalid):
        webhooks.add(
            name="Ticketing", url="https://hooks.example.org/", topics=["asked"], actor=administrator
        )


def test_others_are_refused(hook: Webhook, supervisor: User, superuser: User, estate: cast.Estate) -> None:
    local = cast.person("Olga Other", Role.ADMINISTRATOR, master=estate.master)
    for user in (supervisor, superuser, local):
        with pytest.raises(Refused):
            webhooks.switch_off(hook, actor=user)
    assert Webhook.objects.get().is_active


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
