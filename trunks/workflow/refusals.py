"""Writing down what somebody was refused: by a verb, or by a page that turned them away before any verb."""

from __future__ import annotations

from hashlib import sha256
from typing import NoReturn

from django.core.cache import cache
from django.db import models

from trunks import audit
from trunks.actions import Action
from trunks.models import User
from trunks.workflow.errors import Refused

# One event for each person and address in ten minutes, and so many in an hour: a script must not flood the trail.
SAME_SECONDS = 600
MOST_AN_HOUR = 30


def refuse(action: Action, what: str, reason: str, *, who: str, actor: User, on: models.Model) -> NoReturn:
    """Write down that `actor` was refused to do `what`, and raise Refused; `who` could do it instead, if anybody.

    In a transaction of its own: not for use inside one that the caller would roll back, because the record must outlive
    what was refused.
    """
    with audit.change():
        audit.record(action, actor=actor, on=on, after={"action": what, "reason": reason})
    raise Refused(reason, who=who)


def note(path: str, reason: str, *, actor: User) -> bool:
    """Record that `actor` was turned away from `path`, unless that is known by now; say whether it was recorded."""
    if not cache.add(f"refused-{actor.pk}-{sha256(path.encode()).hexdigest()}", 1, SAME_SECONDS):
        return False
    counter = f"refused-{actor.pk}"
    cache.add(counter, 0, 3600)
    if cache.incr(counter) > MOST_AN_HOUR:
        return False
    with audit.change():
        audit.record(
            Action.ACCESS_REFUSED, actor=actor, on=actor, after={"path": path[:200], "reason": reason}
        )
    return True
