"""Audit events in words: one sentence for each, a link to what it is about, and before and after side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, Protocol

from django.template import Library
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString

from trunks.actions import Action
from trunks.templatetags.portal import exactly

register = Library()

KINDS = {
    "trunkrequest": "request",
    "masteraccount": "master account",
    "subaccount": "sub account",
    "mastertrunk": "master trunk",
    "rolegrant": "role",
    "delegation": "delegation",
    "user": "person",
    "invitation": "invitation",
    "notice": "e-mail",
    "webhook": "webhook",
    "writestop": "stop of writing",
    "savedview": "saved view",
    "preparedfile": "file of the audit trail",
    "monthreview": "monthly review",
    "auditdigest": "digest of the audit trail",
    "auditcheck": "verification of the audit trail",
    "auditarchive": "archive of the audit trail",
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
    "provisioning.displaced": "siren",
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
    "session.held_back": "shield-alert",
    "factor.failed": "shield-alert",
    "person.deactivated": "user-x",
    "person.action_refused": "shield-alert",
    "person.read": "eye",
    "person.sessions_read": "eye",
    "address.read": "eye",
    "access.refused": "shield-alert",
}
FAMILY_ICONS = {
    "archive": "archive",
    "digest": "stamp",
    "evidence": "package",
    "file": "file-archive",
    "review": "list-checks",
    "trail": "download",
    "webhook": "webhook",
    "writing": "octagon-pause",
    "verification": "shield-check",
    "request": "file-text",
    "provisioning": "cog",
    "master": "building-2",
    "sync": "refresh-cw",
    "person": "user",
    "role": "shield",
    "delegation": "handshake",
}
NOBODY = "0"  # of a sign-in under an address that nobody has; there is no page of nobody
LONG = 40  # letters; of longer texts only the words that differ are marked


Names = Mapping[tuple[int | None, str], str]  # of a master account and Zoom's id of a trunk
Called = Callable[[str], str]


class Event(Protocol):
    """What is read of an audit event here."""

    pk: int
    at: datetime
    action: str
    actor_id: int | None
    on_behalf_of_name: str
    comment: str
    dnis: str
    master_id: int | None
    master_name: str
    sub_account_name: str
    object_type: str
    object_id: str
    object_label: str
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def who(self) -> str: ...
    @property
    def is_own(self) -> bool: ...
    @property
    def ground(self) -> str: ...


@dataclass(frozen=True)
class Difference:
    """One value before and after; None where there was none."""

    name: str
    before: str | None
    after: str | None

    @property
    def changed(self) -> bool:
        return self.before != self.after

    @property
    def old_words(self) -> list[tuple[bool, str]]:
        """Return the old text in pieces, each with whether it is no longer so."""
        return [(differs, old) for differs, old, _ in _pieces(self.before or "", self.after or "") if old]

    @property
    def new_words(self) -> list[tuple[bool, str]]:
        """Return the new text in pieces, each with whether it is new."""
        return [(differs, new) for differs, _, new in _pieces(self.before or "", self.after or "") if new]


@register.filter
def deed(event: Event) -> str:
    """Return what was done, to be read after the actor's name; an action of an older portal by its stored name."""
    try:
        return Action(event.action).sentence
    except ValueError:
        return event.action


def event_icon(event: Event) -> str:
    return ICONS.get(event.action) or FAMILY_ICONS.get(event.action.partition(".")[0], "circle-dot")


@register.filter
def object_kind(event: Event) -> str:
    return KINDS.get(event.object_type, event.object_type)


def object_url(event: Event) -> str:
    """Return the page of the event's object, or "" for what has none of its own."""
    return _page_of(event.object_type, event.object_id)


@lru_cache(maxsize=4096)
def _page_of(object_type: str, object_id: str) -> str:
    if not object_id.isdigit() or object_id == NOBODY:
        return ""
    if object_type == "trunkrequest":
        return reverse("request_detail", args=[int(object_id)])
    if object_type == "subaccount":
        return reverse("sub_account_detail", args=[object_id])
    if object_type == "mastertrunk":
        return reverse("trunk_detail", args=[object_id])
    if object_type == "user":
        return reverse("audit_person", args=[object_id])
    if object_type == "writestop":
        return reverse("writing")
    return reverse("masters") if object_type == "masteraccount" else ""


