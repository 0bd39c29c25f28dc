"""What views share of HTTP: the typed request, and answers that say what happened and what to do next."""

from __future__ import annotations

import sys
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django_htmx.middleware import HtmxDetails

from trunks import access
from trunks.models import TrunkRequest, User
from trunks.views import unavailable
from trunks.workflow import refusals
from trunks.workflow.errors import Refused, Stale

SAFE = ("GET", "HEAD", "OPTIONS")
# Names of addresses where a GET carries something out of the portal, which is an event: who is refused it has tried.
EXPORTS = frozenset({"audit_export", "audit_file", "audit_review_population", "request_evidence"})
HIDDEN = "It belongs to master accounts or people for which they have no role."
NOTHING_HERE = "This address leads to nothing, or to something you have no role for."


class HtmxHttpRequest(HttpRequest):
    """A request as views see it: the middleware has let only signed-in people through."""

    htmx: HtmxDetails
    user: User
    # What is done already, by name, when one web request carries out several changes and the next one fails.
    done_so_far: list[str]


def problem_page(request: HttpRequest, status: int, *, reason: str = "", **context: Any) -> HttpResponse:
    """Return the error page of `status` (403, 404, 409), saying why in `reason`.

    `back`, an address and words for it, leads to where it can be seen how things stand now.
    """
    return render(request, f"{status}.html", {"reason": reason} | context, status=status)


def not_done_page(
    request: HttpRequest,
    error: Refused | Stale,
    *,
    back: tuple[str, str] | None = None,
    trunk_request: TrunkRequest | None = None,
) -> HttpResponse:
    """Answer what a verb did not do: 403 with the rule and who could, or 409 with who was first.

    What was refused leads nowhere; where somebody was first, `back` leads to how things stand now. A request leads to
    itself, either way.
    """
    if isinstance(error, Refused):
        return problem_page(request, 403, reason=error.reason, who=error.who, trunk_request=trunk_request)
    return problem_page(request, 409, reason=error.reason, back=back, trunk_request=trunk_request)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 with the reason. Who tried to change or export something is on record, who followed a link is not."""
    if _is_attempt(request) and isinstance(request.user, User):
        refusals.note(request.path, str(exception), actor=request.user)
    return problem_page(request, 403, reason=str(exception))


def _is_attempt(request: HttpRequest) -> bool:
    where = request.resolver_match
    exporting = request.method == "GET" and where is not None and where.url_name in EXPORTS
    return exporting or request.method not in SAFE


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown address; the reason is shown only where a view wrote one for people.

    Who tried to change or export what they may not know of is on record, as where a 403 tells them so.
    """
    if _is_attempt(request) and isinstance(exception, access.Hidden) and isinstance(request.user, User):
        refusals.note(request.path, HIDDEN, actor=request.user)
    written = isinstance(exception, Http404) and exception.args and isinstance(exception.args[0], str)
    return problem_page(request, 404, reason=str(exception) if written else NOTHING_HERE)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token is missing or old: mostly a page left open over a sign-out."""
    return problem_page(
        request,
        403,
        heading="This page is too old",
        reason="It was open for too long, or was opened before you signed in. Nothing was changed.",
        advice="Go back, load the page again, and send it from there.",
        csrf_reason=reason,
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django cannot read, without asking who it is: it may not be a web address of the portal at all."""
    return HttpResponse(render_to_string("400.html"), status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a fault of the portal's own, without the database: it may be what failed, while somebody was looked up."""
    if page := unavailable.answer_unasked(request, sys.exc_info()[1]):
        return page
    return HttpResponse(render_to_string("500.html"), status=500)
