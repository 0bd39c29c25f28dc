"""Deleting letters and webhooks' deliveries that ended long ago. What they told of stays: requests and the audit trail.

Their occasions stay as well: the key of each keeps the same thing from being told of twice.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings

from trunks.models import Delivery, Notice, Sending, State, clock

# 5,000 of each an hour: beside it nobody waits, and what has gathered over years is gone in days.
PIECE = 500
PIECES = 10
ENDED = (Sending.SENT, Sending.SPARED, Sending.FAILED)

logger = logging.getLogger(__name__)


def forget_ended() -> None:
    """Delete what ended and was made more than OUTBOX_DAYS ago, at most 5,000 of each. 0 days keep all."""
    if not settings.OUTBOX_DAYS:
        return
    since = clock.read() - timedelta(days=settings.OUTBOX_DAYS)
    gone = {model.__name__: _forget(model, since) for model in (Notice, Delivery)}
    if any(gone.values()):
        logger.info("What ended before %s is deleted: %s.", since.date(), gone)


def _forget(model: type[Notice | Delivery], since: datetime) -> int:
    gone = place = 0
    for _ in range(PIECES):
        piece = list(
            model._default_manager.filter(pk__gt=place).order_by("pk").values_list("pk", "made_at")[:PIECE]
        )
        # By the key, that grows with time: no index is needed, and only what is old is read.
        if not any(made_at < since for _, made_at in piece):
            break
        place = piece[-1][0]
        # Asked once more as it is deleted: somebody may just have it sent again.
        ended = {"pk__in": _old(model, [pk for pk, _ in piece]), "sending__in": ENDED, "made_at__lt": since}
        gone += model._default_manager.filter(**ended).delete()[0]
    return gone


def _old(model: type[Notice | Delivery], pks: list[int]) -> list[int]:
    """Return those of the rows that nothing goes by any more: who was told of what still waits is not told again."""
    rows = model._default_manager.filter(pk__in=pks)
    if model is Notice:
        rows = rows.exclude(occasion__trunk_request__state=State.PENDING)
    return list(rows.values_list("pk", flat=True))
