"""The supervisors' queue."""

from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from trunks import access
from trunks.models import Revision, Role
from trunks.views.http import HtmxHttpRequest
from trunks.views.paging import page


@require_GET
def approvals(request: HtmxHttpRequest) -> HttpResponse:
    access.require(request.user, Role.SUPERVISOR)
    own = Revision.objects.filter(trunk_request=OuterRef("pk"), author=request.user)
    waiting = access.waiting_for(request.user).prefetch_related("lines__trunk").annotate(own=Exists(own))
    return render(request, "trunks/approvals.html", {"page": page(waiting, request, key=("id",), size=25)})
