"""Showing people their recovery codes, and recording that: each code stands in for a second factor."""

from collections.abc import Callable

from allauth.mfa.recovery_codes.views import download_recovery_codes, view_recovery_codes
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from trunks import audit
from trunks.models import User
from trunks.workflow import signing_in


def page(request: HttpRequest) -> HttpResponse:
    """Answer as allauth does, which asks for a proof before it shows them."""
    return _told(request, view_recovery_codes)


def file(request: HttpRequest) -> HttpResponse:
    """Answer the same as a file."""
    return _told(request, download_recovery_codes)


def _told(request: HttpRequest, view: Callable[[HttpRequest], HttpResponse]) -> HttpResponse:
    # One transaction: allauth notes that they were seen, and nobody has seen them where no event can be written.
    with audit.change():
        answer = view(request)
        if isinstance(answer, TemplateResponse) and isinstance(request.user, User):
            shown = (answer.context_data or {})["unused_codes"]
            signing_in.codes_shown(actor=request.user, number=len(shown))
    return answer
