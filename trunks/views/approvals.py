"""The supervisors' queue."""

from django.db.models import CharField, Count, Exists, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce, NullIf
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from trunks import access
from trunks.forms.together import MOST
from trunks.models import Decision, Revision, TrunkRequest, User
from trunks.models.trunk_request import TrunkRequestQuerySet
from trunks.views.http import HtmxHttpRequest
from trunks.views.paging import page
from trunks.workflow import deciders, policy, quorum, waiting


@require_GET
def approvals(request: HtmxHttpRequest) -> HttpResponse:
    access.require_decider(request.user)
    shown = page(_waiting(request.user), request, key=("id",), size=MOST)
    barred = {row.pk: words for row in shown.rows if (words := _barred(row))}
    context = {
        "page": shown,
        "needed": quorum.needed_today(shown.rows),
        "barred": barred,
        "some_open": len(barred) < len(shown.rows),
    }
    return render(request, "trunks/approvals.html", context)


def _waiting(user: User) -> TrunkRequestQuerySet:
    """Return what waits for `user`, with what the list itself can tell of whether they may approve it."""
    approved = Decision.objects.present()
    own = Revision.objects.filter(trunk_request=OuterRef("pk"), author=user)
    given = approved.values("trunk_request").annotate(n=Count("pk")).values("n")
    name = Coalesce(NullIf("decided_by__name", Value("")), "decided_by__email", output_field=CharField())
    for_them = approved.filter(on_behalf_of=user).annotate(who=name).values("who")[:1]
    return (
        access.waiting_for(user)
        .prefetch_related("lines__trunk")
        .annotate(
            own=Exists(own),
            mine=Exists(approved.filter(decided_by=user)),
            for_them=Subquery(for_them),
            given=Coalesce(Subquery(given), 0),
        )
    )


def _barred(row: TrunkRequest) -> str:
    """Return why the person cannot choose a row, in the policy's words; "" where the page that approves will tell."""
    told = vars(row)
    if told["own"]:
        return policy.OWN
    if told["mine"]:
        return deciders.GIVEN
    if told["for_them"]:
        return deciders.given_for_you(told["for_them"])
    return waiting.over_words() if waiting.is_over(row) else ""
