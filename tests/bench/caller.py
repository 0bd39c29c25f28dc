"""A bare client loop with one of several limiters: threads that each call, one call after another, when they may.

Run as a program, also by an interpreter that has the libraries and nothing of the portal. Answers are counted by
the sandbox.
"""

from __future__ import annotations

import argparse
import http.client
import importlib
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

Permit = Callable[[], None]
Learn = Callable[[float, float], None]


def limits_permit(redis_address: str, rate: int) -> Permit:
    """Wait by the library `limits`: a moving window in Redis."""
    limits, storage = importlib.import_module("limits"), importlib.import_module("limits.storage")
    window = limits.strategies.MovingWindowRateLimiter(storage.storage_from_string(redis_address))
    item = limits.RateLimitItemPerSecond(rate)

    def permit() -> None:
        while not window.hit(item, "bench"):
            time.sleep(0.005)

    return permit


def pyrate_permit(redis_address: str, rate: int) -> Permit:
    """Wait by the library `pyrate-limiter`: a bucket in Redis."""
    pyrate, redis = importlib.import_module("pyrate_limiter"), importlib.import_module("redis")
    client = redis.Redis.from_url(redis_address)
    rates = [pyrate.Rate(rate, pyrate.Duration.SECOND)]
    limiter = pyrate.Limiter(pyrate.RedisBucket.init(rates, client, "bench"))
    return lambda: limiter.try_acquire("bench", blocking=True)


def portal_permit(master: int) -> tuple[Permit, Learn]:
    """Wait by the portal's budget, and tell it the round trips."""
    importlib.import_module("django").setup()
    turns, models = importlib.import_module("trunks.turns"), importlib.import_module("trunks.models")
    types = importlib.import_module("trunks.zoom.types")
    row = models.MasterAccount.objects.get(pk=master)
    mine = turns.Turns(row, turns.WORK)

    return lambda: mine.wait(types.Label.LIGHT), partial(mine.answered, types.Label.LIGHT)


def _nothing(_left: float, _heard: float) -> None:
    """Learn nothing."""


def call(options: Any, make: Callable[[], tuple[Permit, Learn]], until: float) -> None:
    """Call until the time is up."""
    permit, learn = make()
    link = http.client.HTTPConnection("127.0.0.1", options.port)
    headers = {"Authorization": f"Bearer {options.token}"}
    while time.monotonic() < until:
        permit()
        began = time.monotonic()
        link.request("GET", options.path, headers=headers)
        answer = link.getresponse()
        answer.read()
        if answer.status == 200:
            learn(began, time.monotonic())
        else:
            time.sleep(1.1)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--limiter", "--path", "--token", "--redis"):
        parser.add_argument(name, default="")
    for name in ("--port", "--rate", "--threads", "--master"):
        parser.add_argument(name, type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    options = parser.parse_args()
    made = {
        "limits": lambda: (limits_permit(options.redis, options.rate), _nothing),
        "pyrate-limiter": lambda: (pyrate_permit(options.redis, options.rate), _nothing),
        "portal": lambda: portal_permit(options.master),
    }[options.limiter]
    if options.limiter == "portal":
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
        importlib.import_module("django").setup()
    until = time.monotonic() + options.seconds
    threads = [threading.Thread(target=call, args=(options, made, until)) for _ in range(options.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
