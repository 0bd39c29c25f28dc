"""Keyset paging: the address names the row where a page begins, so page 1,000 costs what page 1 costs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

Row = TypeVar("Row", bound=Model)
AFTER, BEFORE = "after", "before"


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list, and the addresses of the pages beside it ("" where there is none)."""

    rows: list[Row]
    next_url: str = ""
    previous_url: str = ""


def page(
    queryset: QuerySet[Row], request: HttpRequest, key: Sequence[str] = ("-id",), size: int = 50
) -> Page[Row]:
    """Return the page that the address asks for, in one query.

    `key` orders the list like `order_by` and must end in a unique field. A place in the address that cannot
    be understood shows the first page: it is a bookmark gone stale, not a fault.
    """
    backwards = BEFORE in request.GET
    place = _place(queryset, request.GET.get(BEFORE if backwards else AFTER, ""), key)
    order = [_turned(field) for field in key] if backwards else list(key)
    found = queryset.order_by(*order)
    if place:
        found = found.filter(_beyond(order, place))
    rows = list(found[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    has_next, has_previous = (bool(place), more) if backwards else (more, bool(place))
    return Page(
        rows=rows,
        next_url=_url(request, AFTER, rows[-1], key) if rows and has_next else "",
        previous_url=_url(request, BEFORE, rows[0], key) if rows and has_previous else "",
    )


def both_ends(rows: QuerySet[Row], first: int, last: int) -> tuple[list[Any], int]:
    """Return the rows of an ordered list, with None in the place of what lies between the first and the last so many.

    The number is how many rows those are: of a request that waits for Zoom for weeks there are thousands.
    """
    lately = list(rows.reverse()[: first + last + 1])[::-1]
    if len(lately) <= first + last:
        return lately, 0
    return [*rows[:first], None, *lately[-last:]], rows.count() - first - last


def _turned(field: str) -> str:
    return field[1:] if field.startswith("-") else f"-{field}"


def _place(queryset: QuerySet[Row], text: str, key: Sequence[str]) -> list[Any]:
    try:
        values = json.loads(text) if text else []
        # No key of a list is ever empty, and nothing is greater or less than None.
        if not isinstance(values, list) or len(values) != len(key) or None in values:
            return []
        # JSON spells what no column can hold: a null character, and half of a pair, for which this is a ValueError.
        if b"\0" in "".join(value for value in values if isinstance(value, str)).encode():
            return []
        fields = [queryset.model._meta.get_field(name.lstrip("-")) for name in key]
        found = [field.to_python(value) for field, value in zip(fields, values, strict=True)]  # type: ignore[union-attr]
        # Of the first and the last day there are moments that cannot be told in UTC, as SQLite has them.
        return [value.astimezone(UTC) if isinstance(value, datetime) else value for value in found]
    except (ValueError, TypeError, OverflowError, RecursionError, ValidationError, FieldDoesNotExist):
        return []


def _beyond(order: Sequence[str], place: Sequence[Any]) -> Q:
    """Return the condition "comes after `place`" of an order over several fields."""
    condition, equal = Q(), Q()
    for field, value in zip(order, place, strict=True):
        name, step = field.lstrip("-"), "lt" if field.startswith("-") else "gt"
        condition |= equal & Q(**{f"{name}__{step}": value})
        equal &= Q(**{name: value})
    # The same once more, in words by which an index can be entered in the middle; of alternatives none can.
    first = order[0]
    return condition & Q(**{f"{first.lstrip('-')}__{'lte' if first.startswith('-') else 'gte'}": place[0]})


def _url(request: HttpRequest, direction: str, row: Row, key: Sequence[str]) -> str:
    query = request.GET.copy()
    query.pop(AFTER, None)
    query.pop(BEFORE, None)
    query[direction] = json.dumps([getattr(row, field.lstrip("-")) for field in key], default=str)
    return f"?{query.urlencode()}"
