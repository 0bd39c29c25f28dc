"""Sending webhooks' deliveries that are due: claimed by compare-and-swap, signed, tried again for a day."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone

from trunks import audit
from trunks.actions import Action
from trunks.models import Delivery, Sending, Topic, Webhook, clock
from trunks.workflow import deliveries, occasions, outbox, posting
from trunks.workflow.letters import address

BATCH = 50
LEASE_SECONDS = 60.0
LONGEST_WAIT = 3 * 3600.0
SWITCH_OFF_AFTER = timedelta(days=3)

logger = logging.getLogger(__name__)


def send_due() -> None:
    """Send what is due for a turn, at most 50; a webhook that fails is left alone for the rest of this round."""
    failed: set[int] = set()
    for _ in outbox.one_round(BATCH):
        delivery = _claim(failed)
        if delivery is None:
            break
        if not _send(delivery):
            failed.add(delivery.webhook_id)
    # One time-out finds out that a receiver is down; its other deliveries wait instead of taking one each.
    Delivery.objects.due().filter(webhook__in=failed).update(
        next_attempt_at=clock.after(outbox.wait_after(0, longest=LONGEST_WAIT))
    )


def _claim(failed: Iterable[int] = ()) -> Delivery | None:
    """Take the first delivery that is due of a webhook that no other worker is sending to.

    Rung together, all workers would wait for one slow receiver, and what people have approved for them.
    """
    sending = Delivery.objects.filter(sending=Sending.WAITING).exclude(clock.unleased())
    due = Delivery.objects.due().exclude(webhook__in=failed).exclude(webhook__in=sending.values("webhook"))
    due = due.select_related("webhook")
    return outbox.claim(lambda: outbox.first_free(due, "webhook"), seconds=LEASE_SECONDS)


def _send(delivery: Delivery) -> bool:
    """Send one delivery and write down what came of it; say whether it was taken."""
    if not delivery.webhook.secret:
        _failed(delivery, "Its secret cannot be read: renew it, or put FIELD_ENCRYPTION_KEYS back.", None, "")
        return False
    body = delivery.body.encode()
    headers = {
        "Content-Type": "application/json",
        "Portal-Event-Id": delivery.event_id,
        "Portal-Signature": deliveries.signature(delivery.webhook.secret, int(time.time()), body),
    }
    try:
        reply = posting.post(delivery.webhook.url, body, headers)
    except posting.NotDelivered as error:
        _failed(delivery, str(error), None, "")
        return False
    if not reply.good:
        _failed(delivery, f"It answered {reply.status}.", reply.status, reply.text)
        return False
    outbox.write(
        delivery,
        sending=Sending.SENT,
        sent_at=clock.now(),
        status=reply.status,
        answer=reply.text,
        problem="",
    )
    Webhook.objects.filter(pk=delivery.webhook_id).update(failing_since=None)
    return True


def _failed(delivery: Delivery, problem: str, status: int | None, answer: str) -> None:
    logger.warning("%s to %s was not accepted: %s", delivery, delivery.webhook, problem)
    over = outbox.is_over(delivery)
    with audit.change():
        wrote = outbox.write(
            delivery,
            sending=Sending.FAILED if over else Sending.WAITING,
            next_attempt_at=clock.after(outbox.wait_after(delivery.tries, longest=LONGEST_WAIT)),
            status=status,
            answer=answer,
            problem=problem,
        )
        if over and wrote:
            told = {"event_id": delivery.event_id, "kind": delivery.kind}
            audit.record(
                Action.WEBHOOK_FAILED,
                actor=None,
                why="it did not take it for a day",
                on=delivery.webhook,
                after=told,
                comment=problem,
            )
    _note_failure(delivery.webhook, problem)


def _note_failure(hook: Webhook, problem: str) -> None:
    """Remember since when it fails; after days of it, switch it off and tell the administrators."""
    working = Webhook.objects.filter(pk=hook.pk, is_active=True)
    if working.filter(failing_since=None).update(failing_since=clock.now()):
        return
    since: datetime | None = working.values_list("failing_since", flat=True).first()
    if since is None or timezone.now() - since < SWITCH_OFF_AFTER:
        return
    with audit.change():
        if not working.update(is_active=False):
            return
        audit.record(
            Action.WEBHOOK_DISABLED, actor=None, why="it has failed for days", on=hook, comment=problem
        )
    facts = {
        "subject": f"The webhook {hook} was switched off",
        "text": f"It has taken nothing for three days. The last that was heard: {problem}",
        "url": address("webhook", hook.pk),
    }
    occasions.note_once(Topic.TROUBLE, None, f"webhook:{hook.pk}:{since.timestamp():.0f}", facts)
