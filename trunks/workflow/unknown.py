"""Keeping errors from Zoom that the portal cannot explain, for administrators to read."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from trunks.models import MasterAccount, UnknownError, clock
from trunks.models.unknown_error import KEPT
from trunks.workflow import words
from trunks.zoom.errors import ZoomError


def note(master: MasterAccount, error: ZoomError) -> None:
    """Count `error` if the table of explanations does not know it; a new kind only while there is room."""
    if words.explain(error).key != words.UNKNOWN:
        return
    kind = {
        "master": master,
        "status": error.status or 0,
        "code": error.code or 0,
        "message": error.message[:300].replace("\x00", ""),
    }
    seen = {"last_seen_at": clock.now(), "tracking_id": error.tracking_id[:200]}
    with transaction.atomic():
        if UnknownError.objects.filter(**kind).update(count=F("count") + 1, **seen):
            return
        if UnknownError.objects.count() < KEPT:
            # Two processes may meet the same new error at once; the second one's count of one is no loss.
            UnknownError.objects.bulk_create(
                [UnknownError(**kind, first_seen_at=clock.now(), **seen)], ignore_conflicts=True
            )
