"""The evidence pack of one request, for those who may read the trail of its master account."""

from __future__ import annotations

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_GET

from trunks import access, audit_reading
from trunks.models import AuditArchive
from trunks.views.http import HtmxHttpRequest
from trunks.views.paging import both_ends
from trunks.workflow import evidence

EVENTS, ATTEMPTS = (100, 200), (50, 100)


@require_GET
def pack(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    """Hand out the archive; that it was taken is an event of the request."""
    trunk_request = access.trunk_request_for(request.user, reference)
    access.require(request.user, *audit_reading.READERS, master_id=trunk_request.master_id)
    # Its other files have all of it, for who must have all; this one is for reading.
    events, events_left_out = both_ends(audit_reading.history(trunk_request), *EVENTS)
    attempts, attempts_left_out = both_ends(trunk_request.attempts.prefetch_related("calls"), *ATTEMPTS)
    context = {
        "trunk_request": trunk_request,
        "events": events,
        "events_left_out": events_left_out,
        "attempts": attempts,
        "attempts_left_out": attempts_left_out,
        "made_at": timezone.now(),
        "person": request.user,
        "archive": AuditArchive.objects.since(trunk_request.filed_at),
    }
    page = render_to_string("trunks/evidence.html", context)
    archive = evidence.pack(trunk_request, page, actor=request.user)
    response = HttpResponse(archive, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{trunk_request.reference}-evidence.zip"'
    return response
