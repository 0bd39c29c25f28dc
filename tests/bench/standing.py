"""For the programs that measure: servers of their own, the product's own timings, a migrated database."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import django
import psycopg
from django.core.management import call_command

from tests import servers

_TIMINGS = {
    "HTTP_DEADLINE_SECONDS": "30",
    "LEASE_SECONDS": "90",
    "QUIET_SECONDS": "60",
    "SWEEP_SECONDS": "15",
}


def stand() -> Path:
    """Start PostgreSQL and Redis, or the embedded pair with PORTAL_TEST_DATABASE=sqlite; return a folder for logs."""
    servers.prepare()
    os.environ.update(_TIMINGS | {"DJANGO_SETTINGS_MODULE": "portal.settings"})
    if "DATABASE_URL" in os.environ:
        # pytest-django makes a database of its own; here is nobody to make one.
        host = os.environ["DATABASE_URL"].rpartition("host=")[2]
        with psycopg.connect(host=host, user="portal", dbname="postgres", autocommit=True) as server:
            server.execute("CREATE DATABASE portal")
    django.setup()
    call_command("migrate", verbosity=0)
    return Path(tempfile.mkdtemp(prefix="bench-", dir=Path(os.environ["DATA_DIR"]).parent))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def introduce() -> None:
    """Say when and where this is measured, and how busy the machine is with other things."""
    fsync = os.environ.get("PORTAL_TEST_FSYNC", "off")
    pair = (
        f"PostgreSQL (fsync {fsync}) and Redis" if "REDIS_URL" in os.environ else "SQLite and the file broker"
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    say(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load before {load}, {pair}")
    say(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {pace()}")


def pace() -> str:
    """Say how quick a processor is just now: a machine that is a share of a larger one is not always the same.

    Three million additions take 170 ms on the one of docs/benchmarks.md at its best.
    """
    begun, total = time.perf_counter(), 0
    for number in range(3_000_000):
        total += number % 7
    return f"three million additions in {(time.perf_counter() - begun) * 1000:.0f} ms"
