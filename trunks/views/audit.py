"""The audit trail: searching it, and one event in full. Nothing here can change an event."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from trunks import access, audit
from trunks.forms.audit import AuditFilter
from trunks.models import Role
from trunks.views.http import HtmxHttpRequest
from trunks.views.paging import AFTER, BEFORE, page

READERS = (Role.MANAGER, Role.ADMINISTRATOR)
PRESETS = (("Today", 0), ("7 days", 6), ("30 days", 29))


@require_GET
def trail(request: HtmxHttpRequest) -> HttpResponse:
    """List the events that the address asks for, newest first."""
    access.require(request.user, *READERS)
    masters = access.masters_where(request.user, *READERS)
    chosen = AuditFilter(request.GET, user=request.user, masters=masters)
    found = audit.search(request.user, chosen.filters())
    # A filter that was not understood must not pass for one that found all of this.
    context = {
        "page": page(found.none() if chosen.errors else found, request),
        "filter": chosen,
        "presets": _presets(request),
        "narrowed": any(chosen.cleaned_data.values()),
    }
    return render(request, "trunks/audit.html", context, status=422 if chosen.errors else 200)


@require_GET
def event(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Show one event: who, what, when, from where, before and after."""
    access.require(request.user, *READERS)
    return render(request, "trunks/audit_event.html", {"event": audit.event_for(request.user, pk)})


def _presets(request: HttpRequest) -> list[dict[str, str | bool]]:
    """Return the quick choices of days: links that keep every other filter of the address."""
    today = timezone.localdate()
    presets: list[dict[str, str | bool]] = []
    for title, days in PRESETS:
        since = (today - timedelta(days=days)).isoformat()
        query = request.GET.copy()
        for name in (AFTER, BEFORE, "until"):
            query.pop(name, None)
        query["since"] = since
        chosen = request.GET.get("since") == since and not request.GET.get("until")
        presets.append({"title": title, "url": f"?{query.urlencode()}", "chosen": chosen})
    return presets
