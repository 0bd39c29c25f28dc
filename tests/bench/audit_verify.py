"""How many events a second a verification reads, and what memory it takes: `python -m tests.bench audit_verify`."""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import events, goals
from tests.bench.standing import say
from trunks.workflow import verifying


def verified(turns: int) -> tuple[verifying.Finding, float]:
    """Return what a full check came to, and in how many seconds the quickest of some."""
    quickest = 0.0
    for _ in range(turns):
        begun = time.perf_counter()
        finding = verifying.verify()
        spent = time.perf_counter() - begun
        quickest = min(quickest or spent, spent)
    return finding, quickest


def main(_folder: Path, arguments: Sequence[str]) -> None:
    """Have `--events` events, verify them, and say how quick that was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--turns", type=int, default=3, help="of which the quickest counts")
    options, _ = parser.parse_known_args(arguments)  # what is for the other pieces is not for this one
    events.ensure(options.events[-1])
    before = resource.getrusage(resource.RUSAGE_SELF)
    finding, seconds = verified(options.turns)
    after = resource.getrusage(resource.RUSAGE_SELF)
    if finding.bad is not None or finding.checked < options.events[-1]:
        raise SystemExit(f"Event {finding.bad}: {finding.problem}")
    own = (after.ru_utime - before.ru_utime) / options.turns
    say(f"verified {finding.checked:,} events in {seconds:.1f} s; Python's own share is {own:.1f} s")
    goals.at_least("events verified in a second", finding.checked / seconds, 200_000)
    goals.at_most("memory that verifying takes", (after.ru_maxrss - before.ru_maxrss) / 1024, 20, "MB")
