"""What an export as CSV takes beside COPY of the same rows, in one run: `python -m tests.bench audit_export`."""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from django.db import connection

from tests.bench import audit_read, events, goals
from tests.bench.standing import say
from trunks.models.audit_event import AuditEvent

# A filter that most events pass, so that it is asked for and the file is large all the same.
FILTERED = "outcome=done"


class Flow(NamedTuple):
    """How some bytes came: seconds until the first and until the first of the events, seconds in all, and growth."""

    first: float
    first_event: float
    seconds: float
    lines: int
    megabytes: float

    @property
    def rate(self) -> float:
        return self.lines / self.seconds


def flow(pieces: Iterable[bytes], *, begun: float) -> Flow:
    """Take the pieces as a client does, which keeps nothing of them."""
    before = _memory()
    first = first_event = 0.0
    lines = 0
    for piece in pieces:
        now = time.perf_counter() - begun
        first_event = first_event or (now if first else 0.0)
        first = first or now
        lines += piece.count(b"\n")
    return Flow(first, first_event, time.perf_counter() - begun, lines - 1, _memory() - before)


def exported(form: str = "csv") -> Flow:
    """Export through the page itself, from the click to the last byte."""
    client = audit_read.reader()
    begun = time.perf_counter()
    return flow(client.get(f"/audit/export/?{FILTERED}&format={form}"), begun=begun)


def copied() -> Flow:
    """Take the same rows by a bare COPY, with nothing made harmless and nothing in order."""
    begun = time.perf_counter()
    table = AuditEvent._meta.db_table
    asked = f"COPY (SELECT * FROM {table} WHERE outcome = 'done') TO STDOUT WITH (FORMAT csv, HEADER)"
    with connection.cursor() as cursor, cursor.copy(asked) as copy:
        return flow((bytes(line) for line in copy), begun=begun)


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(_folder: Path, arguments: Sequence[str]) -> None:
    """Put `--events` on record and export them, in turns with COPY."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--turns", type=int, default=3)
    options, _ = parser.parse_known_args(arguments)  # what is for the other pieces is not for this one
    events.ensure(options.events[-1])
    exported()  # what is loaded once is not the export's memory
    ours, bare = [], []
    for _ in range(options.turns):
        ours.append(exported())
        say(
            f"  export: {ours[-1].lines:,} events, {ours[-1].rate:,.0f} a second; first byte"
            f" {ours[-1].first * 1000:.0f} ms, first event {ours[-1].first_event * 1000:.0f} ms"
        )
        if connection.vendor == "postgresql":
            bare.append(copied())
            say(f"  COPY: {bare[-1].lines:,} events, {bare[-1].rate:,.0f} a second")
    if bare:
        share = statistics.median(one.rate / copy.rate for one, copy in zip(ours, bare, strict=True))
        goals.at_least("an export's share of COPY's rate", share * 100, 25, "%")
    goals.at_most("first byte of an export", max(one.first for one in ours) * 1000, 300, "ms")
    goals.at_most("memory that an export takes", sum(one.megabytes for one in ours), 20, "MB")
    lines = exported("jsonl")
    say(f"  JSON Lines: {lines.lines:,} events, {lines.rate:,.0f} a second, memory +{lines.megabytes:.0f} MB")
