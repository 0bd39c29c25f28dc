"""When the person of a session last proved who they are, for what a stolen or forgotten session must not do."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from allauth.account.utils import get_next_redirect_url
from allauth.core.internal.urlkit import script_aware_resolve
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, QueryDict
from django.utils.text import Truncator

from trunks.models import User

KEY = "proved_at"
NAME_LENGTH = 80


@dataclass(frozen=True)
class Kept:
    """A post that allauth keeps in the session until its person has proved who they are."""

    user: User
    path: str
    post: QueryDict

    @classmethod
    def of(cls, request: HttpRequest) -> Kept | None:
        state = request.session.get(STATE_SESSION_KEY) or {}
        if not isinstance(request.user, User) or "request" not in state:
            return None
        kept = json.loads(state["request"])
        return cls(request.user, kept["path"], QueryDict(kept["POST"]))

    @classmethod
    def awaited(cls, request: HttpRequest) -> Kept | None:
        """Return what the proof that this page asks for will carry out; allauth drops all else that is kept."""
        kept = cls.of(request)
        return kept if kept and kept.path == get_next_redirect_url(request) else None

    @property
    def args(self) -> dict[str, Any]:
        """Return what the address names, as its view gets it."""
        kwargs: dict[str, Any] = script_aware_resolve(self.path).kwargs
        return kwargs

    @property
    def again(self) -> str:
        """Return the name of what is not kept and has to be entered again, or ""."""
        return getattr(self._view, "again", "")

    @property
    def _view(self) -> Any:
        return script_aware_resolve(self.path).func

    @property
    def doing(self) -> str:
        """Return in a few words what is going to be done, "" where the person may not know of what it is about."""
        words = getattr(self._view, "doing", None)
        try:
            return Truncator(words(self) if words else "").chars(NAME_LENGTH)
        except (Http404, PermissionDenied):
            return ""


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
