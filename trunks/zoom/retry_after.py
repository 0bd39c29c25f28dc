"""Zoom's Retry-After: an ISO 8601 instant by its documentation, seconds or an HTTP date by the standard."""

import re
from datetime import UTC, datetime, time, timedelta
from email.utils import parsedate_to_datetime

_A_YEAR = 366 * 24 * 3600


def retry_at(value: str, *, daily: bool) -> datetime | None:
    """Return the instant of a Retry-After header, or None when it tells none.

    Daily limits are reset at 00:00 UTC (Zoom staff, developer forum, topic 41094), so a daily limit without a
    usable header ends there. An instant more than a year ahead is brought back to one year; judging it is the
    caller's work.
    """
    value = value.strip()
    now = datetime.now(UTC)
    latest = now + timedelta(seconds=_A_YEAR)
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return min(now + timedelta(seconds=min(float(value), _A_YEAR)), latest)
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            instant = read(value)
            aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
            return min(aware.astimezone(UTC), latest)
        except (ValueError, TypeError, OverflowError):
            continue
    return datetime.combine(now.date() + timedelta(days=1), time(0), UTC) if daily else None
