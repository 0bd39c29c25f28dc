"""What reached the sandbox's rate limit, and what is to be said of it: pure figures, and no portal."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from trunks.sandbox import limits
from trunks.sandbox.errors import Refusal
from trunks.sandbox.records import Account
from trunks.sandbox.server import Sandbox

_foreign = threading.local()


class Arrival(NamedTuple):
    """One call at the limit: when (monotonic seconds), whether it passed, and whether another app made it."""

    at: float
    passed: bool
    foreign: bool


class Watch(limits.Limits):
    """The sandbox's limits, with a record of what arrived; a refused call still does not count."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox.world.clock)
        self.arrivals: list[Arrival] = []
        sandbox.limits = self
        sandbox._engine._limits = self

    def take(self, account: Account, label: str) -> None:
        passed = False
        try:
            super().take(account, label)
            passed = True
        finally:
            foreign = getattr(_foreign, "calls", False)
            self.arrivals.append(Arrival(time.monotonic(), passed, foreign))

    def fill(self, account: Account) -> None:
        """Use up the present second, as another app of the account would."""
        _foreign.calls = True
        for _ in range(limits.PER_SECOND[account.rate_plan]["Light"]):
            with suppress(Refusal):
                self.take(account, "Light")
        _foreign.calls = False

    def ours(self) -> list[Arrival]:
        return sorted(arrival for arrival in self.arrivals if not arrival.foreign)


@contextmanager
def limit_of(calls: int) -> Iterator[None]:
    """Have the sandbox allow `calls` Light calls in any one second of an account with the business plan."""
    usual = limits.PER_SECOND["business"]["Light"]
    limits.PER_SECOND["business"]["Light"] = calls
    try:
        yield
    finally:
        limits.PER_SECOND["business"]["Light"] = usual


@contextmanager
def foreign_app(watch: Watch, account: Account, per_second: float) -> Iterator[None]:
    """Have another app of the same account call evenly, whatever it is answered, until the block ends."""
    stop = threading.Event()

    def call() -> None:
        _foreign.calls = True
        due = time.monotonic()
        while not stop.wait(max(0.0, due - time.monotonic())):
            due += 1 / per_second
            with suppress(Refusal):
                watch.take(account, "Light")

    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    try:
        yield
    finally:
        stop.set()
        caller.join()


class Figures(NamedTuple):
    """What a run came to; `used` is the part of the limit, over all and over the middle four fifths of the calls.

    `closest` is how many seconds lay between two calls that are one limit apart, at the least: below one is a 429.
    """

    calls: int
    seconds: float
    used: float
    used_in_the_middle: float
    refused: int
    closest: float

    def __str__(self) -> str:
        return (
            f"{self.calls:5d} calls in {self.seconds:6.1f} s, {self.used:6.1%} of the limit"
            f" ({self.used_in_the_middle:6.1%} in the middle), {self.refused} × 429, closest {self.closest:.3f} s"
        )


def figures(arrivals: Sequence[Arrival], limit: float) -> Figures:
    """Return the figures of some arrivals in the order of time."""
    passed = [arrival.at for arrival in arrivals if arrival.passed]
    refused = sum(not arrival.passed for arrival in arrivals)
    tenth = len(passed) // 10
    middle = passed[tenth : len(passed) - tenth]
    spans = [later - earlier for earlier, later in zip(passed, passed[round(limit) :], strict=False)]
    used = _used(passed, limit), _used(middle, limit)
    return Figures(len(passed), passed[-1] - passed[0], *used, refused, min(spans, default=math.inf))


def _used(moments: Sequence[float], limit: float) -> float:
    seconds = moments[-1] - moments[0] if len(moments) > 1 else math.inf
    return (len(moments) - 1) / seconds / limit


def broken_silences(arrivals: Sequence[Arrival], seconds: float, *, under_way: float) -> int:
    """Return how many calls arrived within `seconds` after a 429.

    Calls that were `under_way` (seconds) when the first 429 of a crowd was answered cannot be called back, and begin
    no silence of their own.
    """
    broken, silent_until, crowd_until = 0, -math.inf, -math.inf
    for arrival in arrivals:
        if arrival.at <= crowd_until:
            continue
        broken += arrival.at < silent_until
        if not arrival.passed:
            silent_until, crowd_until = arrival.at + seconds, arrival.at + under_way
    return broken
