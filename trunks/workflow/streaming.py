"""The audit trail, streamed to a SIEM: in order, at least once, from where it stopped.

Events become visible in the order of their numbers, so one number says what has arrived. It is moved after a batch has
arrived, by whoever holds the lease: a crash between the two sends that batch again, and leaves nothing out. Nothing of
this is in the way of a change, and a receiver that is down is tried again.
"""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.db.models import F, Q, QuerySet

from trunks import audit_chain, audit_export, dispatch, ocsf
from trunks.models import AuditStream, clock
from trunks.receivers import Receiver

LEASE_SECONDS = 60.0
RUN_SECONDS = 30.0  # then somebody else may have the worker
LONGEST_WAIT_SECONDS = 300.0
# After a failure, until all has arrived: a receiver that takes no whole batch in time would get the same one for ever.
FEW = 100

logger = logging.getLogger(__name__)


def ring_due() -> None:
    """Ring for what has not been streamed; a receiver that failed is let rest, each time for longer."""
    if settings.AUDIT_STREAM is None:
        return
    row, _ = AuditStream.objects.get_or_create(pk=1)
    if _free().exists() and row.position < audit_chain.ends()[0].position:
        dispatch.ring_now(dispatch.STREAM, 0)


def stream() -> int:
    """Send all that has not arrived, batch by batch, for half a minute at most; return how many events were sent."""
    receiver = settings.AUDIT_STREAM
    fence = _claim() if receiver else None
    if receiver is None or fence is None:
        return 0
    sent, end = 0, time.monotonic() + RUN_SECONDS
    while time.monotonic() < end:
        number = _send(receiver, fence)
        sent += number
        if not number:
            break
    AuditStream.objects.filter(pk=1, fence=fence).update(lease_until=None)
    return sent


def lag() -> tuple[int, float]:
    """Return by how many events the receiver is behind, and for how many seconds the first of them waits."""
    position = AuditStream.objects.values_list("position", flat=True).first() or 0
    behind = audit_chain.ends()[0].position - position
    first = audit_chain.moment_of(audit_chain.at(position + 1)) if behind > 0 else None
    return max(behind, 0), max((clock.read() - first).total_seconds(), 0.0) if first else 0.0


def _claim() -> int | None:
    """Take the lease, and return its fence; None when somebody else is sending, or the receiver is let rest."""
    AuditStream.objects.get_or_create(pk=1)
    if not _free().update(fence=F("fence") + 1, lease_until=clock.after(LEASE_SECONDS)):
        return None
    return AuditStream.objects.get(pk=1).fence


def _free() -> QuerySet[AuditStream]:
    return AuditStream.objects.filter(clock.unleased(), Q(next_at=None) | Q(next_at__lte=clock.now()), pk=1)


def _send(receiver: Receiver, fence: int) -> int:
    """Send the next batch, then advance the position; return 0 when there is none or it did not arrive.

    If the lease ran out meanwhile, another worker sends the same batch, and this one advances nothing.
    """
    row = AuditStream.objects.get(pk=1)
    position = row.position
    rows = audit_export.following(position)[: FEW if row.failures else None]
    if not rows:
        AuditStream.objects.filter(pk=1, fence=fence, failures__gt=0).update(failures=0)
        return 0
    try:
        receiver.deliver([ocsf.line(row) for row in rows])
    except OSError as error:
        _let_rest(fence, error)
        return 0
    arrived = {"failures": min(row.failures, 1), "next_at": None, "lease_until": clock.after(LEASE_SECONDS)}
    held = AuditStream.objects.filter(pk=1, fence=fence, position=position)
    moved = held.update(position=rows[-1]["id"], **arrived)
    return len(rows) if moved else 0


def _let_rest(fence: int, error: OSError) -> None:
    row = AuditStream.objects.get(pk=1)
    wait = min(settings.SWEEP_SECONDS * 2.0 ** min(row.failures, 16), LONGEST_WAIT_SECONDS)
    logger.warning(
        "The audit trail cannot be streamed to AUDIT_STREAM: %s. Next try in %.0f s.",
        error.strerror or type(error).__name__,
        wait,
    )
    AuditStream.objects.filter(pk=1, fence=fence).update(
        failures=F("failures") + 1, next_at=clock.after(wait)
    )
