"""Asking again who it is before what a stolen or forgotten session must not do."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest, HttpResponse

from trunks import step_up
from trunks.step_up import Kept

Parameters = ParamSpec("Parameters")
Request = TypeVar("Request", bound=HttpRequest)
View = Callable[Concatenate[Request, Parameters], HttpResponse]


def proof_required(
    doing: str, of: Callable[[Kept], object] = lambda _: ""
) -> Callable[[View[Request, Parameters]], View[Request, Parameters]]:
    """Let a post through only soon after the person has proved who they are (STEP_UP_SECONDS).

    Otherwise allauth keeps the whole post in the session, asks, and carries it out after the answer: nothing that was
    typed is lost. The verb asks its own rules then, so that what has become stale meanwhile is refused as ever.

    The page that asks says what for: `doing`, whose {} is what `of` names. What the person may not know of it raises.
    """

    def decorate(view: View[Request, Parameters]) -> View[Request, Parameters]:
        @wraps(view)
        def wrapper(request: Request, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponse:
            if request.method == "POST" and step_up.is_due(request):
                raise ReauthenticationRequired
            return view(request, *args, **kwargs)

        wrapper.doing = lambda kept: doing.format(of(kept))  # type: ignore[attr-defined]
        return wrapper

    return decorate
