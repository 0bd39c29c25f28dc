"""What proves the audit trail: when it was verified, by whom, what came of it, and the digests of its days."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from trunks import access, audit_reading, seals
from trunks.models import AuditCheck, AuditDigest
from trunks.views.http import HtmxHttpRequest, not_done_page
from trunks.views.paging import page
from trunks.workflow import archive, checks
from trunks.workflow.errors import Refused

CHECKS_SHOWN = 10
DIGESTS_A_PAGE = 31


@dataclass(frozen=True)
class Judged:
    """A digest with what its signature proves: `state` is a word for the badge, `problem` says what is wrong."""

    digest: AuditDigest
    state: str
    problem: str = ""


@require_GET
def verification(request: HtmxHttpRequest) -> HttpResponse:
    """Show checks and digests; while a check is under way, its part of the page asks for itself again."""
    access.require(request.user, *audit_reading.READERS)
    if request.htmx:
        return render(request, "trunks/partials/verification_live.html", _checks())
    digests = page(AuditDigest.objects.all(), request, ("-day",), DIGESTS_A_PAGE)
    context = _checks() | {
        "page": digests,
        "digests": [_judged(digest) for digest in digests.rows],
        "keys": settings.AUDIT_PUBLIC_KEYS,
        "second_place": bool(settings.AUDIT_DIGEST_DIR),
    }
    return render(request, "trunks/verification.html", context)


@require_POST
def verify_now(request: HtmxHttpRequest) -> HttpResponse:
    """Have a worker verify the trail: all of it, or what came since the last digest that was verified."""
    try:
        check = checks.ask(actor=request.user, full=request.POST.get("kind") != "incremental")
    except Refused as error:
        return not_done_page(request, error)
    if request.htmx:
        return render(request, "trunks/partials/verification_live.html", _checks())
    mine = check.asked_by_id == request.user.pk
    asked = "A worker begins in a moment." if mine else "A verification is under way already."
    messages.success(request, f"{asked} This page shows how far it is.")
    return redirect("audit_verification")


@require_GET
def verifier(request: HtmxHttpRequest) -> HttpResponse:
    """Hand out the program with which an export is verified by somebody who has no portal."""
    access.require(request.user, *audit_reading.READERS)
    response = HttpResponse(archive.VERIFIER.read_bytes(), content_type="text/x-python; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{archive.VERIFIER.name}"'
    return response


def _checks() -> dict[str, object]:
    return {
        "running": AuditCheck.running(),
        "alarm": AuditCheck.alarm(),
        "checks": list(AuditCheck.objects.finished().select_related("asked_by")[:CHECKS_SHOWN]),
        "last_full": AuditCheck.last_finished(full=True),
        "last_incremental": AuditCheck.last_finished(full=False),
    }


def _judged(digest: AuditDigest) -> Judged:
    """Look at one signature by itself; that the chain leads to it is for a check to say."""
    if digest.key and not settings.AUDIT_PUBLIC_KEYS:
        return Judged(digest, "unjudged", "AUDIT_PUBLIC_KEYS is not set where this page is made.")
    try:
        proven = seals.judge(digest.statement, digest.signature, settings.AUDIT_PUBLIC_KEYS) == seals.PROVEN
    except seals.Forged as error:
        return Judged(digest, "forged", f"It {error}.")
    return Judged(digest, "signed" if proven else "unsigned")
