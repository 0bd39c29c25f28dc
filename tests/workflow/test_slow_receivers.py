"""A webhook whose receiver is slow keeps one worker busy, and no more: the others do what people have approved."""

import pytest
from django.db import transaction

from tests.together import together
from tests.workflow import test_webhooks
from tests.zoom.loopback import Loopback
from trunks.models import Delivery, Sending, User, Webhook, clock
from trunks.workflow import delivering, outbox, webhooks

receiver = test_webhooks.receiver
hook = test_webhooks.hook


@pytest.fixture
def three(hook: Webhook, administrator: User) -> list[Delivery]:
    return [webhooks.send_test(hook, actor=administrator) for _ in range(3)]


def sent(hook: Webhook) -> int:
    return Delivery.objects.filter(webhook=hook, sending=Sending.SENT).count()


@pytest.mark.sqlite
def test_one_worker_at_a_time_sends_to_a_webhook(
    receiver: Loopback, hook: Webhook, three: list[Delivery], administrator: User
) -> None:
    """All that were rung waited for the same receiver, ten seconds each time, and approved requests for them."""
    other = webhooks.add(name="Other", url=f"{receiver.url}/other", topics=["lost"], actor=administrator)
    webhooks.send_test(other, actor=administrator)
    taken = delivering._claim()
    assert taken == three[0]
    delivering.send_due()
    assert (sent(hook), sent(other)) == (0, 1)
    Delivery.objects.filter(pk=taken.pk).update(lease_until=clock.after(-1))
    delivering.send_due()
    assert sent(hook) == 3


@pytest.mark.django_db(transaction=True)
def test_who_is_just_being_taken_up_for_is_left_alone_too(hook: Webhook, three: list[Delivery]) -> None:
    with transaction.atomic():
        assert list(outbox.first_free(Delivery.objects.due().select_related("webhook"), "webhook")) == [
            three[0]
        ]
        assert together(delivering._claim) == [None]
    [claimed] = together(delivering._claim)
    assert claimed == three[0]
