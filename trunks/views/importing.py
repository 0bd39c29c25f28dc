"""Many requests from one table: checked and shown first, and filed exactly as they were shown."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from trunks import access
from trunks.forms.importing import ImportForm
from trunks.models import MAX_LINES, Role
from trunks.views.http import HtmxHttpRequest
from trunks.workflow import deciders, importing


@require_http_methods(["GET", "POST"])
def import_table(request: HtmxHttpRequest) -> HttpResponse:
    """Check a table and show what it comes to; file that when what is posted is still what was shown."""
    access.require(request.user, Role.STAFF)
    if request.method == "GET":
        return _page(request, ImportForm(user=request.user))
    form = ImportForm(request.POST.dict(), request.FILES, user=request.user)
    if not form.is_valid() or form.chosen_master is None:
        return _page(request, form, status=422)
    if request.POST.get("checked", "") != form.plan.digest:
        return _page(request, form, checked=True, moved="checked" in request.POST)
    done = request.done_so_far = []
    results = importing.file_all(form.plan, master=form.chosen_master, actor=request.user, done=done)
    context = {"results": results, "done": len(done)}
    return render(request, "trunks/import_done.html", context, status=200 if done else 409)


def _page(
    request: HtmxHttpRequest,
    form: ImportForm,
    *,
    checked: bool = False,
    moved: bool = False,
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "problems": form.summary(),
        "checked": checked,
        "moved": moved,
        "most_rows": importing.MOST_ROWS,
        "most_requests": importing.MOST_REQUESTS,
        "most_lines": MAX_LINES,
        "lacks": deciders.lacking(form.chosen_master, author=request.user) if checked else "",
    }
    return render(request, "trunks/import.html", context, status=status)
