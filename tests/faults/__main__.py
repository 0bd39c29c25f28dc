"""`python -m tests.faults`: play many seeds in several processes, or one seed again; behind `make faults`."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import cast

import django
from django.db import connection
from django.utils.module_loading import import_string

from tests import servers

COUNTERS = ("lost", "double", "false", "stuck", "gaps", "lease", "overlap", "holds", "approval", "crash")


def main() -> int:
    options = _options()
    if options.seed is not None:
        return _play([options.seed], report=False)
    if options.share:
        first, last = options.share
        return _play(range(first, last), report=True)
    return _share_out(options.seeds, options.start, options.jobs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.faults")
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--share", type=int, nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _share_out(seeds: int, start: int, jobs: int) -> int:
    """Let `jobs` processes play `seeds` seeds, print what they find as it comes, and the counters at the end."""
    began = time.monotonic()
    edges = [start + seeds * number // jobs for number in range(jobs + 1)]
    command = [sys.executable, "-m", "tests.faults", "--share"]
    workers = [
        subprocess.Popen([*command, str(first), str(last)], stdout=subprocess.PIPE, text=True)
        for first, last in pairwise(edges)
    ]
    counts, played = Counter[str](), 0
    for worker in workers:
        assert worker.stdout is not None
        for line in worker.stdout:
            report = json.loads(line)
            played += report["played"]
            counts.update(found.split(":")[0] for found in report["found"])
            for found in report["found"]:
                _say(f"SEED={report['seed']}  {found}")
    failed = [worker.wait() for worker in workers]
    seconds = time.monotonic() - began
    _say(f"{played} schedules in {seconds:.0f} s, {played / seconds:.1f} per second")
    _say("  ".join(f"{name} {counts[name]}" for name in COUNTERS))
    return 1 if counts or any(failed) or played < seeds else 0


def _play(seeds: Iterable[int], *, report: bool) -> int:
    """Play `seeds`; to the parent tell only what is wrong, and at the end how many were played."""
    play, played, found_any = _prepared(), 0, False
    for seed in seeds:
        found, played = play(seed), played + 1
        found_any |= bool(found)
        if not report:
            _say("\n".join(found) or "Nothing is wrong.")
        elif found:
            _say(json.dumps({"seed": seed, "played": 0, "found": found}))
    if report:
        _say(json.dumps({"seed": 0, "played": played, "found": []}))
    return int(found_any and not report)


def _prepared() -> Callable[[int], list[str]]:
    """Make a database of this process's own, in memory if it is SQLite, and return what plays a seed."""
    os.environ.setdefault("PORTAL_TEST_DATABASE", "sqlite")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    servers.prepare()
    django.setup()
    logging.disable(logging.CRITICAL)
    gc.set_threshold(200_000)  # a quarter faster: the many small objects are short-lived
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = ":memory:"
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    return cast(Callable[[int], list[str]], import_string("tests.faults.schedule.play"))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
