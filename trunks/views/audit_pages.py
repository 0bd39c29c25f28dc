"""The pages of the audit trail: named by an event's number, forth and back, from either end, or from a moment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from trunks import audit_finding
from trunks.audit_finding import Found
from trunks.audit_index import Archived, Standing
from trunks.audit_reading import Filters
from trunks.models import User
from trunks.templatetags.rows import COLUMNS
from trunks.views.paging import AFTER, BEFORE

SIZES = (50, 25, 100)
NO_NUMBER = 2**63  # the first that is too large for the column


@dataclass(frozen=True)
class TrailPage:
    """Some events, and the addresses of the pages beside them ("" where there is none)."""

    rows: list[Any]
    found: Found
    next_url: str = ""
    previous_url: str = ""
    first_url: str = ""
    last_url: str = ""
    archive: Archived | None = None


def older_than(request: HttpRequest) -> int | None:
    """Return the number of the event that all those of the page are older than, where the address names one."""
    return None if BEFORE in request.GET or "at" in request.GET else _number(request.GET.get(AFTER, ""))


def trail_page(request: HttpRequest, user: User, filters: Filters, standing: Standing) -> TrailPage:
    """Return the page of the trail that the address asks for.

    A place that cannot be understood shows the first page: it is a bookmark gone stale, not a fault.
    """
    newer = BEFORE in request.GET
    bound = _number(request.GET.get(BEFORE if newer else AFTER, ""))
    newer = newer and bound is not None
    found = audit_finding.find(
        user, filters, standing, bound=bound, newer=newer, size=_size(request), columns=COLUMNS
    )
    older_follow, newer_follow = (bound != 0, found.more) if newer else (found.more, bound is not None)
    rows = found.rows
    return TrailPage(
        rows=rows,
        found=found,
        next_url=address(request, **{AFTER: place(rows[-1].pk)}) if rows and older_follow else "",
        previous_url=address(request, **{BEFORE: place(rows[0].pk)}) if rows and newer_follow else "",
        first_url=address(request) if newer_follow else "",
        last_url=address(request, **{BEFORE: place(0)}) if older_follow else "",
        archive=standing.archived,
    )


def address(request: HttpRequest, **changes: str) -> str:
    """Return the address of this list from its beginning, with some values of it changed ("" takes one out)."""
    left = {AFTER, BEFORE, "at", *changes}
    pairs = [(name, value) for name, values in request.GET.lists() if name not in left for value in values]
    return f"?{urlencode(pairs + [change for change in changes.items() if change[1]])}"


def place(number: int) -> str:
    return json.dumps([number])


def _number(text: str) -> int | None:
    try:
        [number] = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    return number if type(number) is int and 0 <= number < NO_NUMBER else None


def _size(request: HttpRequest) -> int:
    wanted = request.GET.get("rows", "")
    return int(wanted) if wanted in map(str, SIZES) else SIZES[0]
