"""What people are told when the database gives way in the middle: nothing half done, and nothing typed is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string

Handler = Callable[[HttpRequest], HttpResponse]

# Never written into a page, whatever happens: whoever sends the form again types these anew.
SECRET = ("password", "secret", "token", "code")
FULL = "The database has no room left. An administrator has to make some."
CROSSED = "Somebody changed the same thing at the same moment, and they were first."
BUSY = "The database was busy with another change for too long."
AWAY = "The database cannot be reached, or broke off."

logger = logging.getLogger(__name__)


def told(get_response: Handler) -> Handler:
    """Answer a view that the database left alone with a page that says so and holds what was typed."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    middleware.process_exception = answer  # type: ignore[attr-defined]  # where Django looks for it
    return middleware


def answer(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """Return the page for an error of the database, rendered without it; None leaves any other to Django."""
    if not isinstance(exception, OperationalError | InterfaceError):
        return None
    logger.error("The database failed at %s", request.path, exc_info=exception)
    context = {
        "reason": reason(exception),
        "kept": _typed(request),
        "path": request.get_full_path(),
        "done": getattr(request, "done_so_far", []),
        "posted": request.method == "POST",
        "token": get_token(request),
    }
    response = HttpResponse(render_to_string("503.html", context), status=503)
    response["Retry-After"] = "5"
    return response


def reason(error: Exception) -> str:
    """Return what happened in plain words; PostgreSQL tells by SQLSTATE, SQLite by its words."""
    state = getattr(error.__cause__, "sqlstate", None)
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