def story_of(object_type: str, object_id: str) -> str:
    """Return the page with the whole story of a request, or "" for any other object."""
    if object_type != "trunkrequest" or not object_id.isdecimal():
        return ""
    try:
        return reverse("request_story", args=[int(object_id)])
    except NoReverseMatch:  # more digits than any request has: an address that somebody made up
        return ""


@register.filter
def story_url(event: Event) -> str:
    return story_of(event.object_type, event.object_id)


@register.filter
def moment(event: Event) -> SafeString:
    return exactly(event.at)


@register.filter
def differences(event: Event, names: Names | None = None) -> list[Difference]:
    """Return every value that the event holds, before and after: first what changed, in the order it was written.

    The event holds Zoom's ids of trunks; `names` are what those are called today, and stand beside them.
    """
    called = _called(event, names)
    before, after = dict(_flat(event.before, called)), dict(_flat(event.after, called))
    found = [Difference(name, before.get(name), after.get(name)) for name in {**before, **after}]
    return sorted(found, key=lambda difference: not difference.changed)


@register.filter
def sent(event: Event, names: Names | None = None) -> list[str]:
    """Return what an event says is about to be sent to Zoom, a sentence for each trunk; `names` as above."""
    if dnis := event.after.get("dnis"):
        return [f"Remove {dnis}."]
    called = _called(event, names)
    return [_assigned(trunk, called) for trunk in event.after.get("sip_trunks", [])]


def _assigned(trunk: dict[str, str], called: Called) -> str:
    caller_id = trunk["outbound_caller_id"]
    shown = f"caller ID {caller_id}" if caller_id else "no caller ID"
    return f"Assign {trunk['dnis']} of trunk {called(trunk['trunk'])}, {shown}."


def trunks_in(value: Any) -> Iterator[str]:
    """Yield Zoom's ids of the master trunks of all lines in a value of an event."""
    if isinstance(value, dict):
        if _is_line(value):
            yield value["trunk"]
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from trunks_in(inner)


def _is_line(value: dict[str, Any]) -> bool:
    return "dnis" in value and isinstance(value.get("trunk"), str)


def _called(event: Event, names: Names | None) -> Called:
    def called(trunk: str) -> str:
        name = names.get((event.master_id, trunk)) if names else None
        return f"{trunk} (now “{name}”)" if name else trunk

    return called


@lru_cache(maxsize=256)
def _pieces(before: str, after: str) -> list[tuple[bool, str, str]]:
    """Return two texts side by side in pieces: whether they differ there, the old words, the new ones."""
    if min(len(before), len(after)) < LONG:
        return [(True, before, after)]
    old, new = before.split(" "), after.split(" ")
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [(step != "equal", " ".join(old[a:b]), " ".join(new[c:d])) for step, a, b, c, d in steps]


def _flat(value: Any, called: Called, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each value with its place in words. Lines are named by their DNIS, so that the same ones meet."""
    if isinstance(value, dict) and value:
        if _is_line(value):
            value = value | {"trunk": called(value["trunk"])}
        for key, inner in value.items():
            label = str(key).replace("_", " ")
            yield from _flat(inner, called, f"{name} · {label}" if name else label)
    elif isinstance(value, list) and value:
        for place, inner in zip(_places(value), value, strict=True):
            yield from _flat(inner, called, f"{name} {place}".strip())
    elif name:
        yield name, _text(value)


def _places(values: list[Any]) -> list[str]:
    """Return what to call each of the values: by its DNIS where they have one and no two the same, else 1, 2, 3."""
    numbers = [str(value.get("dnis") or "") if isinstance(value, dict) else "" for value in values]
    if all(numbers) and len(set(numbers)) == len(numbers):
        return numbers
    return [str(number) for number in range(1, len(values) + 1)]


def _text(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "(empty)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
