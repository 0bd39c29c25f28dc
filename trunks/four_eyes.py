"""How the rule of four eyes is lived: who decides for whom, how quickly, and what waits. Questions only.

Everything is asked of one period and some master accounts, in a fixed number of statements that count in the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum, When
from django.db.models.functions import Coalesce

from trunks.models import Decision, Look, Revision, State, TrunkRequest, Verdict, WriteStop
from trunks.models.spans import Lengths, MonthOf, lengths, seconds

SHOWN = 20
PEOPLE = ("trunk_request", "decided_by", "on_behalf_of", "filed_by", "same_browser_as")
# Fewer say nothing: somebody's first three requests may well have met the same supervisor.
ENOUGH = 5
NEARLY_ALWAYS = 0.9


@dataclass(frozen=True)
class Scope:
    """What is looked at: some master accounts, from `since` to before `until`."""

    masters: Collection[int]
    since: datetime
    until: datetime

    def within(self, column: str) -> Q:
        return Q(**{f"{column}__gte": self.since, f"{column}__lt": self.until})


@dataclass(frozen=True)
class Verdicts:
    """What was decided in one month, and how many of it quicker than the limit."""

    approved: int = 0
    denied: int = 0
    sent_back: int = 0
    quick: int = 0


@dataclass(frozen=True)
class Pair:
    """Of how many approved requests of one person how many the other approved; `back` is the other way round."""

    filer: str
    decider: str
    approved: int
    of: int
    back: int

    @property
    def always(self) -> bool:
        return self.approved == self.of


def decisions(scope: Scope) -> QuerySet[Decision]:
    """Return what was decided, each with `made_at`, when its content was filed or amended, and `seen_at`.

    `seen_at` is when the person first had that content on the screen; where nobody noted it, when it was filed.
    """
    content = {"trunk_request": OuterRef("trunk_request"), "content_version": OuterRef("content_version")}
    made = Revision.objects.filter(**content).values("at")[:1]
    seen = Look.objects.filter(**content, user=OuterRef("decided_by")).values("at")[:1]
    rows = Decision.objects.filter(scope.within("decided_at"), trunk_request__master__in=scope.masters)
    return rows.annotate(made_at=Subquery(made), seen_at=Coalesce(Subquery(seen), Subquery(made)))


def verdicts(scope: Scope, quick: int) -> dict[str, Verdicts]:
    """Return for each month what was decided, and how much of it within `quick` seconds."""
    hasty = Case(When(took__lt=quick, then=1), default=0, output_field=IntegerField())
    rows = _timed(scope).annotate(month=MonthOf("decided_at"), hasty=hasty).order_by()
    found: dict[str, dict[str, int]] = {}
    for row in rows.values("month", "verdict").annotate(n=Count("pk"), quick=Sum("hasty")):
        month = found.setdefault(row["month"], {"quick": 0})
        month[row["verdict"]] = row["n"]
        month["quick"] += row["quick"]
    return {
        name: Verdicts(
            month.get(Verdict.APPROVE, 0),
            month.get(Verdict.DENY, 0),
            month.get(Verdict.SEND_BACK, 0),
            month["quick"],
        )
        for name, month in found.items()
    }


def quick_decisions(scope: Scope, quick: int) -> list[Decision]:
    """Return the newest decisions that took less than `quick` seconds, each with how many it took as `took`."""
    rows = _timed(scope).filter(Q(took__lt=quick)).select_related(*PEOPLE)
    return list(rows.order_by("-decided_at", "-pk")[:SHOWN])


def same_browser(scope: Scope) -> list[Decision]:
    """Return the newest decisions that were made in a browser in which an author had been signed in shortly before."""
    rows = Decision.objects.filter(scope.within("decided_at"), trunk_request__master__in=scope.masters)
    marked = rows.exclude(same_browser_as=None).select_related(*PEOPLE)
    return list(marked.order_by("-decided_at", "-pk")[: SHOWN + 1])


def _timed(scope: Scope) -> QuerySet[Decision]:
    return decisions(scope).annotate(took=seconds(F("seen_at"), F("decided_at")))


def time_to_decision(scope: Scope) -> dict[str, Lengths]:
    """Return by month how long content waited for each decision on it, from when it was filed or amended."""
    return lengths(decisions(scope), seconds(F("made_at"), F("decided_at")), MonthOf("decided_at"))


def time_to_done(scope: Scope) -> dict[str, Lengths]:
    """Return by month how long it took from filing until Zoom's list showed every line; `done` is final."""
    done = TrunkRequest.objects.filter(scope.within("changed_at"), master__in=scope.masters, state=State.DONE)
    return lengths(done, seconds(F("filed_at"), F("changed_at")), MonthOf("changed_at"))


