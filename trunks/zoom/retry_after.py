"""Zoom's Retry-After: an ISO 8601 instant by its documentation, seconds or an HTTP date by the standard."""

import re
from datetime import UTC, datetime, time, timedelta
from email.utils import parsedate_to_datetime

_A_YEAR = 366 * 24 * 3600
_EPOCH, _EPOCH_MS = 1e9, 1e12  # a number from here on is an instant: of seconds since 1970, of milliseconds
LONGEST_WAIT = 3600.0
LONGEST_DAILY_WAIT = 86400.0
LEAST_WAIT = 1.1  # Zoom counts by the second; and the way there
LEAST_DAILY_WAIT = 10.0  # a day's calls that are used up are not asked for each second
CLOCKS_ALIKE, CLOCKS_APART = timedelta(seconds=2), timedelta(days=1)


def retry_at(value: str, *, daily: bool, date: str = "") -> datetime | None:
    """Return the instant of a Retry-After header by this machine's clock, or None when it tells none.

    `date` is the answer's Date header: Zoom's instant is by Zoom's clock, and this machine's may be wrong.
    Daily limits are reset at 00:00 UTC (Zoom staff, developer forum, topic 41094), so a daily limit without a
    usable header ends there. An instant more than a year ahead is brought back to one year; judging it is the
    caller's work.
    """
    now = datetime.now(UTC)
    there = _zooms_time(date, now)
    instant = _instant(value.strip(), there, daily=daily)
    if instant is None or there == now:
        return instant
    # What is over may lie too far back to be shifted.
    return max(instant, there) + (now - there)


def _zooms_time(date: str, now: datetime) -> datetime:
    """Return what time it is at Zoom; a Date that tells whole seconds, or nonsense, is not better than our clock."""
    told = _read(date)
    return told if told and CLOCKS_ALIKE < abs(told - now) < CLOCKS_APART else now


def _instant(value: str, now: datetime, *, daily: bool) -> datetime | None:
    latest = now + timedelta(seconds=_A_YEAR)
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return min(now + timedelta(seconds=min(_seconds(float(value), now), _A_YEAR)), latest)
    if instant := _read(value):
        return min(instant, latest)
    return datetime.combine(now.date() + timedelta(days=1), time(0), UTC) if daily else None


def _read(value: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            instant = read(value)
            aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
            return aware.astimezone(UTC)
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def _seconds(value: float, now: datetime) -> float:
    """Return the seconds from `now` that a number means: it is a span of time, or a Unix time."""
    if value < _EPOCH:
        return value
    return max(0.0, (value / 1000 if value >= _EPOCH_MS else value) - now.timestamp())


def believed(instant: datetime | None, *, daily: bool) -> float:
    """Return the seconds to wait for a limit that is over at `instant`; a little more than one at least, daily ten.

    A daily limit is believed for a day, any other for an hour: an absurd value must not park the work for ever.
    """
    least, longest = (LEAST_DAILY_WAIT, LONGEST_DAILY_WAIT) if daily else (LEAST_WAIT, LONGEST_WAIT)
    if instant is None:
        return least
    # The instant may be cut to whole seconds, and the clocks differ a little.
    wait = (instant - datetime.now(UTC)).total_seconds() + 0.1
    return min(max(wait, least), longest)
