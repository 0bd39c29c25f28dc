"""How Zoom turns the portal away: a limit, told in every form that is known, and credentials that it does not take."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tests.faults.moments import VirtualTime
from trunks.sandbox.exchange import Answer

PER_SECOND = b'{"code": 429, "message": "You have reached the maximum per-second rate limit for this API."}'
DAILY = b'{"code": 429, "message": "You have reached the maximum daily rate limit for this API."}'
REFUSED = b'{"code": 124, "message": "Invalid access token."}'
# What Retry-After says of a moment some seconds ahead, and how far ahead that may be; absent says nothing.
FORMS: dict[str, Callable[[datetime, int], str]] = {
    "absent": lambda now, seconds: "",
    "seconds": lambda now, seconds: str(seconds),
    "HTTP date": lambda now, seconds: format_datetime(now + timedelta(seconds=seconds), usegmt=True),
    "instant": lambda now, seconds: f"{now + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}",
    "absurd": lambda now, seconds: f"{now + timedelta(days=10):%Y-%m-%dT%H:%M:%SZ}",
    "nonsense": lambda now, seconds: "soon",
}
WHILES = (20, 400, 4_000, 100_000)  # seconds for which credentials are refused


class Refusing:
    """Its own row of random numbers, so that a seed plays the same schedule without it."""

    def __init__(self, moments: VirtualTime, seed: int) -> None:
        self.moments = moments
        self.chance = random.Random(f"refusing {seed}")  # noqa: S311  # repeatable on purpose
        self.active = self.chance.random() < 0.3
        self.until = 0.0
        self.limits = 0  # how many of the next calls are above the limit, because another app uses it too

    def maybe(self) -> None:
        """Now and then, refuse the app from now on, as when its secret was changed at Zoom, or the next calls."""
        if not self.active:
            return
        draw = self.chance.random()
        if draw < 0.1:
            self.until = self.moments.seconds + self.chance.choice(WHILES)
        elif draw < 0.4:
            self.limits = self.chance.choice((1, 1, 2, 5))

    def end(self) -> None:
        """Take the credentials again, as when somebody has mended them, and have room for every call."""
        self.until, self.limits = 0.0, 0

    @property
    def now(self) -> bool:
        return self.moments.seconds < self.until

    def answer(self) -> Answer | None:
        """Return how the call that has come is turned away, if it is."""
        if self.now:
            return Answer(401, REFUSED)
        if not self.limits:
            return None
        self.limits -= 1
        return self.limited()

    def limited(self) -> Answer:
        """Return a 429 of a limit of the second or of the day, which tells its end in one of the forms, or does not."""
        daily = self.chance.random() < 0.4
        seconds = self.chance.choice((2, 90, 7_200)) if daily else self.chance.choice((1, 7, 40))
        there = self.moments.now().astimezone(UTC)
        headers = {"Date": format_datetime(there, usegmt=True)}
        if told := self.chance.choice(list(FORMS.values()))(there, seconds):
            headers["Retry-After"] = told
        if self.chance.random() < 0.5:
            headers["X-RateLimit-Type"] = "Daily-limit" if daily else "QPS"
        return Answer(429, DAILY if daily else PER_SECOND, headers)
