"""What every template can use without loading: times, states, numbers and form controls."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Protocol

import lucide
from django import forms
from django.template import Library
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince

from trunks import context, step_up
from trunks.models import GOOD_LINE_STATES, Circuit, Line, LineState, State, TrunkRequest, WriteStop
from trunks.templatetags.kinds import is_between
from trunks.workflow import endings, policy, waiting

register = Library()
SECRET = re.compile(r"token|secret|password|authorization|api_?key", re.IGNORECASE)


class Navigation(Protocol):
    """What is read of the menu here."""

    @property
    def write_stop(self) -> WriteStop | None: ...

    @property
    def open_circuits(self) -> list[Circuit]: ...
    @property
    def worker_missing(self) -> bool: ...


ICONS: dict[str, str] = {
    State.PENDING: "hourglass",
    State.SENT_BACK: "corner-up-left",
    State.APPROVED: "check",
    State.APPLYING: "loader",
    State.UNCONFIRMED: "circle-question-mark",
    State.DONE: "circle-check",
    State.PARTIAL: "contrast",
    State.FAILED: "circle-x",
    State.DENIED: "ban",
    State.WITHDRAWN: "undo-2",
    State.EXPIRED: "timer-off",
    LineState.NOT_SENT: "circle-dashed",
    LineState.UNKNOWN: "circle-question-mark",
    LineState.ASSIGNED: "circle-check",
    LineState.UNASSIGNED: "circle-minus",
    LineState.ALREADY_THERE: "circle-check",
    LineState.CALLER_ID_NOT_REPORTED: "circle-check",
    LineState.DIFFERENT: "triangle-alert",
    LineState.REFUSED: "circle-x",
    LineState.GIVEN_UP: "circle-question-mark",
}
TAKEN_UP, UNTOUCHED = "A worker takes it up next.", "Nothing has been done at Zoom yet."
NEXT: dict[str, str] = {
    State.PENDING: "A supervisor who did not write it decides next. Nothing has been sent to Zoom.",
    State.SENT_BACK: "It needs a change. Once it is amended, the supervisors decide again.",
    State.APPROVED: f"{TAKEN_UP} {UNTOUCHED}",
    State.APPLYING: "The portal is talking to Zoom. This page follows along.",
    State.UNCONFIRMED: (
        "Something was sent, and what came of it is not known yet. The portal keeps reading Zoom's list until it "
        "knows, and sends nothing again before that."
    ),
    State.DONE: "Zoom's own list shows every line as it was asked for.",
    State.PARTIAL: "Some lines are done at Zoom and some are not. The lines below say which and why.",
    State.FAILED: "What was asked for is not in place at Zoom. The lines below say why.",
    State.DENIED: "A supervisor denied it.",
    State.WITHDRAWN: "It was withdrawn.",
    State.EXPIRED: "Nobody decided in time; file it again if it is still needed.",
}
PARTLY = "A worker takes up next what is not done yet. The lines below say what is at Zoom already."
HELD_PARTLY = "Not all of it is done yet. The lines below say what is at Zoom already."
GIVEN_UP = (
    "People gave up finding out what Zoom did with some lines: whether those are in place is not known. "
    "The lines below say which."
)
NO_WORKER = "No worker has been seen lately. The request goes on by itself as soon as one is started."
WINDOW = f"It waits for its change window. {UNTOUCHED}"
BETWEEN = (
    "The change is between its two steps: a trunk is removed, and the one in its place is not assigned yet."
)


@register.simple_tag
def request_id() -> str:
    """Return the id that the log, the audit trail and the answer's header have of this web request."""
    return context.current().request_id


@register.simple_tag
def state_icon(state: str, size: int = 14) -> SafeString:
    """Draw the icon of a request's or a line's state: colour is never the only sign."""
    return icon(ICONS.get(state, "circle"), size)


@register.simple_tag
@cache
def icon(name: str, size: int = 16) -> SafeString:
    """Draw an icon that screen readers pass over; each one once, because drawing copies a tree."""
    return mark_safe(lucide._render_icon(name, size, aria_hidden="true"))  # noqa: S308  # our own names only


@register.filter
def what_next(trunk_request: TrunkRequest) -> str:
    """Say what the state means and what comes next."""
    if is_between(trunk_request):
        return BETWEEN
    if trunk_request.state == State.APPROVED and waiting.window_opens(trunk_request):
        return WINDOW
    if trunk_request.state == State.APPROVED and not is_untouched(trunk_request):
        return PARTLY
    ended = trunk_request.state in (State.PARTIAL, State.FAILED)
    if ended and any(line.state == LineState.GIVEN_UP for line in trunk_request.lines.all()):
        return GIVEN_UP
    meaning = NEXT.get(trunk_request.state, "")
    undone = trunk_request.state in (State.DENIED, State.WITHDRAWN, State.EXPIRED)
    return f"{meaning} {endings.sentence(trunk_request.kind)}" if undone else meaning


@register.filter
def while_held(trunk_request: TrunkRequest) -> str:
    """Say how far a request has come that is not taken up: what it waits for is said beside it."""
    if trunk_request.state != State.APPROVED or is_between(trunk_request):
        return what_next(trunk_request)
    return UNTOUCHED if is_untouched(trunk_request) else HELD_PARTLY


