"""Writing down that somebody tried what their roles do not allow, where a page turned them away before any verb."""

from __future__ import annotations

from hashlib import sha256

from django.core.cache import cache

from trunks import audit
from trunks.actions import Action
from trunks.models import User

# One event for each person and address in ten minutes, and so many in an hour: a script must not flood the trail.
SAME_SECONDS = 600
MOST_AN_HOUR = 30


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
