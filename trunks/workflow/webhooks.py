"""What administrators of all master accounts do with webhooks."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from django.db import IntegrityError
from django.utils import timezone

from trunks import access, audit, dispatch
from trunks.actions import Action
from trunks.models import Delivery, Role, Sending, User, Webhook, clock
from trunks.models.webhook import HOOK_TOPICS
from trunks.workflow import deliveries, posting, refusals
from trunks.workflow.errors import Invalid, Problems, Stale

ONLY_ALL = "Only an administrator of all master accounts can do this."
NAME_LENGTH, URL_LENGTH = 80, 500


def problems(name: str, url: str, topics: Sequence[str]) -> Problems:
    """Return every problem of a webhook by form field."""
    found: Problems = {}
    if not name.strip() or len(name) > NAME_LENGTH or not name.isprintable():
        found["name"] = [f"Give it a name of at most {NAME_LENGTH} characters."]
    elif Webhook.objects.filter(name=name.strip()).exists():
        found["name"] = ["There is a webhook of this name already."]
    if wrong := posting.url_problem(url) or ("It is too long." if len(url) > URL_LENGTH else ""):
        found["url"] = [wrong]
    if not topics or not set(topics) <= {topic.value for topic in HOOK_TOPICS}:
        found["topics"] = ["Choose what it is notified of."]
    return found


def add(*, name: str, url: str, topics: Sequence[str], actor: User) -> Webhook:
    """Add a webhook. Its secret is on the returned object, to be shown this once. Raises Refused or Invalid."""
    _demand(actor)
    if found := problems(name, url, topics):
        raise Invalid(found)
    made = Webhook(
        name=name.strip(),
        url=url,
        topics=sorted(topics),
        secret=secrets.token_urlsafe(32),
        made_by=actor,
        made_at=timezone.now(),
    )
    try:
        with audit.change():
            made.save(force_insert=True)
            told = {"url": url, "topics": made.topics}
            audit.record(Action.WEBHOOK_ADDED, actor=actor, on=made, after=told)
    except IntegrityError as error:
        raise Invalid({"name": ["There is a webhook of this name already."]}) from error
    return made


def renew_secret(hook: Webhook, *, actor: User) -> Webhook:
    """Give it a new secret, which is on the returned object; the old one signs nothing any more."""
    _demand(actor)
    with audit.change():
        hook.secret = secrets.token_urlsafe(32)
        hook.save(update_fields=["secret"])
        audit.record(Action.WEBHOOK_SECRET_RENEWED, actor=actor, on=hook)
    return hook


def switch_off(hook: Webhook, *, actor: User) -> None:
    """Send it nothing more; what waits for it stays. Raises Refused, or Stale when it is off."""
    _switch(hook, actor, on=False, action=Action.WEBHOOK_SWITCHED_OFF)


def switch_on(hook: Webhook, *, actor: User) -> None:
    """Send it what happens from now on, and what waits. Raises Refused, or Stale when it is on."""
    _switch(hook, actor, on=True, action=Action.WEBHOOK_SWITCHED_ON)


def send_test(hook: Webhook, *, actor: User) -> Delivery:
    """Send it an event that says it is a test. Raises Refused, or Stale while it is off."""
    _demand(actor)
    if not hook.is_active:
        raise Stale("The webhook is switched off; switch it on first.")
    with audit.change():
        told = {"type": deliveries.TEST, "at": timezone.now().isoformat(), "actor": {"name": str(actor)}}
        made = deliveries.delivery(hook, told)
        made.save()
        audit.record(Action.WEBHOOK_TESTED, actor=actor, on=hook, after={"event_id": made.event_id})
        dispatch.ring(dispatch.DELIVERIES, 0)
    return made


def send_again(delivery: Delivery, *, actor: User) -> None:
    """Send a delivery again, under the same event id. Raises Refused, or Stale while a worker is at it."""
    _demand(actor)
    seen = {"pk": delivery.pk, "tries": delivery.tries, "sending": delivery.sending}
    rows = Delivery.objects.filter(clock.unleased(), **seen)
    with audit.change():
        changes = {"made_at": clock.now(), "next_attempt_at": clock.now()}
        if not rows.update(sending=Sending.WAITING, problem="", **changes):
            raise Stale("A worker is at it right now, or somebody was first.")
        told = {"event_id": delivery.event_id}
        audit.record(Action.WEBHOOK_SENT_AGAIN, actor=actor, on=delivery.webhook, after=told)
        dispatch.ring(dispatch.DELIVERIES, 0)


def _switch(hook: Webhook, actor: User, *, on: bool, action: Action) -> None:
    _demand(actor)
    with audit.change():
        changed = Webhook.objects.filter(pk=hook.pk, is_active=not on)
        if not changed.update(is_active=on, failing_since=None):
            raise Stale(
                "The webhook is switched on already." if on else "The webhook is switched off already."
            )
        audit.record(action, actor=actor, on=hook)
        if on:
            dispatch.ring(dispatch.DELIVERIES, 0)


def _demand(actor: User) -> None:
    if not access.for_all_masters(actor, Role.ADMINISTRATOR):
        action, who = Action.WEBHOOK_ACTION_REFUSED, "an administrator of all master accounts"
        refusals.refuse(action, "webhook", ONLY_ALL, who=who, actor=actor, on=actor)