def pairs(scope: Scope) -> list[Pair]:
    """Return who approves (nearly) all that another files, and who approve each other's; the latter first."""
    rows = _approvals(scope)
    given = {(row["filed_by"], row["decider"]): row["n"] for row in rows}
    totals = _approved_of(scope)
    found = [
        Pair(
            _name(row, "filed_by"),
            _name(row, "decider"),
            row["n"],
            totals[row["filed_by"]],
            given.get((row["decider"], row["filed_by"]), 0),
        )
        for row in rows
    ]
    telling = [
        pair
        for pair in found
        if pair.back or (pair.of >= ENOUGH and pair.approved >= pair.of * NEARLY_ALWAYS)
    ]
    return sorted(telling, key=lambda pair: (-min(pair.back, pair.approved), -pair.approved, pair.filer))[
        :SHOWN
    ]


def _approvals(scope: Scope) -> list[dict[str, Any]]:
    """Return of how many requests of each person another approved: who did it, and on whose behalf it was done."""
    theirs = {"trunk_request": OuterRef("trunk_request"), "decided_by": OuterRef("on_behalf_of")}
    once_more = Exists(Decision.objects.filter(verdict=Verdict.APPROVE, taken_back_at=None, **theirs))
    lent = _approving(scope).exclude(on_behalf_of=None).exclude(once_more)
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for row in [*_counted(_approving(scope), "decided_by"), *_counted(lent, "on_behalf_of")]:
        kept = found.setdefault((row["filed_by"], row["decider"]), row | {"n": 0})
        kept["n"] += row["n"]
    return list(found.values())


def _counted(rows: QuerySet[Decision], who: str) -> list[dict[str, Any]]:
    """Return of how many requests each pair of people is: who filed them, and whom `who` names as `decider`."""
    names = {"decider": F(who), "decider__name": F(f"{who}__name"), "decider__email": F(f"{who}__email")}
    people = ("filed_by", "filed_by__name", "filed_by__email")
    counted = rows.order_by().values(*people, **names).annotate(n=Count("trunk_request", distinct=True))
    return list(counted)


def _approved_of(scope: Scope) -> Counter[int]:
    """Return how many requests of each person were approved, however many approvals each took."""
    counted = (
        _approving(scope).order_by().values("filed_by").annotate(n=Count("trunk_request", distinct=True))
    )
    return Counter(dict(counted.values_list("filed_by", "n")))


def _approving(scope: Scope) -> QuerySet[Decision]:
    rows = Decision.objects.filter(scope.within("decided_at"), trunk_request__master__in=scope.masters)
    return rows.filter(verdict=Verdict.APPROVE, taken_back_at=None)


def _name(row: dict[str, Any], who: str) -> str:
    return str(row[f"{who}__name"] or row[f"{who}__email"])


def oldest_pending(scope: Scope) -> list[TrunkRequest]:
    """Return what waits longest for a decision at this moment, whatever the period."""
    waiting = TrunkRequest.objects.filter(state=State.PENDING, master__in=scope.masters)
    return list(waiting.with_names().order_by("filed_at", "pk")[:5])


def stops(scope: Scope) -> list[WriteStop]:
    """Return the stops of writing that began in the period, newest first; a stop holds for all master accounts."""
    people = ("stopped_by", "start_asked_by", "started_by")
    return list(WriteStop.objects.filter(scope.within("stopped_at")).select_related(*people)[:SHOWN])


def authorship(requests: Collection[int]) -> set[tuple[int, int]]:
    """Return who made any version of each of `requests`, as pairs of request and person."""
    return set(Revision.objects.filter(trunk_request__in=requests).values_list("trunk_request", "author"))
