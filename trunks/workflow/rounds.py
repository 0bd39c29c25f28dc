"""Reading the estates by the clock, each in its turn.

One reading is one task: a worker's time limit ends that of one estate and no other, and whatever keeps one from being
read leaves the others alone. One after the other, so that most workers are free for what people have approved.
"""

from __future__ import annotations

from django.conf import settings
from django.db.models import F, Q, QuerySet

from trunks import dispatch
from trunks.models import MasterAccount, clock
from trunks.workflow import estate


def read_next() -> None:
    """Read the estate whose reading began longest ago, and ring for the next; nothing when none is due."""
    pk = _due().values_list("pk", flat=True).first()
    if pk is None:
        return
    try:
        estate.sync(pk, seconds=estate.TASK_SECONDS, go_on=True)
    finally:
        if _due().exists():
            dispatch.ring_now(dispatch.SYNC_ALL, 0)


def ring_late() -> None:
    """Ring where an estate was not read for one and a half intervals, in case beat is not heard."""
    if _due(1.5).exists():
        dispatch.ring_now(dispatch.SYNC_ALL, 0)


def _due(intervals: float = 0.5) -> QuerySet[MasterAccount]:
    """Return what nobody reads or has begun to within half an interval: beat may ring twice, or a little early."""
    long_ago = Q(sync_started_at=None) | Q(
        sync_started_at__lt=clock.after(-settings.SYNC_SECONDS * intervals)
    )
    # A time that is still to come is from before the database's clock was set back.
    due = MasterAccount.objects.filter(
        long_ago | Q(sync_started_at__gt=clock.after(1)), MasterAccount.unread()
    )
    return due.order_by(F("sync_started_at").asc(nulls_first=True), "pk")
