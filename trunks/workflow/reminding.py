"""Telling people of requests that wait too long: first those who can decide, then others. Upkeep calls it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from trunks.models import Occasion, State, Topic, TrunkRequest
from trunks.workflow import occasions, waiting

BATCH = 200


def tell() -> None:
    """Remind of, and escalate, what is due for it, each once since the request last changed."""
    _tell(Topic.REMINDER, settings.REMIND_DAYS, waiting.remind_at)
    _tell(Topic.ESCALATED, settings.REMIND_DAYS + settings.ESCALATE_DAYS, waiting.escalate_at)


def _tell(topic: Topic, days: float, due_at: Callable[[TrunkRequest], datetime]) -> None:
    told = Occasion.objects.filter(trunk_request=OuterRef("pk"), topic=topic, at__gte=OuterRef("changed_at"))
    # Business days pass no quicker than the calendar's; an hour for the night in which the clocks change.
    since = timezone.now() - timedelta(days=days) + timedelta(hours=1)
    late = TrunkRequest.objects.filter(~Exists(told), state=State.PENDING, changed_at__lte=since)
    for trunk_request in late.with_names().order_by("changed_at")[:BATCH]:
        if timezone.now() >= due_at(trunk_request) and not waiting.is_over(trunk_request):
            key = f"{topic}:{trunk_request.pk}:{trunk_request.version}"
            occasions.note_once(topic, trunk_request, key, {})
