"""What a webhook is told: one body for each event, made once, so that every try sends the same bytes."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from datetime import UTC
from typing import Any

from trunks.compiled import Rows
from trunks.models import Delivery, Occasion, TrunkRequest, Webhook, clock
from trunks.workflow.letters import address

TEST = "webhook.test"


def make(occasion: Occasion) -> None:
    """Make the deliveries of an occasion, one for each webhook that is on and told of its topic."""
    if occasion.trunk_request_id is None:
        return
    hooks = [hook for hook in _LISTENING() if occasion.topic in hook.topics]
    if not hooks:
        return
    told = _told(occasion)
    Delivery.objects.bulk_create([delivery(hook, told, occasion) for hook in hooks])


_LISTENING = Rows(lambda: Webhook.objects.filter(is_active=True))


def delivery(hook: Webhook, told: dict[str, Any], occasion: Occasion | None = None) -> Delivery:
    """Return an unsaved delivery of `told` with an id of its own."""
    event_id = str(uuid.uuid4())
    body = json.dumps({"id": event_id, **told}, ensure_ascii=False, separators=(",", ":"))
    return Delivery(
        webhook=hook,
        occasion=occasion,
        event_id=event_id,
        kind=told["type"],
        body=body,
        made_at=clock.now(),
        next_attempt_at=clock.now(),
    )


def signature(secret: str, at: int, body: bytes) -> str:
    """Return the header's value: the time in seconds, and HMAC-SHA256 over time, dot and body."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _told(occasion: Occasion) -> dict[str, Any]:
    trunk_request = TrunkRequest.objects.with_names().get(occasions=occasion)
    actor = occasion.actor
    return {
        "type": occasion.facts.get("action") or f"request.{occasion.topic}",
        "topic": occasion.topic,
        "at": occasion.at.astimezone(UTC).isoformat(),
        "actor": {"name": str(actor), "email": actor.email} if actor else None,
        "comment": occasion.facts.get("comment", ""),
        "request": _request(trunk_request) | {"state": occasion.facts["state"]},
    }


def _request(trunk_request: TrunkRequest) -> dict[str, Any]:
    return {
        "reference": trunk_request.reference,
        "url": address("request_detail", trunk_request.pk),
        "kind": trunk_request.kind,
        "reason": trunk_request.reason,
        "ticket": trunk_request.ticket,
        "master": {"name": trunk_request.master.name, "zoom_id": trunk_request.master.zoom_id},
        "sub_account": {
            "name": trunk_request.sub_account.name,
            "zoom_id": trunk_request.sub_account.zoom_id,
        },
        "lines": [
            line.content() | {"state": line.state} for line in trunk_request.lines.select_related("trunk")
        ],
    }
