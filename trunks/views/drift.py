"""Drift: where Zoom's lists and what the portal believes do not agree. It only reads, and asks Zoom nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Max, Min, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from trunks import access
from trunks.forms.drift import DriftFilter
from trunks.models import Kind, Line, ListedTrunk, MasterTrunk, Phase, SubAccount
from trunks.models.drift import MISSED_DAYS, Drift, drifting, listed_as, readable, unread
from trunks.views.http import HtmxHttpRequest
from trunks.views.paging import page

SHOWN_UNREAD = 10


@dataclass(frozen=True)
class Difference:
    """One row of the page: what Zoom lists, what the portal believes, and where to go on."""

    listed: ListedTrunk
    kind: Drift
    line: Line | None  # with the portal's last word
    trunk: MasterTrunk | None
    others: Sequence[SubAccount]  # that have the same DNIS at Zoom
    again: int  # how many rows more the same sub account's list has of it
    file_url: str  # "" for who may not file

    @property
    def advice(self) -> str:
        """Return what to do next, in words."""
        if self.again:
            return f"{_ADVICE[self.kind]} {_ONCE}" if self.others else _ONCE
        return _ADVICE[self.kind]

    @property
    def file_words(self) -> str:
        return f"File a request to {_REMEDY[self.kind].lower()} it"

    @property
    def removed(self) -> bool:
        """Say whether the portal believes that the DNIS is not assigned any more."""
        line = self.line
        return line is not None and self.listed.dnis == line.current_dnis and not _has(line, self.listed.dnis)

    @property
    def refused(self) -> bool:
        """Say whether the portal believes that Zoom refused it."""
        return self.kind == Drift.REFUSED

    @property
    def caller_id(self) -> str:
        """Return the caller ID that the portal assigned, "" for none."""
        return _caller_id(self.line) if self.line else ""


@require_GET
def drift(request: HtmxHttpRequest) -> HttpResponse:
    """List the differences by DNIS, and say which sub accounts' lists are not known."""
    chosen = DriftFilter(request.GET, masters=access.masters_for(request.user))
    accounts = chosen.of_master(access.sub_accounts_for(request.user).order_by())
    found = page(chosen.apply(drifting(accounts, chosen.kinds, many=True)), request, ("dnis", "id"))
    fileable = set(access.fileable_masters(request.user).values_list("pk", flat=True))
    unknown = list(unread(accounts).order_by("name", "pk")[: SHOWN_UNREAD + 1])
    context = {
        "filter": chosen,
        "missed_days": MISSED_DAYS,
        "page": found,
        "rows": _told(found.rows, fileable),
        "unread": unknown[:SHOWN_UNREAD],
        "more_unread": len(unknown) > SHOWN_UNREAD,
        "read": None if found.rows else _read(accounts),
    }
    return render(request, "trunks/drift.html", context)


def _read(accounts: QuerySet[SubAccount]) -> dict[str, Any]:
    """Return how many sub accounts can be compared, and when the first and the last of them was read."""
    times = {"first": Min("trunks_read_at"), "last": Max("trunks_read_at"), "number": Count("pk")}
    return readable(accounts).aggregate(**times)


def _told(rows: Sequence[ListedTrunk], fileable: set[int]) -> list[Difference]:
    """Return the rows with what is told beside them, in three queries."""
    words: list[Any] = [getattr(row, "word") for row in rows]  # noqa: B009  # annotated by the query
    kinds = [Drift(getattr(row, "drift")) for row in rows]  # noqa: B009
    lines = Line.objects.select_related("trunk", "trunk_request").in_bulk([pk for pk in words if pk])
    trunks: Mapping[int, list[MasterTrunk]] = defaultdict(list)
    for trunk in MasterTrunk.objects.filter(master__in={row.master_id for row in rows}, gone_at=None):
        trunks[trunk.master_id].append(trunk)
    others: Mapping[tuple[int, str], list[ListedTrunk]] = defaultdict(list)
    for found in listed_as([row for row, kind in zip(rows, kinds, strict=True) if kind == Drift.TWICE]):
        others[found.master_id, found.dnis].append(found)
    told = []
    for row, kind, word in zip(rows, kinds, words, strict=True):
        line = lines.get(word)
        of = line.trunk if line else _trunk_of(row, trunks[row.master_id])
        same = others[row.master_id, row.dnis] if kind == Drift.TWICE else []
        beside = {
            one.sub_account_id: one.sub_account for one in same if one.sub_account_id != row.sub_account_id
        }
        url = _file_url(row, kind, line, of) if row.master_id in fileable else ""
        told.append(Difference(row, kind, line, of, list(beside.values()), _times_more(row, same), url))
    return told


