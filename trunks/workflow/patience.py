"""Reading again what another app, or a bad moment of Zoom's, has kept from being read."""

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
    """Read; another app that eats the shared rate limit, or a call that fails now and then, makes this slower."""
    for _ in range(SECOND_TRIES):
        try:
            return through_limits(read)
        except ZoomError as error:
            if isinstance(error, errors.RateLimited) or not error.retryable:
                raise
            time.sleep(settings.HTTP_DEADLINE_SECONDS / 20)
    return through_limits(read)


def through_limits(read: Callable[[], Result]) -> Result:
    """Read; after a 429 read again, so that a long list is gone on with where it stood.

    The next call waits in the budget, and gives up there when that is too long; an account that nobody knows yet has
    no budget, so that what Zoom asks for is waited here.
    """
    for _ in range(PATIENCE):
        try:
            return read()
        except errors.HeldBack:
            raise
        except errors.RateLimited as error:
            time.sleep(min(error.wait, settings.HTTP_DEADLINE_SECONDS / 10))
    return read()
