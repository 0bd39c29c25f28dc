"""The shared cache: Redis, written as data alone, and what takes its place while it is away.

Django would pickle the values, and whoever can write to Redis, which asks nobody for a password, could then run code in
every process that reads one, and with it have the keys that Redis never holds.
"""

import json
import logging
import time
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError, ResponseError

logger = logging.getLogger(__name__)

# A Redis that hangs costs each question three seconds, and signing in asks it more than ten times.
AWAY_SECONDS = 5.0
# One that has no room, or may not write, still reads out old counts: they must not often take turns with the new ones.
REFUSED_SECONDS = 60.0
_away_until = 0.0


class JsonSerializer:
    """Writes numbers as they are, so that Redis can count with them, and all else as JSON."""

    def dumps(self, value: object) -> int | bytes:
        # A truth value is an int to isinstance, and Redis knows none.
        return value if type(value) is int else json.dumps(value).encode()

    def loads(self, data: bytes) -> object:
        return json.loads(data)


class SharedCache(RedisCache):
    """Redis and, whenever it cannot be reached or refuses, the process's own memory for a while.

    Rate limits still apply then, counted by each web process alone: without Redis people can sign in, prove again who
    they are, and approve. Only what the portal uses of a cache is covered: add, get, set, incr and delete.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._own = LocMemCache("while Redis is away", {"MAX_ENTRIES": 10_000})

    def add(self, key: str, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask("add", key, *args, **kwargs))

    def get(self, key: str, *args: Any, **kwargs: Any) -> Any:
        return self._ask("get", key, *args, **kwargs)

    def set(self, key: str, *args: Any, **kwargs: Any) -> None:
        self._ask("set", key, *args, **kwargs)

    def incr(self, key: str, *args: Any, **kwargs: Any) -> int:
        return int(self._ask("incr", key, *args, **kwargs))

    def delete(self, key: str, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask("delete", key, *args, **kwargs))

    def _ask(self, what: str, *args: Any, **kwargs: Any) -> Any:
        global _away_until  # Django makes a cache for each thread, and all of them are to know
        if time.monotonic() >= _away_until:
            try:
                return getattr(super(), what)(*args, **kwargs)
            except RedisError as error:
                refused = isinstance(error, ResponseError)
                _away_until = time.monotonic() + (REFUSED_SECONDS if refused else AWAY_SECONDS)
                logger.warning(
                    "Redis %s, so each process counts attempts by itself: %s",
                    "refuses" if refused else "cannot be reached",
                    type(error).__name__,
                )
        return getattr(self._own, what)(*args, **kwargs)