def _times_more(row: ListedTrunk, same: Sequence[ListedTrunk]) -> int:
    """Return how many of `same` are other rows that the newest list of the row's own sub account shows."""
    read_at = row.sub_account.trunks_read_at
    own = [one for one in same if one.sub_account_id == row.sub_account_id and one.pk != row.pk]
    return sum(read_at is not None and one.last_seen_at >= read_at for one in own)


def _has(line: Line, dnis: str) -> bool:
    """Say whether the line's word is that the sub account has `dnis`: it was asked for, or came back."""
    return line.target()[0] == dnis and line.phase != Phase.REMOVE


def _trunk_of(row: ListedTrunk, trunks: Sequence[MasterTrunk]) -> MasterTrunk | None:
    """Return the one trunk of the master that the row can be of, by prefix and id, or None where Zoom leaves doubt."""
    fitting = [trunk for trunk in trunks if trunk.prefix and row.dnis.startswith(trunk.prefix)]
    by_id = [trunk for trunk in fitting if trunk.zoom_id == row.zoom_id]
    return next((found[0] for found in (by_id, fitting) if len(found) == 1), None)


def _file_url(row: ListedTrunk, kind: Drift, line: Line | None, trunk: MasterTrunk | None) -> str:
    """Return the address of a request form, filled in with what would make Zoom's list as the portal believes."""
    if kind == Drift.NOT_FILED:
        return ""
    values = {
        "sub_account": row.sub_account_id,
        "lines-0-trunk": trunk.pk if trunk else "",
        "lines-0-dnis": row.dnis,
    }
    if kind in (Drift.MISSING, Drift.DIFFERENT) and line:
        values["lines-0-outbound_caller_id"] = _caller_id(line)
    values["kind"] = _REMEDY[kind].value
    if kind == Drift.DIFFERENT:
        values["lines-0-current_dnis"] = row.dnis
    return f"{reverse('request_new')}?{urlencode(values)}"


_REMEDY = {
    Drift.MISSING: Kind.ASSIGN,
    Drift.DIFFERENT: Kind.CHANGE,
    Drift.STILL_THERE: Kind.UNASSIGN,
    Drift.TWICE: Kind.UNASSIGN,
    Drift.REFUSED: Kind.UNASSIGN,
}
_ONCE = (
    "Zoom has it more than once for this customer. Have all but one removed in Zoom's console, by their ids; a request"
    " to unassign it removes every one."
)
_ADVICE = {
    Drift.MISSING: "Find out who removed it at Zoom. If the customer is to have it, have it assigned again.",
    Drift.DIFFERENT: "Find out who changed it at Zoom. If the portal is right, have it changed back.",
    Drift.STILL_THERE: "Somebody assigned it at Zoom again. If the customer is not to have it, have it unassigned.",
    Drift.TWICE: "Ask which customer is to have it, and have it unassigned from the other.",
    Drift.REFUSED: (
        "Zoom did it after all, or somebody assigned it by hand. If the customer is to have it, retry"
        " the request: what is there is taken over, and nothing is sent twice. If not, have it unassigned."
    ),
    Drift.NOT_FILED: "Nothing is wrong: it was assigned before the portal, or past it.",
}


def _caller_id(line: Line) -> str:
    return line.current_caller_id if line.phase == Phase.RESTORE else line.outbound_caller_id
