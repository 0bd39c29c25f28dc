"""When the person of a session last proved who they are, for what a stolen or forgotten session must not do."""

from __future__ import annotations

import time

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.http import HttpRequest

KEY = "proved_at"


def mark(request: HttpRequest) -> None:
    """Note that the person has proved who they are just now."""
    request.session[KEY] = time.time()


def is_recent(request: HttpRequest, seconds: float) -> bool:
    """Say whether the person has proved who they are in this session within the last `seconds`."""
    proofs = [record["at"] for record in get_authentication_records(request, request.user)]
    # A clock that was put back must not make an old proof a fresh one for long.
    age: float = time.time() - max([*proofs, request.session.get(KEY, 0.0)])
    return abs(age) <= seconds


def is_due(request: HttpRequest) -> bool:
    """Say whether the person has to prove again who they are before what is protected."""
    seconds: float = settings.STEP_UP_SECONDS
    return seconds > 0 and not is_recent(request, seconds)
