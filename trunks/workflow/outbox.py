"""What letters and webhooks' deliveries have in common: each is taken by one worker, and tried again for a day."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from trunks.compiled import Param
from trunks.compiled_writing import Updates
from trunks.models import Delivery, Notice, clock

TURN = 20.0  # then the worker does other work first: requests must not wait behind a slow receiver
FIRST_WAIT = 30.0
GIVE_UP_AFTER = timedelta(days=1)

Sendable = TypeVar("Sendable", Notice, Delivery)


def first_free(due: QuerySet[Sendable], *also: str) -> QuerySet[Sendable]:
    """Return the query that locks the first of what is `due`, but for what another is taking just now.

    Workers that were rung together would wait for each other at every row. `also` names rows beside it to be locked.
    """
    passing = connection.features.has_select_for_update_skip_locked
    of = ("self", *also) if passing else ()
    return due.select_for_update(skip_locked=passing, of=of, no_key=True)[:1]


def one_round(most: int) -> Iterator[int]:
    """Count to `most`, but begin nothing more when a turn's seconds are over; what is left the sweep rings for."""
    ends = time.monotonic() + TURN
    for number in range(most):
        if number and time.monotonic() > ends:
            return
        yield number


def claim(first: Callable[[], Iterable[Sendable]], *, seconds: float) -> Sendable | None:
    """Take what `first` finds, which is one that is free, for so many seconds; None when there is none."""
    with transaction.atomic():
        row = next(iter(first()), None)
        if row is None:
            return None
        row.tries += 1
        _TAKEN[type(row)].update({"pk": row.pk}, tries=row.tries, lease_until=clock.after(seconds))
    return row


def write(row: Notice | Delivery, **changes: Any) -> bool:
    """Write what came of it and let go of it, unless the lease ran out and another worker has it now."""
    return bool(_HELD[type(row)].update({"pk": row.pk, "tries": row.tries}, lease_until=None, **changes))


def _taken(model: type[Any]) -> Updates:
    return Updates(lambda: model.objects.filter(pk=Param("pk")))


def _held(model: type[Any]) -> Updates:
    return Updates(lambda: model.objects.filter(pk=Param("pk"), tries=Param("tries")))


_TAKEN = {model: _taken(model) for model in (Notice, Delivery)}
_HELD = {model: _held(model) for model in (Notice, Delivery)}


def is_over(row: Notice | Delivery) -> bool:
    """Say whether it has been tried for long enough."""
    return timezone.now() - row.made_at >= GIVE_UP_AFTER


def wait_after(tries: int, *, longest: float) -> float:
    """Return the seconds to wait after `tries` failures: doubling from half a minute to `longest`, with jitter."""
    spread = random.uniform(0.75, 1.25)  # noqa: S311  # no secret
    return min(FIRST_WAIT * float(2 ** min(tries, 12)), longest) * spread
