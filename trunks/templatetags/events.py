"""Audit events in words: one sentence for each, a link to what it is about, and before and after side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from django.template import Library
from django.urls import reverse

from trunks.actions import Action
from trunks.models import TrunkRequest

register = Library()

KINDS = {
    "trunkrequest": "request",
    "masteraccount": "master account",
    "subaccount": "sub account",
    "mastertrunk": "master trunk",
    "rolegrant": "role",
    "user": "person",
    "invitation": "invitation",
    "notice": "letter",
    "writestop": "stop of writing",
}
ICONS = {
    "request.filed": "file-plus",
    "request.amended": "pencil",
    "request.withdrawn": "undo-2",
    "request.approved": "circle-check",
    "request.denied": "ban",
    "request.sent_back": "corner-up-left",
    "request.action_refused": "shield-alert",
    "provisioning.intended": "send",
    "provisioning.answered": "message-square-reply",
    "provisioning.settled": "flag",
    "provisioning.unconfirmed": "circle-question-mark",
    "notice.sent": "mail",
    "notice.failed": "mail-x",
    "notice.escalated": "megaphone",
    "notice.sent_again": "mail",
    "notice.chosen": "bell",
    "sync.failed": "triangle-alert",
    "writing.stopped": "octagon-pause",
    "circuit.opened": "unplug",
    "role.granted": "shield-plus",
    "role.revoked": "shield-minus",
    "person.invited": "user-plus",
    "session.began": "log-in",
    "session.left": "log-out",
    "session.failed": "shield-alert",
    "factor.failed": "shield-alert",
    "person.deactivated": "user-x",
    "person.action_refused": "shield-alert",
}
FAMILY_ICONS = {
    "request": "file-text",
    "provisioning": "cog",
    "master": "building-2",
    "sync": "refresh-cw",
    "person": "user",
    "role": "shield",
}


class Event(Protocol):
    """What is read of an audit event here."""

    action: str
    object_type: str
    object_id: str
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One value before and after; None where there was none."""

    name: str
    before: str | None
    after: str | None

    @property
    def changed(self) -> bool:
        return self.before != self.after


@register.filter
def deed(event: Event) -> str:
    """Return what was done, to be read after the actor's name; an action of an older portal by its stored name."""
    try:
        return Action(event.action).sentence
    except ValueError:
        return event.action


@register.filter
def event_icon(event: Event) -> str:
    return ICONS.get(event.action) or FAMILY_ICONS.get(event.action.partition(".")[0], "circle-dot")


@register.filter
def object_kind(event: Event) -> str:
    return KINDS.get(event.object_type, event.object_type)


@register.filter
def object_url(event: Event) -> str:
    """Return the page of the event's object, or "" for what has none of its own."""
    if not event.object_id.isdigit():
        return ""
    if event.object_type == "trunkrequest":
        return reverse("request_detail", args=[TrunkRequest(pk=int(event.object_id)).reference])
    if event.object_type == "subaccount":
        return reverse("sub_account_detail", args=[event.object_id])
    if event.object_type == "mastertrunk":
        return reverse("trunk_detail", args=[event.object_id])
    if event.object_type == "writestop":
        return reverse("writing")
    return reverse("masters") if event.object_type == "masteraccount" else ""


@register.filter
def differences(event: Event) -> list[Difference]:
    """Return every value that the event holds, before and after, in the order in which it was written."""
    before, after = dict(_flat(event.before)), dict(_flat(event.after))
    return [Difference(name, before.get(name), after.get(name)) for name in {**before, **after}]


@register.filter
def sent(event: Event) -> list[str]:
    """Return what an event says is about to be sent to Zoom, a sentence for each trunk."""
    if dnis := event.after.get("dnis"):
        return [f"Remove {dnis}."]
    return [_assigned(trunk) for trunk in event.after.get("sip_trunks", [])]


def _assigned(trunk: dict[str, str]) -> str:
    caller_id = trunk["outbound_caller_id"]
    shown = f"caller ID {caller_id}" if caller_id else "no caller ID"
    return f"Assign {trunk['dnis']} of trunk {trunk['trunk']}, {shown}."


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each value with its place in words: `lines 1 · dnis`."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            label = str(key).replace("_", " ")
            yield from _flat(inner, f"{name} · {label}" if name else label)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value, start=1):
            yield from _flat(inner, f"{name} {number}".strip())
    elif name:
        yield name, _text(value)


def _text(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "(empty)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
