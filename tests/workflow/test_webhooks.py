"""Webhooks: signed, delivered once each, and administered."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from tests import cast
from tests.processes import ROOT
from tests.together import together
from tests.zoom.loopback import Loopback, answer
from trunks import audit, tasks
from trunks.models import Delivery, Occasion, Role, TrunkRequest, User, Webhook
from trunks.workflow import deliveries, delivering, filing, keys, spreading, webhooks
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
