"""Zoom's account-level rate limits: so many calls per label in any one second, and so many per day."""

import threading
from collections import Counter, deque
from datetime import datetime, timedelta
from typing import NamedTuple

from trunks.sandbox import errors
from trunks.sandbox.clock import Clock, iso
from trunks.sandbox.records import Account

PER_SECOND = {
    "free": {"Light": 4, "Medium": 2},
    "pro": {"Light": 30, "Medium": 20},
    "business": {"Light": 80, "Medium": 60},
}
PER_DAY = {"free": {"Light": 6000, "Medium": 2000}}
WINDOW_SECONDS = 1.0


class Bucket(NamedTuple):
    """Whose limit, and of which label: all apps of an account share one."""

    account_id: str
    label: str


class Limits:
    """Counts calls; a refused call does not count."""

    def __init__(self, clock: Clock, enabled: bool = True) -> None:
        """Count by `clock`; when not `enabled`, everything passes."""
        self._clock = clock
        self.enabled = enabled
        self._lock = threading.Lock()
        self._recent: dict[Bucket, deque[float]] = {}
        self._today: Counter[tuple[Bucket, str]] = Counter()

    def take(self, account: Account, label: str) -> None:
        """Count one call; raises the 429 refusal when the second or the day is used up."""
        if not self.enabled:
            return
        with self._lock:
            self._take(account, label)

    def _take(self, account: Account, label: str) -> None:
        bucket, now = Bucket(account.id, label), self._clock.now()
        per_day = account.daily_limit or PER_DAY.get(account.rate_plan, {}).get(label, 0)
        today = (bucket, now.strftime("%Y-%m-%d"))
        if per_day and self._today[today] >= per_day:
            raise daily_refusal(label, per_day, next_midnight(now))
        recent = self._recent.setdefault(bucket, deque())
        moment = self._clock.monotonic()
        while recent and recent[0] <= moment - WINDOW_SECONDS:
            recent.popleft()
        per_second = PER_SECOND[account.rate_plan][label]
        if len(recent) >= per_second:
            raise qps_refusal(label, per_second)
        recent.append(moment)
        self._today[today] += 1

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._recent.clear()
            self._today.clear()


def qps_refusal(label: str, limit: int) -> errors.Refusal:
    """Return the 429 of the per-second limit, which has no Retry-After."""
    return errors.Refusal(429, {"code": 429, "message": errors.QPS}, _headers(label, "QPS", limit))


def daily_refusal(label: str, limit: int, until: datetime) -> errors.Refusal:
    """Return the 429 of the daily limit; its Retry-After is an instant, not seconds."""
    headers = _headers(label, "Daily-limit", limit) | {"Retry-After": iso(until)}
    return errors.Refusal(429, {"code": 429, "message": errors.DAILY}, headers)


def concurrency_refusal() -> errors.Refusal:
    """Return the 429 of parallel work on one resource; no text gives it headers."""
    return errors.Refusal(429, {"code": 429, "message": errors.CONCURRENT})


def quota_headers(label: str, limit: int) -> dict[str, str]:
    """Return what callers have seen instead of the documented headers: the account's quota, far from used up."""
    return {
        "X-RateLimit-Category": label,
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(limit - limit // 50),
    }


def next_midnight(now: datetime) -> datetime:
    """Return when the daily limits begin anew: 00:00 UTC."""
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _headers(label: str, kind: str, limit: int) -> dict[str, str]:
    return {
        "X-RateLimit-Category": label,
        "X-RateLimit-Type": kind,
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": "0",
    }
