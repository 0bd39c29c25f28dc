"""What letters and webhooks' deliveries have in common: each is taken by one worker, and tried again for a day."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from trunks.models import Delivery, Notice, clock

FIRST_WAIT = 30.0
GIVE_UP_AFTER = timedelta(days=1)

Sendable = TypeVar("Sendable", Notice, Delivery)


def claim(due: QuerySet[Sendable], *, seconds: float) -> Sendable | None:
    """Take the first of what is `due` for so many seconds; None when nothing is, or others are taking it just now.

    What another is taking is passed over: workers that were rung together would wait for each other at every row.
    """
    passing = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        row = due.select_for_update(skip_locked=passing, of=("self",) if passing else ()).first()
        if row is None:
            return None
        row.tries += 1
        type(row)._default_manager.filter(pk=row.pk).update(tries=row.tries, lease_until=clock.after(seconds))
    return row


def write(row: Notice | Delivery, **changes: Any) -> bool:
    """Write what came of it and let go of it, unless the lease ran out and another worker has it now."""
    mine = type(row)._default_manager.filter(pk=row.pk, tries=row.tries)
    return bool(mine.update(lease_until=None, **changes))


def is_over(row: Notice | Delivery) -> bool:
    """Say whether it has been tried for long enough."""
    return timezone.now() - row.made_at >= GIVE_UP_AFTER


def wait_after(tries: int, *, longest: float) -> float:
    """Return the seconds to wait after `tries` failures: doubling from half a minute to `longest`, with jitter."""
    spread = random.uniform(0.75, 1.25)  # noqa: S311  # no secret
    return min(FIRST_WAIT * float(2 ** min(tries, 12)), longest) * spread
