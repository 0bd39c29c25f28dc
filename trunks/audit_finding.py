"""Finds one page of the audit trail: by its index, in time that does not grow with the trail.

A page is named by the number of the event where it begins, so there are no ties, and what is written meanwhile moves
nothing. Which way is taken follows from the filters: by a DNIS, by words, by a sub account or an address, by facets, or
by nothing but the number. What one object or one web request left behind is asked of the events themselves, and so is
everything while the index is not up to date: slower, and never wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import QuerySet

from trunks import access, audit_texts
from trunks.audit_index import Facet, Standing
from trunks.audit_places import Places, events_at, numbers, places
from trunks.audit_reading import READERS, Filters, search
from trunks.audit_texts import like, pattern
from trunks.models import User
from trunks.models.audit_event import AuditEvent

TOGETHER = 2_000  # events that are looked through in their order before the index of the texts is asked
FURTHER = 40_000  # how far one looks when those have some of what is sought, and too few for a page
WITHOUT_INDEX = 20_000  # the same where there is no such index
MANY = 60  # facets that are merged in one go, however far back their events are
FEW = 5_000  # events that are quicker read one by one than found by their words
TERMS = 200  # of one UNION; SQLite takes 500
SHORTEST = 3  # letters that an index of trigrams needs
# Numbers follow the order of the commits, times are taken a moment before: no two are a day apart.
SLACK = timedelta(days=1)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Found:
    """One page of events, newest first; `more` says whether others follow in the direction that was asked for."""

    rows: list[AuditEvent]
    more: bool
    total: int | None = None  # how many events there are on all pages, where that is known without counting
    about: bool = False  # whether the newest may be missing from that number, for want of the index
    looked_through: int = 0  # how many events were searched for the words, where not all were


@dataclass
class Hunt:
    """What is looked for, as conditions on the table of entries `n`, and from where to where."""

    facets: list[Facet] | None
    low: int
    high: int
    newer: bool
    limit: int
    where: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def must(self, condition: str, *values: object) -> None:
        self.where.append(condition)
        self.values.extend(values)


def find(
    user: User,
    filters: Filters,
    standing: Standing,
    *,
    bound: int | None = None,
    newer: bool = False,
    size: int = 50,
    columns: tuple[str, ...] = (),  # that the caller reads, or all; any other costs a query each
) -> Found:
    """Return the page of events older than the one numbered `bound`, or `newer` than it; without one, from the end."""
    if filters.object_id or filters.request_id or not standing.reaches(None if newer else bound):
        return _plainly(user, filters, bound, newer=newer, size=size)
    facets = _facets(user, filters, standing)
    total = _total(filters, facets, standing)
    low, high = (bound or 0, standing.position + 1) if newer else (0, bound or standing.position + 1)
    hunt = Hunt(facets, low, high, newer, size + 1)
    if facets is None and total is not None:
        listed = _listed(hunt, standing, size, columns) or _plainly(
            user, filters, bound, newer=newer, size=size
        )
        return replace(listed, total=total)
    _narrow(hunt, filters)
    found, looked_through = _hunt(hunt, filters, standing)
    about = total is not None and standing.behind > 0
    return Found(events_at(found, size, columns), len(found) > size, total, about, looked_through)


def beginning_at(moment: datetime) -> int:
    """Return the bound of the page that begins with the newest event at or before `moment`."""
    found = numbers(
        "SELECT event_id FROM {entry} WHERE at <= %s ORDER BY at DESC, event_id DESC LIMIT 1", [moment]
    )
    return found[0] + 1 if found else 1


def _listed(hunt: Hunt, standing: Standing, size: int, columns: tuple[str, ...]) -> Found | None:
    """Return a page without filters, all of whose numbers are known; None where anything else is found.

    The index only says in which months to look: whatever somebody has done to it, it is the events that are listed.
    """
    found = _in_order(hunt)
    first, step = (hunt.low + 1, 1) if hunt.newer else (hunt.high - 1, -1)
    wanted = range(first, standing.position + 1 if hunt.newer else 0, step)[: hunt.limit]
    if found.numbers != list(wanted):
        return None
    rows = events_at(found, size, columns)
    return Found(rows, len(found) > size) if len(rows) == min(len(found), size) else None


def _plainly(user: User, filters: Filters, bound: int | None, *, newer: bool, size: int) -> Found:
    events: QuerySet[AuditEvent] = search(user, filters)
    if newer:
        rows = list(events.filter(id__gt=bound or 0).order_by("id")[: size + 1])
        return Found(rows[:size][::-1], len(rows) > size)
    rows = list((events.filter(id__lt=bound) if bound else events)[: size + 1])
    return Found(rows[:size], len(rows) > size)


def _facets(user: User, filters: Filters, standing: Standing) -> list[Facet] | None:
    """Return the facets that fit; None where all do."""
    masters: set[int] | None = None
    if not access.for_all_masters(user, *READERS):
        masters = set(access.masters_where(user, *READERS).values_list("pk", flat=True))
    wanted = {
        "actor": {filters.actor} if filters.actor else None,
        "action": set(filters.actions) or None,
        "outcome": {filters.outcome} if filters.outcome else None,
        "object_type": {filters.object_type} if filters.object_type else None,
        "master": {filters.master} if filters.master else None,
    }
    asked = [(name, values) for name, values in [*wanted.items(), ("master", masters)] if values is not None]
    if not asked:
        return None
    return [
        facet for facet in standing.facets if all(getattr(facet, name) in values for name, values in asked)
    ]


def _narrow(hunt: Hunt, filters: Filters) -> None:
    if filters.since or filters.until:
        low, high = _numbers_between(filters.since, filters.until)
        hunt.low, hunt.high = max(hunt.low, low), min(hunt.high, high)
    exact = {
        "n.at >= %s": filters.since,
        "n.at < %s": filters.until,
        "n.sub_account = %s": filters.sub_account,
        "n.ip = %s": filters.ip,
    }
    for condition, value in exact.items():
        if value:
            hunt.must(condition, value)


def _numbers_between(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """Return two numbers between which all events of that time are, and few others."""
    before = "SELECT event_id FROM {entry} WHERE at < %s ORDER BY at DESC, event_id DESC LIMIT 1"
    after = "SELECT event_id FROM {entry} WHERE at >= %s ORDER BY at, event_id LIMIT 1"
    low = numbers(before, [since - SLACK]) if since and since - _FIRST > SLACK else []
    high = numbers(after, [until + SLACK]) if until and _LAST - until > SLACK else []
    return (low[0] if low else 0), (high[0] if high else 2**62)


def _hunt(hunt: Hunt, filters: Filters, standing: Standing) -> tuple[Places, int]:
    if hunt.facets == [] or hunt.low >= hunt.high:
        return Places([]), 0
    if filters.dnis:
        return _by_number(hunt, filters), 0
    if filters.q and hunt.facets is not None and sum(facet.events for facet in hunt.facets) <= FEW:
        hunt.must(like(), pattern(filters.q))
        return _merged(hunt, hunt.facets), 0
    if filters.q:
        return _by_words(hunt, filters.q, standing)
    if hunt.facets is None or filters.sub_account or filters.ip:
        return _in_order(hunt), 0
    return _by_facets(hunt, hunt.facets, standing), 0


def _by_number(hunt: Hunt, filters: Filters) -> Places:
    # The bounds once more: the database does not carry them over to the numbers. And a sum, so that it begins with the
    # few events that have the number and not with the index of facets, which holds most events of the trail.
    some = "SELECT event_id FROM {number} WHERE dnis = %s AND event_id > %s AND event_id < %s"
    hunt.must(f"n.event_id IN ({some})", filters.dnis, hunt.low, hunt.high)
    if filters.q:
        hunt.must(like(), pattern(filters.q))
    return _in_order(hunt, "n.facet_id + 0")


def _in_order(hunt: Hunt, facet: str = "n.facet_id") -> Places:
    where, values = _conditions(hunt, facet)
    sql = f"SELECT n.event_id FROM {{entry}} n WHERE {where} {_order(hunt)}"
    return places(hunt.newer, sql, values, keep=hunt.facets is None and not hunt.where)


def _by_facets(hunt: Hunt, facets: Sequence[Facet], standing: Standing) -> Places:
    """Merge the newest events of each facet. Of many facets, first look no further than should be needed."""
    if len(facets) > MANY:
        events = sum(facet.events for facet in facets)
        far = 4 * hunt.limit * standing.position // max(events, 1) + hunt.limit
        near = (
            replace(hunt, high=min(hunt.high, hunt.low + far))
            if hunt.newer
            else replace(hunt, low=max(hunt.low, hunt.high - far))
        )
        found = _merged(near, facets)
        if len(found) == hunt.limit:
            return found
    return _merged(hunt, facets)


def _merged(hunt: Hunt, facets: Sequence[Facet]) -> Places:
    where, values = _conditions(replace(hunt, facets=None))
    one = f"SELECT n.event_id FROM {{entry}} n WHERE n.facet_id = f.id AND {where} {_order(hunt)}"
    ids = [facet.id for facet in facets]
    if connection.vendor == "postgresql":
        sql = f"SELECT n.event_id FROM unnest(%s) f(id) CROSS JOIN LATERAL ({one}) n {_order(hunt)}"
        return places(hunt.newer, sql, [ids, *values], keep=not hunt.where)
    found: list[int] = []
    for place in range(0, len(ids), TERMS):
        some = ids[place : place + TERMS]
        union = " UNION ALL ".join(f"SELECT * FROM ({one.replace('f.id', str(pk))})" for pk in some)
        found += numbers(union, values * len(some))
    return Places(sorted(found, reverse=not hunt.newer)[: hunt.limit])


def _by_words(hunt: Hunt, words: str, standing: Standing) -> tuple[Places, int]:
    """Look through the next events first, which finds what is common, and then ask the index, which finds the rest.

    What is common, and only just too rare for that, is found sooner a little further on than by the index, which first
    gathers all that there is of it.
    """
    if len(words) < SHORTEST or not standing.texts:
        return _next(hunt, words, WITHOUT_INDEX), WITHOUT_INDEX
    found = _next(hunt, words, TOGETHER)
    further = 2 * TOGETHER * hunt.limit // max(len(found), 1)
    if len(found) < hunt.limit and further <= FURTHER:
        found = _next(hunt, words, further)
    return (found if len(found) == hunt.limit else _by_index(hunt, words)), 0


def _next(hunt: Hunt, words: str, far: int) -> Places:
    """Look through so many events in their order."""
    where, values = _conditions(hunt)
    window = f"SELECT * FROM {{entry}} n WHERE n.event_id > %s AND n.event_id < %s {_order(hunt, far)}"
    sql = f"SELECT n.event_id FROM ({window}) n WHERE {like()} AND {where} {_order(hunt)}"
    return places(hunt.newer, sql, [hunt.low, hunt.high, pattern(words), *values])


def _by_index(hunt: Hunt, words: str) -> Places:
    where, values = _conditions(hunt)
    if connection.vendor == "sqlite":
        # To the index of trigrams a long s and a short one are the same.
        where = f"t.text MATCH %s AND {like()} AND {where}"
        join = f"FROM trunks_audittext t JOIN {{entry}} n ON n.event_id = t.rowid WHERE {where}"
        order = _order(hunt).replace("n.event_id", "t.rowid")
        sql = f"SELECT t.rowid {join} {order}".replace("n.event_id <", "t.rowid <")
        phrase = '"' + words.lower().replace('"', '""') + '"'
        return places(hunt.newer, sql, [phrase, pattern(words), *values])
    lines = audit_texts.lines_with(words)
    if lines is None:
        hunt.must(like(), pattern(words))
        return _in_order(hunt)
    if not lines:
        return Places([])
    having = audit_texts.having(lines)
    everywhere = f"SELECT event_id FROM trunks_audittext WHERE {having} AND event_id > %s AND event_id < %s"
    if hunt.where or hunt.facets is not None:
        everywhere = (
            f"SELECT n.event_id FROM ({everywhere}) w JOIN {{entry}} n USING (event_id) WHERE {where}"
        )
    else:
        values = []
    sql = f"WITH n AS MATERIALIZED ({everywhere}) SELECT event_id FROM n {_order(hunt)}"
    return places(hunt.newer, sql, [lines, hunt.low, hunt.high, *values])


def _conditions(hunt: Hunt, facet: str = "n.facet_id") -> tuple[str, list[object]]:
    where = ["n.event_id > %s", "n.event_id < %s", *hunt.where]
    values: list[object] = [hunt.low, hunt.high, *hunt.values]
    if hunt.facets is not None:
        where.append(f"{facet} IN ({', '.join(str(facet.id) for facet in hunt.facets)})")
    return " AND ".join(where), values


def _order(hunt: Hunt, limit: int | None = None) -> str:
    return f"ORDER BY n.event_id {'ASC' if hunt.newer else 'DESC'} LIMIT {limit or hunt.limit}"


def _total(filters: Filters, facets: list[Facet] | None, standing: Standing) -> int | None:
    """Return how many events fit, where no event has to be counted for it."""
    others = (filters.since, filters.until, filters.sub_account, filters.dnis, filters.ip, filters.q)
    if any(others):
        return None
    return standing.position + standing.behind if facets is None else sum(facet.events for facet in facets)
