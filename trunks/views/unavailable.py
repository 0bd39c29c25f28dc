"""What people are told when the database gives way in the middle: nothing half done, and nothing typed is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware, get_token
from django.template.loader import render_to_string

Handler = Callable[[HttpRequest], HttpResponse]

# Never written into a page, whatever happens: whoever sends the form again types these anew.
SECRET = ("password", "secret", "token", "code")
FULL = "The database has no room left. An administrator has to make some."
CROSSED = "Somebody changed the same thing at the same moment, and they were first."
BUSY = "The database was busy with another change for too long."
AWAY = "The database cannot be reached, or broke off."
READ_ONLY = "The database takes no changes at present. An administrator has to look after it."
_REACHED = "portal.reached"  # set when the views are asked
_NO_CHANGES = "25006"  # PostgreSQL's SQLSTATE, which psycopg counts among errors of its own making

logger = logging.getLogger(__name__)


def told(get_response: Handler) -> Handler:
    """Answer a view that the database left alone with a page that says so and holds what was typed."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.META[_REACHED] = True
        return get_response(request)

    middleware.process_exception = answer  # type: ignore[attr-defined]  # where Django looks for it
    return middleware


def answer(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """Return the page for an error of the database, rendered without it; None leaves any other to Django."""
    if not gave_way(exception):
        return None
    logger.error("The database failed at %s", request.path, exc_info=exception)
    return _page(request, exception, posted=request.method == "POST")


def answer_unasked(request: HttpRequest, exception: BaseException | None) -> HttpResponse | None:
    """Return the page for an error of the database that came before any view was asked; None for any other.

    Who it is could not be looked up, so that nothing was done. Nobody has looked yet whether a form came from a page of
    the portal: one that did not is not handed back with a token that makes it one.
    """
    if not isinstance(exception, Exception) or not gave_way(exception) or _REACHED in request.META:
        return None
    return _page(request, exception, posted=request.method == "POST" and _is_ours(request))


class _Token(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        return HttpResponse(status=403)  # Django's own would be a page, and ask the database


def _is_ours(request: HttpRequest) -> bool:
    check = _Token(lambda _: HttpResponse())
    check.process_request(request)
    return check.process_view(request, HttpResponse, (), {}) is None


def _page(request: HttpRequest, exception: Exception, *, posted: bool) -> HttpResponse:
    context = {
        "reason": reason(exception),
        "kept": _typed(request) if posted else [],
        "path": request.get_full_path(),
        "done": getattr(request, "done_so_far", []),
        "posted": posted,
        "token": get_token(request),
    }
    response = HttpResponse(render_to_string("503.html", context), status=503)
    response["Retry-After"] = "5"
    return response


def gave_way(error: Exception) -> bool:
    """Say whether the database could not do what it was told, which is nobody's mistake and was not done."""
    return isinstance(error, OperationalError | InterfaceError) or _state(error) == _NO_CHANGES


def _state(error: Exception) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)


def reason(error: Exception) -> str:
    """Return what happened in plain words; PostgreSQL tells by SQLSTATE, SQLite by its words."""
    state = _state(error)
    if state == _NO_CHANGES or "readonly database" in str(error):
        return READ_ONLY
    if state == "53100" or "disk is full" in str(error):
        return FULL
    if state == "55P03" or "locked" in str(error):
        return BUSY
    return CROSSED if state in ("40001", "40P01") else AWAY


def _typed(request: HttpRequest) -> list[tuple[str, str]]:
    """Return what the form held, in its order, without its token and without secrets."""
    return [
        (name, str(value))
        for name, values in request.POST.lists()
        for value in values
        if name != "csrfmiddlewaretoken" and not any(word in name for word in SECRET)
    ]
