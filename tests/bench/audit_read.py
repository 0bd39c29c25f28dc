"""`make bench-audit`: what a page of the audit trail takes, at any depth and filter, beside others' lists."""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal import memory
from tests import cast
from tests.bench import events, goals
from tests.bench.standing import say
from tests.processes import ROOT
from trunks import audit_index
from trunks.models import Heartbeat, Role, User
from trunks.models.audit_event import AuditEvent, AuditHead

WARM_UP = 200  # each way of filtering is compiled and planned when a process first comes to it
SEARCHED = 60  # times each, so that a single late one is not the 95th of a hundred
RANDOM = "random pages, depth x filter"
NEVER = "filters never together"


@dataclass(frozen=True)
class Times:
    """Seconds that pages took, sorted."""

    seconds: list[float]

    @property
    def p50(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        return self.seconds[int(len(self.seconds) * 0.95)]

    def __str__(self) -> str:
        shown = [f"{value * 1000:.1f}" for value in (self.p50, self.p95, self.seconds[-1])]
        return "p50 {} ms, p95 {} ms, max {} ms".format(*shown)


def reader() -> Client:
    """Return the browser of a manager, in this process: what it costs is counted."""
    manager = User.objects.filter(email="mona-bench@example.com").first()
    # A worker is there, as it is where people read; its row is not to grow old meanwhile.
    seen = {"at": timezone.now() + timedelta(days=1)}
    Heartbeat.objects.update_or_create(name=Heartbeat.WORKER, defaults=seen)
    memory.settle()  # as a web server's process does at its start
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(
        manager or cast.person("Mona Bench", Role.MANAGER),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client


def timed(client: Client, addresses: Iterator[str] | list[str]) -> Times:
    return Times(sorted(_one(client, address) for address in addresses))


def _one(client: Client, address: str) -> float:
    begun = time.perf_counter()
    answer = client.get(address)
    spent = time.perf_counter() - begun
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")
    return spent


def filters(chance: random.Random) -> Iterator[str]:
    """Yield filters as they stand in an address: of every kind, alone and in twos; values that occur."""
    newest = AuditHead.objects.get().position
    kinds: dict[str, Callable[[AuditEvent], Any]] = {
        "actor": lambda event: event.actor_id,
        "action": lambda event: event.action,
        "outcome": lambda event: event.outcome,
        "object_type": lambda event: event.object_type,
        "master": lambda event: event.master_id,
        "sub_account": lambda event: event.sub_account_id,
        "dnis": lambda event: event.dnis.partition(" ")[0],
        "ip": lambda event: event.ip,
    }
    while True:
        names = chance.sample(sorted(kinds), chance.randrange(3))
        drawn = [AuditEvent.objects.get(pk=chance.randint(1, newest)) for _ in names]
        values = {name: kinds[name](event) for name, event in zip(names, drawn, strict=True)}
        yield "&".join(f"{name}={value}" for name, value in values.items() if value)


def pages(number: int, chance: random.Random) -> Iterator[str]:
    """Yield `number` addresses: any filters, at any depth."""
    newest = AuditHead.objects.get().position
    for _, chosen in zip(range(number), filters(chance), strict=False):
        yield f"/audit/?{chosen}&after=%5B{chance.randint(2, newest + 1)}%5D"


def never_together() -> list[str]:
    """Return pairs of filters of which each is common and no event has both."""
    facets = audit_index.standing().facets
    people = sorted(facets, key=lambda facet: -facet.events)
    filer = next(facet.actor for facet in people if facet.action == "request.filed")
    decider = next(facet.actor for facet in people if facet.action == "request.approved")
    stranger = next(facet.master for facet in people if facet.master not in _masters_of(filer))
    return [
        f"/audit/?actor={decider}&action=request.filed",
        f"/audit/?actor={filer}&action=request.approved",
        f"/audit/?actor={filer}&master={stranger}",
        "/audit/?outcome=failed&action=request.filed",
        "/audit/?object_type=masteraccount&action=request.approved",
    ]


def _masters_of(person: int) -> set[int]:
    return {facet.master for facet in audit_index.standing().facets if facet.actor == person}


SEARCHES = {
    "common words": "second site",
    "rare words": "contract 4711",
    "words without a hit": "no such words",
    "common words, never together": "customer 99999",
}


def measure(client: Client, number: int, seed: int) -> dict[str, Times]:
    """Return the times of each kind of page, each after some that nobody counts."""
    chance = random.Random(seed)  # noqa: S311  # to draw the same each time
    timed(client, pages(WARM_UP, chance))
    first, last = "/audit/", "/audit/?before=%5B0%5D"
    found = {
        RANDOM: timed(client, pages(number, chance)),
        "first page": timed(client, [first] * 30),
        "last page": timed(client, [last] * 30),
        NEVER: timed(client, never_together() * 6),
    }
    for name, words in SEARCHES.items():
        found[name] = timed(client, [f"/audit/?q={words}&as_words=1"] * SEARCHED)
    return found


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        client.get(address)
    return len(seen)


def beside(program: Path, number: int, seed: int) -> dict[str, Times]:
    """Return the times of the others' lists over the same events, measured by a program of their own libraries."""
    command = [program, "-W", "ignore", ROOT / "tests" / "bench" / "audit_peers.py"]
    command += [
        "--host",
        os.environ["DATABASE_URL"].rpartition("host=")[2],
        "--pages",
        str(number),
        "--seed",
        str(seed),
    ]
    answer = subprocess.run(list(map(str, command)), capture_output=True, check=False, text=True, cwd=ROOT)
    if answer.returncode:
        raise RuntimeError(answer.stderr[-3000:])
    return {name: Times(sorted(seconds)) for name, seconds in json.loads(answer.stdout).items()}


def judge(found: dict[str, Times], number: int, smallest: dict[str, Times]) -> None:
    """Say the figures of the pages among so many events beside what was wanted."""
    random_pages = found[RANDOM]
    goals.at_most(f"p95 of random pages among {number:,}", random_pages.p95 * 1000, 25, "ms")
    goals.at_most(f"the slowest of them among {number:,}", random_pages.seconds[-1] * 1000, 100, "ms")
    last = found["last page"].p50 / found["first page"].p50
    goals.at_most(f"last page : first page among {number:,}", last, 1.5)
    for name in (NEVER, *SEARCHES):
        goals.at_most(f"p95 of {name} among {number:,}", found[name].p95 * 1000, 60, "ms")
    if smallest is not found:
        goals.at_most(
            f"p95 among {number:,} : among the fewest", random_pages.p95 / smallest[RANDOM].p95, 1.5
        )


def main(_folder: Path, arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--others-pages", type=int, default=40, help="0 leaves the others out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--libraries", type=Path, default=ROOT / ".data" / "bench" / "bin" / "python")
    options, _ = parser.parse_known_args(arguments)  # what is for the other pieces is not for this one
    smallest: dict[str, Times] = {}
    found: dict[str, Times] = {}
    for number in options.events:
        events.ensure(number)
        client = reader()
        found = measure(client, options.pages, options.seed)
        smallest = smallest or found
        for name, times in found.items():
            say(f"  {name:34} {times}")
        judge(found, number, smallest)
        counts = [queries(client, f"/audit/?rows={rows}") for rows in (25, 100)]
        goals.at_most(f"queries of a page among {number:,}", max(counts), 8)
        goals.at_most("more queries for 100 rows than for 25", counts[1] - counts[0], 0)
    if connection.vendor == "postgresql" and options.others_pages:
        others = beside(options.libraries, options.others_pages, options.seed)
        for name, times in others.items():
            say(f"  {name:34} {times}")
        for name in ("p50", "p95"):
            quicker = getattr(others["auditlog"], name) / getattr(found[RANDOM], name)
            goals.at_least(f"times quicker than auditlog's list, {name}", quicker, 100)
