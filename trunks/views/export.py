"""The audit trail as a file: what the filters of the trail's page show, streamed."""

from __future__ import annotations

from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from trunks import access, audit_reading
from trunks.audit_index import standing
from trunks.forms.audit import AuditFilter
from trunks.views.http import HtmxHttpRequest
from trunks.views.paging import AFTER, BEFORE
from trunks.workflow import exporting


@require_GET
def export(request: HtmxHttpRequest) -> HttpResponseBase:
    """Stream the events that the address asks for, as `format` csv, zip or jsonl; the export is an event itself."""
    access.require(request.user, *audit_reading.READERS)
    form = request.GET.get("format", "")
    if form not in exporting.FORMATS:
        raise Http404("An export is format=zip, format=csv or format=jsonl.")
    chosen = AuditFilter(request.GET, user=request.user, standing=standing())
    filters = chosen.filters()
    if chosen.errors:
        return render(request, "trunks/audit_export_refused.html", {"filter": chosen}, status=422)
    lines = exporting.export(form, filters, actor=request.user, asked=_asked(request))
    response = StreamingHttpResponse(lines, content_type=exporting.FORMATS[form])
    name = f"audit-{timezone.now():%Y-%m-%d-%H%M%S}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Accel-Buffering"] = (
        "no"  # a proxy that gathers it all would make people wait for the first line
    )
    return response


def _asked(request: HtmxHttpRequest) -> str:
    query = request.GET.copy()
    for name in ("format", AFTER, BEFORE):
        query.pop(name, None)
    return query.urlencode()
