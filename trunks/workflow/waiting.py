"""How long a request may wait for people, and from when on it may go to Zoom: by time stamps, not by a sweep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models.expressions import Combinable
from django.utils import timezone

from trunks.models import State, TrunkRequest, clock
from trunks.workflow import endings

FARTHEST = timedelta(days=365)


def expires_at(trunk_request: TrunkRequest) -> datetime:
    """Return when a request that nobody acts on ends: EXPIRY_DAYS business days after it last changed."""
    return _after(trunk_request, settings.EXPIRY_DAYS)


def remind_at(trunk_request: TrunkRequest) -> datetime:
    """Return when those who can decide are told once more."""
    return _after(trunk_request, settings.REMIND_DAYS)


def escalate_at(trunk_request: TrunkRequest) -> datetime:
    """Return when others are told that nobody has decided: ESCALATE_DAYS after the reminder."""
    return _after(trunk_request, settings.REMIND_DAYS + settings.ESCALATE_DAYS)


def is_over(trunk_request: TrunkRequest) -> bool:
    """Say whether the request has expired by now, even if no sweep has written it down yet."""
    waits = trunk_request.state in (State.PENDING, State.SENT_BACK)
    return waits and timezone.now() >= expires_at(trunk_request)


def over_words() -> str:
    return f"It has expired: nobody acted on it for {settings.EXPIRY_DAYS:g} business days."


def standing(trunk_request: TrunkRequest) -> str:
    """Return how the waiting stands, in words; "" for a request that waits for nobody."""
    if trunk_request.state not in (State.PENDING, State.SENT_BACK):
        return ""
    if is_over(trunk_request):
        return f"{over_words()} Nobody can decide on it any more; {endings.follows(trunk_request.kind)}."
    now = timezone.now()
    left = int(settings.CALENDAR.between(now, expires_at(trunk_request)))
    days = "business day" if left == 1 else "business days"
    expires = f"expires in {left} {days}" if left else "expires within a business day"
    late = trunk_request.state == State.PENDING and now >= escalate_at(trunk_request)
    return f"Overdue: nobody has decided in time. It {expires}." if late else f"It {expires} if nobody acts."


def window_problem(moment: datetime | None) -> str:
    """Return what is wrong with a change window that begins at `moment`, or ""."""
    if moment is None or timezone.now() <= moment <= timezone.now() + FARTHEST:
        return ""
    return "This time is in the past." if moment < timezone.now() else "At most a year ahead."


def window_opens(trunk_request: TrunkRequest) -> datetime | None:
    """Return the time before which the request may not go to Zoom, while that is ahead."""
    ahead = trunk_request.not_before and trunk_request.not_before > timezone.now()
    return trunk_request.not_before if ahead else None


def first_try(trunk_request: TrunkRequest) -> Combinable | datetime | None:
    """Return when an approved request may first be taken up: after the grace period, in its window; None for now."""
    grace = settings.GRACE_SECONDS
    opens = window_opens(trunk_request)
    if opens and opens > timezone.now() + timedelta(seconds=grace):
        return opens
    return clock.after(grace) if grace else None


def window_content(moment: datetime | None) -> dict[str, str]:
    """Return the window as part of what an approval binds; nothing without one, so that digests stay what they were."""
    return {"not_before": moment.astimezone(UTC).isoformat()} if moment else {}


def _after(trunk_request: TrunkRequest, days: float) -> datetime:
    moment: datetime = settings.CALENDAR.after(trunk_request.changed_at, days)
    return moment
