"""The rows of the audit trail, each drawn in one go: a page has a hundred, and a template takes ten times as long.

Everything that comes out of an event goes through `escape`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from functools import cache, lru_cache
from html import escape as escaped

from django.template import Library
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator

from trunks.actions import Action
from trunks.templatetags.events import Event, event_icon, object_url
from trunks.templatetags.portal import icon

register = Library()

escape = lru_cache(maxsize=10_000)(escaped)  # the same names on every page, many times on each
# What a row shows of an event: half of its columns, and none of those that are parsed.
COLUMNS = (
    *("id", "at", "action", "actor", "actor_name", "comment", "dnis", "master_name", "sub_account_name"),
    *("object_type", "object_id", "object_label", "on_behalf_of_name"),
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
COMMENT_LENGTH = 160
DNIS_LENGTH = 40


@register.filter
def told(event: Event) -> SafeString:
    """Draw an event as a sentence: who (linked to all they did), for whom, what, on what, in what words."""
    return mark_safe(_told(event))  # noqa: S308  # escaped there


@register.filter
def trail_rows(events: Iterable[Event]) -> SafeString:
    """Draw the rows of the trail's table; the columns are those of its head in audit_table.html."""
    zone = timezone.get_current_timezone()
    drawn = []
    for event in events:
        drawn.append(
            f"""
      <tr>
        <td data-label="When" class="when-cell">{_time(event.at, zone)}</td>
        <td><div class="deed"><span class="deed-icon">{icon(event_icon(event), 15)}</span>\
<span>{_told(event)}</span></div></td>
        <td data-label="For whom">{_for_whom(event)}</td>
        <td data-label="DNIS" class="mono">{escape(_short(event.dnis, DNIS_LENGTH))}</td>
        <td class="nowrap"><a href="/audit/{event.pk}/">Details\
<span class="visually-hidden"> of event {event.pk}</span></a></td>
      </tr>"""
        )
    return mark_safe("".join(drawn))  # noqa: S308  # escaped, each of it


def _time(at: datetime, zone: tzinfo) -> str:
    """Draw a moment as `exactly` does, without strftime(), which takes three times as long."""
    local = at.astimezone(zone)
    day = f"{local.day} {MONTHS[local.month - 1]} {local.year}"
    clock = f"{local.hour:02}:{local.minute:02}:{local.second:02} {escape(local.tzname() or '')}"
    return f'<time datetime="{at.isoformat()}">{day}, {clock}</time>'


def _told(event: Event) -> str:
    url, label = object_url(event), "" if event.is_own else escape(event.object_label)
    # A reference is one word: it does not break at its hyphen. A person's name may break.
    whole = ' class="nowrap"' if event.object_type == "trunkrequest" else ""
    about = f'<a href="{escape(url)}"{whole}>{label}</a>' if url and label else label
    words = _short(event.comment, COMMENT_LENGTH)
    said = f'<span class="sub">“{escape(words)}”</span>' if words else ""
    return f"{_named(event)} {_deed(event.action)}{': ' if label else ''}{about}{said}"


def _named(event: Event) -> str:
    who = escape(event.who)
    if event.actor_id:
        behalf = f" on behalf of {escape(event.on_behalf_of_name)}" if event.on_behalf_of_name else ""
        return f'<strong><a href="/audit/people/{event.actor_id}/">{who}</a></strong>{behalf}'
    return f'<strong title="Reason: {escape(event.ground)}">{who}</strong>'


@cache
def _deeds() -> dict[str, str]:
    return {action.value: escape(action.sentence) for action in Action}


def _deed(action: str) -> str:
    """Return what was done, to be read after the actor's name; an action of an older portal by its stored name."""
    return _deeds().get(action) or escape(action)


def _for_whom(event: Event) -> str:
    account, master = event.sub_account_name, event.master_name
    under = f'<span class="sub">{escape(master)}</span>' if account and master else ""
    return escape(account or master) + under


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else Truncator(text).chars(length)
