"""`python -m tests.strangers`: have the portal work with many strangers in place of Zoom, or with one of them again."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time

import django
from django.db import connection
from django.utils.module_loading import import_string

from tests import servers


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.strangers")
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--start", type=int, default=0)
    options = parser.parse_args()
    os.environ.setdefault("PORTAL_TEST_DATABASE", "sqlite")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    servers.prepare()
    django.setup()
    logging.disable(logging.CRITICAL)
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    play, began, wrong = import_string("tests.strangers.play.play"), time.monotonic(), 0
    for seed in range(options.start, options.start + options.seeds):
        found = play(seed)
        wrong += bool(found)
        for what in found:
            sys.stdout.write(f"SEED={seed}  {what}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{options.seeds} strangers, {wrong} met wrongly, {time.monotonic() - began:.0f} s\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