@register.filter
def once_approved(trunk_request: TrunkRequest) -> str:
    """Say what comes next right after an approval, on a page without lines, which does not follow what is done."""
    if trunk_request.state != State.APPROVED:
        return NEXT.get(trunk_request.state, "")
    return WINDOW if waiting.window_opens(trunk_request) else TAKEN_UP


def is_untouched(trunk_request: TrunkRequest) -> bool:
    """Say whether nothing of an approved request has been done at Zoom: it may have been taken up before."""
    return trunk_request.state == State.APPROVED and not any(map(_is_done, trunk_request.lines.all()))


@register.filter
def without_filer(trunk_request: TrunkRequest) -> str:
    """Say of an open request that who filed it can do no more with it, and who can; or nothing."""
    gone = policy.filer_gone(trunk_request) if trunk_request.is_open else ""
    if not gone:
        return ""
    then = {
        State.SENT_BACK: ", so nobody can amend it. A supervisor can withdraw it; then it can be filed again.",
        State.PENDING: ". The request stays as it is, and others decide on it.",
    }
    stays = ". The request stays as it is."
    return f"{trunk_request.filed_by}, who filed it, {gone}{then.get(State(trunk_request.state), stays)}"


def _is_done(line: Line) -> bool:
    return line.state in GOOD_LINE_STATES or line.has_begun or line.without_trunk


@register.simple_tag
def when(value: datetime | None, *, empty: str = "never") -> SafeString:
    """Draw a time: relative as text, exact with its zone on hover and for machines."""
    if value is None:
        return format_html("<span>{}</span>", empty)
    return _time(value, _relative(value))


@register.simple_tag
def due(value: datetime) -> SafeString:
    """Draw when a worker does something next; nothing is due "2 hours ago", however long none was free."""
    return _time(value, _relative(value) if value > timezone.now() else "as soon as a worker is free")


def _time(value: datetime, text: str) -> SafeString:
    return format_html('<time datetime="{}" title="{}">{}</time>', value.isoformat(), _exact(value), text)


@register.simple_tag
def exactly(value: datetime | None, *, empty: str = "never") -> SafeString:
    """Draw a time with its zone written out."""
    if value is None:
        return format_html("<span>{}</span>", empty)
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), _exact(value))


@register.simple_tag
def zone() -> str:
    """Name the zone that times are shown in."""
    return timezone.get_current_timezone_name()


def _exact(value: datetime) -> str:
    local = timezone.localtime(value)
    return f"{local.day} {local:%b %Y, %H:%M:%S} {local.tzname()}"


def _relative(value: datetime) -> str:
    seconds = (timezone.now() - value).total_seconds()
    if abs(seconds) < 60:
        return "just now" if seconds >= 0 else "in less than a minute"
    if seconds < 0:
        return f"in {timesince(timezone.now(), value, depth=1)}"
    return f"{timesince(value, depth=1)} ago"


@register.filter
def lookup(values: Mapping[Any, Any] | None, key: Any) -> Any:
    """Return what a mapping holds under `key`, or None."""
    return (values or {}).get(key)


@register.filter
def why_waiting(trunk_request: TrunkRequest, nav: Navigation | None) -> str:
    """Say why a request does not go on: people have stopped writing, there is no worker, or Zoom does not answer."""
    if not trunk_request.is_working or not nav:
        return ""
    if trunk_request.state == State.APPROVED and nav.write_stop:
        return f"Nothing is sent until two supervisors start writing again. {nav.write_stop.words}"
    if nav.worker_missing and not waiting.window_opens(trunk_request):
        return NO_WORKER
    if trunk_request.state != State.APPLYING and any(
        circuit.master_id == trunk_request.master_id for circuit in nav.open_circuits
    ):
        return "Zoom does not answer for this master account; the request goes on by itself when it does."
    return ""


@register.filter
def pretty(value: Any) -> str:
    """Return JSON, given as a value or as text, indented and without secrets; other text as it is."""
    try:
        read = json.loads(value) if isinstance(value, str) else value
        text = json.dumps(_without_secrets(read), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return str(value)
    # Zoom's JSON may spell half a character ("\ud800"), with which no page could be sent.
    return text.encode(errors="replace").decode()


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        hidden = {key: "(not shown)" for key in value if SECRET.search(str(key))}
        return {key: _without_secrets(inner) for key, inner in value.items()} | hidden
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


@register.filter
def without_prefix(dnis: str, prefix: str) -> str:
    """Return the digits after the prefix (all of them when it does not fit)."""
    return dnis.removeprefix(prefix or "")


@register.filter
def control(field: forms.BoundField) -> SafeString:
    """Draw a form control in the portal's look; Django adds aria-describedby and aria-invalid itself."""
    kind = "form-select" if isinstance(field.field.widget, forms.Select) else "form-control"
    if isinstance(field.field.widget, forms.CheckboxInput):
        kind = "form-check-input"
    given = field.field.widget.attrs.get("class", "")
    bad = "is-invalid" if field.errors else ""
    return field.as_widget(attrs={"class": " ".join(filter(None, (kind, given, bad)))})


@register.simple_tag(takes_context=True)
def kept_for_proof(context: dict[str, Any]) -> step_up.Kept | None:
    """Return what the proof that this page asks for will carry out, or None."""
    return step_up.Kept.awaited(context["request"])
