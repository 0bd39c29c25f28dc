"""Files of the audit trail that a worker prepares: asked for, watched, taken by whoever asked, and removed."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from trunks import access, audit_reading
from trunks.audit_index import standing
from trunks.forms.audit import AuditFilter, asked_query
from trunks.models import Ending, PreparedFile
from trunks.views.http import HtmxHttpRequest, not_done_page
from trunks.workflow import preparing
from trunks.workflow.errors import Refused

# The same for a file that was never there and for another person's.
GONE = "There is no such file of yours: one is kept for 24 hours, and the newest three. It can be prepared again."


@require_GET
def prepared(request: HtmxHttpRequest) -> HttpResponse:
    """Show the person's own files; while one is being prepared, its part of the page asks for itself again."""
    access.require(request.user, *audit_reading.READERS)
    files = list(PreparedFile.objects.filter(asked_by=request.user))
    context = {"files": files, "running": next((file for file in files if file.under_way), None)}
    template = "trunks/partials/prepared_live.html" if request.htmx else "trunks/prepared.html"
    return render(request, template, context)


@require_POST
def ask(request: HtmxHttpRequest) -> HttpResponse:
    """Have a worker prepare what the filters in `query` let through."""
    access.require(request.user, *audit_reading.READERS)
    form, asked = request.POST.get("format", ""), asked_query(QueryDict(request.POST.get("query", "")))
    if form not in preparing.FORMATS:
        raise Http404("A file is format=csv or format=jsonl.")
    chosen = AuditFilter(QueryDict(asked), user=request.user, standing=standing())
    filters = chosen.filters()
    if chosen.errors:
        return render(request, "trunks/audit_export_refused.html", {"filter": chosen}, status=422)
    file = preparing.ask(form, filters, actor=request.user, asked=asked)
    mine = file.asked == asked and file.format == form
    text = "A worker begins in a moment." if mine else "Another file of yours is being prepared; wait for it."
    messages.success(request, f"{text} This page shows how far it is.")
    return redirect("audit_files")


@require_GET
def take(request: HtmxHttpRequest, pk: int) -> HttpResponseBase:
    """Stream a file that is ready; that it was taken is an event."""
    access.require(request.user, *audit_reading.READERS)
    file = _own(request, pk)
    if file.ending != Ending.READY or file.is_over:
        raise Http404(
            "This file is not there: it is not ready, or its day is over. It can be prepared again."
        )
    try:
        lines = preparing.take(file, actor=request.user)
    except Refused as error:
        return not_done_page(request, error)
    kind = "application/zip" if file.format == "csv" else "application/x-ndjson; charset=utf-8"
    response = StreamingHttpResponse(lines, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


@require_POST
def remove(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Give a file up, or remove it; one that is gone already is gone."""
    access.require(request.user, *audit_reading.READERS)
    if PreparedFile.objects.filter(asked_by=request.user, pk=pk).exists():
        preparing.remove(_own(request, pk), actor=request.user)
    return redirect("audit_files")


def _own(request: HtmxHttpRequest, pk: int) -> PreparedFile:
    file = PreparedFile.objects.filter(asked_by=request.user, pk=pk).first()
    if file is None:
        raise (access.Hidden if PreparedFile.objects.filter(pk=pk).exists() else Http404)(GONE)
    return file
