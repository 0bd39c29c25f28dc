"""GCRA, the arithmetic of an even rate: pure, so that anything can hold the one number it needs.

Burst is zero on purpose: Zoom's limit is per second, and measured against a sliding second any burst costs a
429. Zoom names no share to aim at; staying under the limit by more than the jitter of the network (as a share
of one second) is what keeps 429s away.
"""


def reserve(tat: float, now: float, *, rate: float, share: float = 1.0) -> tuple[float, float]:
    """Take the next slot; return the new theoretical arrival time and how long to wait before sending.

    `tat` (0 at first) and `now` are seconds on one clock. `rate` is calls per second, `share` the part of it
    to use, above 0 and at most 1.
    """
    if not (rate > 0 and 0 < share <= 1):
        raise ValueError(f"rate {rate} must be above 0, and share {share} above 0 and at most 1")
    slot = max(tat, now)
    return slot + 1 / (rate * share), slot - now


def pause(tat: float, until: float) -> float:
    """Return the arrival time that lets nothing out before `until`, as after a 429 with Retry-After."""
    return max(tat, until)
