"""Asking again who it is before what a stolen or forgotten session must not do."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest, HttpResponse, QueryDict

from trunks import step_up
from trunks.step_up import Kept

Parameters = ParamSpec("Parameters")
Request = TypeVar("Request", bound=HttpRequest)
View = Callable[Concatenate[Request, Parameters], HttpResponse]


def proof_required(
    doing: str, of: Callable[[Kept], object] = lambda _: "", *, secret: str = ""
) -> Callable[[View[Request, Parameters]], View[Request, Parameters]]:
    """Let a post through only soon after the person has proved who they are (STEP_UP_SECONDS).

    Otherwise allauth keeps the whole post in the session, asks, and carries it out after the answer: nothing that was
    typed is lost. The verb asks its own rules then, so that what has become stale meanwhile is refused as ever.

    The page that asks says what for: `doing`, whose {} is what `of` names. What the person may not know of it raises.
    A field that is a `secret` must not lie in the session: the proof is asked for before the form is shown, and a form
    over which it grew old comes back without it.
    """

    def decorate(view: View[Request, Parameters]) -> View[Request, Parameters]:
        @wraps(view)
        def wrapper(request: Request, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponse:
            if (secret or request.method == "POST") and step_up.is_due(request):
                request.POST = _without(secret, request.POST)  # type: ignore[assignment]  # one that can be changed
                raise ReauthenticationRequired
            return view(request, *args, **kwargs)

        wrapper.doing = lambda kept: doing.format(of(kept))  # type: ignore[attr-defined]
        wrapper.again = secret.replace("_", " ")  # type: ignore[attr-defined]
        return wrapper

    return decorate


def _without(name: str, posted: QueryDict) -> QueryDict:
    rest = posted.copy()
    rest.pop(name, None)
    return rest
