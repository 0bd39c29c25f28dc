"""The report on the rule of four eyes: how it is lived, with drawings and the same numbers in a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from trunks import access, audit_finding, four_eyes
from trunks.actions import Action
from trunks.audit_index import Standing, standing
from trunks.audit_population import DECIDING
from trunks.audit_reading import READERS, Filters
from trunks.forms.four_eyes import ReportFilter
from trunks.four_eyes import Scope, Verdicts
from trunks.models import AuditArchive, User
from trunks.models.spans import Lengths
from trunks.views.charts import Chart, chart
from trunks.views.http import HtmxHttpRequest

BREAK_GLASS = (
    *(
        Action.WRITING_STOPPED,
        Action.WRITING_START_ASKED,
        Action.WRITING_START_DECLINED,
        Action.WRITING_STARTED,
    ),
    *(Action.REQUEST_GIVEN_UP, Action.REQUEST_ALARM_ENDED, Action.REQUEST_DISPLACED_ENDED),
)
MOST_EVENTS = 500  # of one kind that the page looks at; it says so when there are more
UNITS = (("days", 86400 * 2, 86400), ("hours", 7200, 3600), ("minutes", 120, 60), ("seconds", 0, 1))


@dataclass(frozen=True)
class Month:
    """One row of the table: the numbers that the drawings show."""

    name: str
    verdicts: Verdicts
    decision: Lengths | None
    done: Lengths | None


@dataclass(frozen=True)
class Events:
    """Some events of the trail, the list that has all of them, and whether there are more than were looked at."""

    rows: list[Any]
    url: str
    more: bool


@require_GET
def report(request: HtmxHttpRequest) -> HttpResponse:
    """Show how the rule of four eyes is lived, for the master accounts that the person reads the trail of."""
    access.require(request.user, *READERS)
    chosen = ReportFilter(request.GET, masters=access.masters_where(request.user, *READERS))
    index = standing()
    shown = chosen.months_shown()
    scope = Scope(chosen.about(), shown[0], timezone.now())
    months = _months(scope, [f"{month:%Y-%m}" for month in shown], chosen.quick)
    context = {
        "filter": chosen,
        "months": months[::-1],
        "charts": _charts(months, chosen.quick),
        "quick": four_eyes.quick_decisions(scope, chosen.quick),
        "browser": four_eyes.same_browser(scope),
        "shown": four_eyes.SHOWN,
        "pairs": four_eyes.pairs(scope),
        "archive": AuditArchive.objects.since(scope.since),
        "pending": four_eyes.oldest_pending(scope),
        "stops": four_eyes.stops(scope),
        "own": _own_approvals(request.user, chosen, scope, index),
        "glass": _events(request.user, chosen, scope, index, BREAK_GLASS),
        "decided_url": _url(
            chosen, scope, [Action.REQUEST_APPROVED, Action.REQUEST_DENIED, Action.REQUEST_SENT_BACK]
        ),
    }
    return render(request, "trunks/four_eyes.html", context, status=422 if chosen.errors else 200)


def _months(scope: Scope, names: list[str], quick: int) -> list[Month]:
    verdicts = four_eyes.verdicts(scope, quick)
    decision, done = four_eyes.time_to_decision(scope), four_eyes.time_to_done(scope)
    return [Month(name, verdicts.get(name, Verdicts()), decision.get(name), done.get(name)) for name in names]


def _charts(months: list[Month], quick: int) -> list[Chart]:
    names = [month.name for month in months]
    decided: Mapping[str, list[float | None]] = {
        "Approved": [month.verdicts.approved for month in months],
        "Denied or sent back": [month.verdicts.denied + month.verdicts.sent_back for month in months],
        f"In under {quick} s": [month.verdicts.quick for month in months],
    }
    return [
        _of_lengths("decision", "Time to decision", names, [month.decision for month in months]),
        _of_lengths("done", "Time from filing to done", names, [month.done for month in months]),
        chart("verdicts", "Decisions", names, decided, unit="decisions"),
    ]


def _of_lengths(key: str, title: str, names: list[str], lengths: list[Lengths | None]) -> Chart:
    longest = max((one.p95 for one in lengths if one), default=0)
    unit, _, size = next(one for one in UNITS if longest >= one[1])
    series: Mapping[str, list[float | None]] = {
        "Median": [one.median / size if one else None for one in lengths],
        "95th percentile": [one.p95 / size if one else None for one in lengths],
    }
    return chart(key, f"{title}, in {unit}", names, series, unit=unit)


def _own_approvals(user: User, chosen: ReportFilter, scope: Scope, index: Standing) -> Events:
    """Return the refused attempts to decide on a request by somebody who made a version of it."""
    refused = _events(user, chosen, scope, index, (Action.ACTION_REFUSED,))
    deciding = [event for event in refused.rows if event.after.get("action") in DECIDING and event.actor_id]
    made = four_eyes.authorship({int(event.object_id) for event in deciding})
    own = [event for event in deciding if (int(event.object_id), event.actor_id) in made]
    return Events(own, refused.url, refused.more)


def _events(
    user: User, chosen: ReportFilter, scope: Scope, index: Standing, actions: tuple[Action, ...]
) -> Events:
    master = chosen.chosen.pk if chosen.chosen else None
    values = tuple(action.value for action in actions)
    filters = Filters(actions=values, since=scope.since, until=scope.until, master=master)
    found = audit_finding.find(user, filters, index, size=MOST_EVENTS)
    return Events(found.rows, _url(chosen, scope, actions), found.more)


def _url(chosen: ReportFilter, scope: Scope, actions: Any) -> str:
    """Return the list of the trail that holds these events of the period.

    Its days are the reader's own: west of Greenwich a month of UTC begins on the evening before.
    """
    since = timezone.localtime(scope.since)
    query = [("action", action.value) for action in actions] + [("since", f"{since:%Y-%m-%d}")]
    query += [("master", str(chosen.chosen.pk))] if chosen.chosen else []
    return f"{reverse('audit')}?{urlencode(query)}"
