"""`python -m tests.chaos`: many requests through real processes that are struck all the time; behind `make chaos`."""

from __future__ import annotations

import argparse
import os
import sys
import time

import django

from tests import servers


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    servers.prepare()
    django.setup()
    return _run(options.requests, options.seed)


def _run(requests: int, seed: int) -> int:
    # Models can be imported only after the set-up.
    from tests.chaos import counting, field, mayhem  # noqa: PLC0415

    began = time.monotonic()
    with field.running() as portal:
        filed, struck = mayhem.run(portal, requests, seed)
        found, broken = counting.count(portal, filed), portal.breakdowns()
    seconds = time.monotonic() - began
    summary = f"{len(filed)} requests, {struck} strikes, {seconds:.0f} s"
    report = [*found, *broken, summary, counting.table(found)]
    sys.stdout.write("\n".join(report) + "\n")
    return 1 if found or broken else 0


if __name__ == "__main__":
    sys.exit(main())
