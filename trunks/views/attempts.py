"""What was said between the portal and Zoom: each call of each attempt, and what nobody here can explain."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from trunks import access
from trunks.models import Attempt, Role, UnknownError, ZoomCall
from trunks.views.http import HtmxHttpRequest
from trunks.views.paging import page
from trunks.workflow import words

ATTEMPTS_ON_A_PAGE = 20


@dataclass(frozen=True)
class Shown:
    """One call, with what its answer means if that was an error."""

    call: ZoomCall
    decoded: words.Decoded | None


@require_GET
def attempts(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    """Show the conversations with Zoom about one request, newest first."""
    trunk_request = access.trunk_request_for(request.user, reference)
    calls = Prefetch("calls", queryset=ZoomCall.objects.order_by("id"))
    found = page(trunk_request.attempts.prefetch_related(calls), request, size=ATTEMPTS_ON_A_PAGE)
    shown = [(attempt, [_shown(call) for call in attempt.calls.all()]) for attempt in found.rows]
    context = {
        "trunk_request": trunk_request,
        "attempts": shown,
        "page": found,
        "total": _total(trunk_request.pk),
    }
    return render(request, "trunks/attempts.html", context)


@require_GET
def unknown_errors(request: HtmxHttpRequest) -> HttpResponse:
    """List what Zoom has said that the portal has no explanation for, latest first."""
    access.require(request.user, Role.ADMINISTRATOR)
    masters = access.administered_masters(request.user)
    kept = UnknownError.objects.filter(master__in=masters).select_related("master")
    found = page(kept, request, key=("-last_seen_at", "-id"))
    return render(request, "trunks/unknown_errors.html", {"page": found})


def _shown(call: ZoomCall) -> Shown:
    return Shown(call, words.decode(call))


def _total(pk: int) -> int:
    return Attempt.objects.filter(trunk_request=pk).count()
