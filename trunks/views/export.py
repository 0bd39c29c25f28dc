"""The audit trail as a file: what the filters of the trail's page show, streamed."""

from __future__ import annotations

from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from trunks import access, audit_reading
from trunks.audit_index import standing
from trunks.forms.audit import AuditFilter, asked_query
from trunks.views.http import HtmxHttpRequest
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
    lines = exporting.export(form, filters, actor=request.user, asked=asked_query(request.GET))
    response = StreamingHttpResponse(lines, content_type=exporting.FORMATS[form])
    name = f"audit-{timezone.now():%Y-%m-%d-%H%M%S}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Accel-Buffering"] = (
        "no"  # a proxy that gathers it all would make people wait for the first line
    )
    return response
