"""A clock that tests and training can push forward, so that nobody waits an hour for a token to expire."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Wall-clock and monotonic time, moved forward together by `advance`."""

    def __init__(self) -> None:
        """Start at the present."""
        self._ahead = 0.0

    def advance(self, seconds: float) -> None:
        """Push the clock forward; raises ValueError for a negative step."""
        if not 0 <= seconds <= 10 * 366 * 86400:
            raise ValueError(f"the clock goes forward, by at most ten years: {seconds!r}")
        self._ahead += seconds

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        """Return seconds that never go back, for windows and delays."""
        return time.monotonic() + self._ahead


def iso(moment: datetime) -> str:
    """Return an instant as Zoom writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
