"""`make bench-budget`: how much of Zoom's rate limit the workers use, and whether they ever exceed it."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from django.core.management import call_command
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations

from tests import trail
from tests.bench import processor
from tests.bench.ground import Ground, ground
from tests.bench.standing import say
from tests.bench.watch import Figures, broken_silences, figures, foreign_app
from tests.processes import PYTHON, ROOT, start
from trunks import connections
from trunks.models import Line, RateBudget, State, SubAccount, TrunkRequest
from trunks.turns import BATCH
from trunks.zoom.retry_after import LEAST_WAIT

# A call that takes a tenth of a second keeps its child for that long: with two each, turns came that nobody waited for.
PROCESSES, CONCURRENCY, THREADS = 4, 3, 6
WARM_UP = 80  # reads at an easy pace, so that the budget knows the jitter


@contextmanager
def fresh(base: Ground, seconds: float, jitter: float) -> Iterator[None]:
    """Begin with an empty record and with what reading an estate has taught the budget."""
    RateBudget.objects.all().delete()
    base.delay(seconds, jitter)
    with connections.client_for(base.master, urgency=BATCH) as client:
        for account in SubAccount.objects.order_by("pk")[:WARM_UP]:
            client.list_trunks(account.zoom_id)
            time.sleep(0.1)
    time.sleep(1.1)
    base.watch.arrivals.clear()
    yield


def carry_out(base: Ground, count: int, *, patience: float) -> tuple[Figures, dict[str, int]]:
    """Have the workers carry out `count` requests and return what the sandbox saw and how they ended."""
    # The workers come first: one that is there earlier than the others would find the requests in a sweep and begin.
    base.work(PROCESSES, CONCURRENCY)
    requests = base.approve(count)
    states: dict[str, int] = {}

    def work() -> None:
        base.ring(requests)
        states.update(base.wait_for(requests, patience))

    base.effort = processor.measured([worker.pid for worker in base.workers], work, count)
    base.rest()
    return figures(base.watch.ours(), base.limit), states


def forget(base: Ground) -> None:
    """Take everything back, so that the next measurement finds sub accounts without trunks."""
    base.sandbox.reset()
    base.account.rate_plan = "business"
    Line.objects.all().delete()
    TrunkRequest.objects.all().delete()


def compare(base: Ground, seconds: float, libraries: Path) -> dict[str, Figures]:
    """Return the figures of the libraries and of the portal's budget, each in the same bare loop."""
    path = f"/v2/accounts/{SubAccount.objects.order_by('pk')[0].zoom_id}/sip_trunk/trunks"
    found = {}
    for limiter in ("limits", "pyrate-limiter", "portal"):
        token = connections.DatabaseTokenStore(base.master).current()
        python = PYTHON if limiter == "portal" else str(libraries)
        options = {
            "--limiter": limiter,
            "--path": path,
            "--token": token.value if token else "",
            "--redis": _redis(limiter),
            "--port": str(base.sandbox.url.rpartition(":")[2]),
            "--rate": str(base.limit),
            "--threads": str(THREADS),
            "--master": str(base.master.pk),
            "--seconds": str(seconds),
        }
        arguments = [part for pair in options.items() for part in pair]
        base.watch.arrivals.clear()
        program: list[str | Path] = [python, ROOT / "tests" / "bench" / "caller.py", *arguments]
        log = base.folder / f"{limiter}.log"
        environment = base.environment | {"PYTHONPATH": str(ROOT)}
        callers = [start(program, log=log, environment=environment) for _ in range(PROCESSES)]
        for caller in callers:
            if caller.popen.wait(seconds + 60):
                raise RuntimeError(caller.output()[-2000:])
        found[limiter] = figures(base.watch.ours(), base.limit)
        time.sleep(1.1)
    return found


def _redis(limiter: str) -> str:
    """Return the address as the library spells it, in a database of its own."""
    address = os.environ["REDIS_URL"].partition("?")[0] + "?db=9"
    return address.replace("unix://", "redis+unix://") if limiter == "limits" else address


def with_foreign_app(base: Ground, count: int, patience: float) -> tuple[Figures, dict[str, int], int]:
    """Carry out requests while another app takes three tenths of the limit; also return the broken silences."""
    with foreign_app(base.watch, base.account, base.limit * 0.3):
        found, states = carry_out(base, count, patience=patience)
    # A call is under way for as long as the network takes; the pause begins when the 429 has come back.
    return found, states, broken_silences(base.watch.ours(), LEAST_WAIT - 0.1, under_way=0.1)


def cost_of_waiting(base: Ground, waiting: int, measured: int) -> float:
    """Return the seconds of work per request, without waiting for turns, beside `waiting` other approved ones.

    Raises RuntimeError when not all that were measured were done: sending back is less work.
    """
    base.approve(waiting, due_in=3600)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as PostgreSQL does by itself within a minute of so many rows
    base.work(1, 1)
    requests = base.approve(measured)
    begun = time.monotonic()

    def work() -> None:
        base.ring(requests)
        if (states := base.wait_for(requests, 120)) != {State.DONE: measured}:
            raise RuntimeError(f"the measured requests ended as {states}")

    base.effort = processor.measured([worker.pid for worker in base.workers], work, measured)
    spent = time.monotonic() - begun
    base.rest()
    return spent / measured


def main(folder: Path, arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=15, help="of each comparison")
    parser.add_argument("--libraries", type=Path, default=ROOT / ".data" / "bench" / "bin" / "python")
    parser.add_argument("--limits", type=int, nargs="*", default=[80, 20])
    parser.add_argument("--jitters", type=float, nargs="*", default=[0.02, 0.1], help="in seconds")
    parser.add_argument("--only", default="", help="calls, libraries, foreign or cost")
    options = parser.parse_args(arguments)
    for limit in options.limits:
        for jitter in options.jitters:
            with ground(folder, {}, sub_accounts=options.requests, limit=limit) as base:
                _measure(base, jitter, options)
            _empty()
    for waiting in (500, 10_000) if options.only in ("", "cost") else ():
        with ground(folder, {}, sub_accounts=waiting + 100) as base:
            spent = cost_of_waiting(base, waiting, 100)
        say(f"one worker process, {waiting} others waiting: {spent * 1000:.0f} ms per request; {base.effort}")
        _empty()
    with ground(folder, {}, sub_accounts=options.requests) as base:
        if options.only in ("", "foreign"):
            with fresh(base, 0, 0.02):
                found, states, broken = with_foreign_app(base, options.requests, 900)
            say(f"80/s, another app takes 30 %: {found}; {broken} calls broke a silence; {states}")
    _empty()


def _measure(base: Ground, jitter: float, options: argparse.Namespace) -> None:
    name = f"{base.limit}/s, {jitter * 1000:.0f} ms jitter"
    if options.only in ("", "calls"):
        with fresh(base, 0, jitter):
            found, states = carry_out(base, options.requests, patience=options.requests)
        say(f"{name}: {found}; {states}")
        say(f"  {base.effort}")
        forget(base)
    if options.only in ("", "libraries") and "REDIS_URL" in os.environ:
        with fresh(base, 0, jitter):
            for limiter, seen in compare(base, options.seconds, options.libraries).items():
                say(f"{name}, bare loop, {limiter:14}: {seen}")


def _empty() -> None:
    """Begin anew, trail and all; only a test database lets its guards be lifted."""
    with patch.object(BaseDatabaseOperations, "execute_sql_flush", trail.flush):
        call_command("flush", interactive=False, verbosity=0)
