"""The supervisors' queue."""

from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from trunks import access
from trunks.models import Decision, Revision, Verdict
from trunks.models.decisions import DecisionQuerySet
from trunks.views.http import HtmxHttpRequest
from trunks.views.paging import page
from trunks.workflow import quorum


@require_GET
def approvals(request: HtmxHttpRequest) -> HttpResponse:
    access.require_decider(request.user)
    own = Revision.objects.filter(trunk_request=OuterRef("pk"), author=request.user)
    waiting = access.waiting_for(request.user).prefetch_related("lines__trunk")
    waiting = waiting.annotate(own=Exists(own), mine=Exists(_approvals().of(request.user)))
    given = _approvals().values("trunk_request").annotate(n=Count("pk")).values("n")
    waiting = waiting.annotate(given=Coalesce(Subquery(given), 0))
    shown = page(waiting, request, key=("id",), size=25)
    context = {"page": shown, "needed": quorum.needed_today(shown.rows)}
    return render(request, "trunks/approvals.html", context)


def _approvals() -> DecisionQuerySet:
    """Return the approvals of the present content of the request of the outer query."""
    theirs = {"trunk_request": OuterRef("pk"), "content_version": OuterRef("content_version")}
    return Decision.objects.filter(verdict=Verdict.APPROVE, taken_back_at=None, **theirs).order_by()
