"""Business days: time that passes only on the days on which people are at work. Pure functions, no settings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MOST_DAYS = 3660  # ten years: a calendar without business days must not be searched for ever


@dataclass(frozen=True)
class Calendar:
    """Which days count, in which zone: `weekdays` as Python has them (Monday is 0), without `holidays`."""

    weekdays: frozenset[int]
    zone: ZoneInfo
    holidays: Collection[date] = frozenset()

    def is_business_day(self, day: date) -> bool:
        return day.weekday() in self.weekdays and day not in self.holidays

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def after(self, moment: datetime, days: float) -> datetime:
        """Return the moment at which `days` business days have passed since `moment` (UTC).

        A business day has 24 hours of the clock on the wall: from Friday 10:00, one business day later is Monday
        10:00. Whatever begins on a day that does not count begins with the next that does.
        """
        clock, left = self.local(moment).replace(tzinfo=None), timedelta(days=days)
        for _ in range(MOST_DAYS):
            midnight = datetime.combine(clock.date() + DAY, time())
            if self.is_business_day(clock.date()):
                if left <= midnight - clock:
                    break
                left -= midnight - clock
            clock = midnight
        return (clock + left).replace(tzinfo=self.zone).astimezone(UTC)

    def between(self, start: datetime, end: datetime) -> float:
        """Return how many business days pass from `start` to `end`; 0 when `end` is not later."""
        clock, until = (self.local(moment).replace(tzinfo=None) for moment in (start, end))
        passed = timedelta()
        while clock < until:
            stop = min(datetime.combine(clock.date() + DAY, time()), until)
            if self.is_business_day(clock.date()):
                passed += stop - clock
            clock = stop
        return passed / DAY
