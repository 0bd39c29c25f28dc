"""Reading again what the rate limit, or a passing failure at Zoom, has kept from being read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings

from trunks.zoom import errors
from trunks.zoom.errors import ZoomError

PATIENCE = 5
SECOND_TRIES = 2  # of a call that fails, where a 429 does not count
Result = TypeVar("Result")


def patiently(read: Callable[[], Result]) -> Result:
    """Read patiently: another app that uses up the rate limit, or an occasional failed call, only slows this down."""
    for _ in range(SECOND_TRIES):
        try:
            return through_limits(read)
        except ZoomError as error:
            if isinstance(error, errors.RateLimited) or not error.retryable:
                raise
            time.sleep(settings.HTTP_DEADLINE_SECONDS / 20)
    return through_limits(read)


def through_limits(read: Callable[[], Result]) -> Result:
    """Read; after a 429 read the same page again, so that a long list continues where it was.

    The next call waits in the rate budget, which raises when the wait would be too long. An account that is not known
    yet has no budget, so the time that Zoom asks for is waited here.
    """
    for _ in range(PATIENCE):
        try:
            return read()
        except errors.HeldBack:
            raise
        except errors.RateLimited as error:
            time.sleep(min(error.wait, settings.HTTP_DEADLINE_SECONDS / 10))
    return read()
