"""Time that passes only when a schedule says so: one virtual clock for the database, the workers and Zoom."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import psycopg
from django.db import connection
from django.db.backends.postgresql.psycopg_any import get_adapters_template
from django.db.models import DateTimeField
from django.db.models.expressions import Expression
from django.test import override_settings
from django.utils import timezone
from psycopg.adapt import Dumper

from trunks.compiled import Keeping, Statement
from trunks.models import clock
from trunks.sandbox.clock import Clock
from trunks.zoom import retry_after

BEGINNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DEADLINE, LEASE, QUIET, SWEEP, GRACE = 30.0, 90.0, 60.0, 15.0, 30.0


class _Shown:
    """Stands in a statement for the moment that the clock shows when the statement is run."""

    by: VirtualTime


class _Dumper(Dumper):
    oid = psycopg.postgres.types["timestamptz"].oid

    def dump(self, obj: _Shown) -> bytes:
        return obj.by.now().isoformat().encode()


psycopg.adapters.register_dumper(_Shown, _Dumper)
# Django gives its connections a copy, and has taken one where it migrated before this.
get_adapters_template.cache_clear()  # type: ignore[attr-defined]  # the stub knows no cache
connection.close()
sqlite3.register_adapter(_Shown, lambda shown: connection.ops.adapt_datetimefield_value(shown.by.now()))


class _Present(Expression):
    """The database's clock, as `django.db.models.functions.Now` is one: to be compiled once and told each time."""

    output_field = DateTimeField()

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", [_Shown()]


_keep = Keeping.keep


def _kept_apart(keeping: Keeping, shape: frozenset[Any], compiler: Callable[[], Any]) -> Statement:
    """Keep what is compiled with this clock apart from what the same process compiles with the database's own."""
    return _keep(keeping, shape | {_Present}, compiler)


class VirtualTime(Clock):
    """The present moment, for the portal as for the sandbox's world; `skew` is how wrong a worker's own clock is."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.skew = 0.0

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def on_the_wall(self) -> datetime:
        """Return what the wall clock of the machine shows, which nothing may depend on."""
        return self.now() + timedelta(seconds=self.skew)

    def _of_the_machine(self) -> type[datetime]:
        """Return datetime as the client for Zoom has it: by the wall clock of the machine, which may be wrong."""
        return type("Datetime", (datetime,), {"now": lambda *_: self.on_the_wall()})

    @contextmanager
    def in_force(self, sleep: object) -> Iterator[None]:
        """Have all of the portal tell the time by this clock, and call `sleep` where it would wait."""
        timings = {
            "HTTP_DEADLINE_SECONDS": DEADLINE,
            "LEASE_SECONDS": LEASE,
            "QUIET_SECONDS": QUIET,
            "SWEEP_SECONDS": SWEEP,
            "GRACE_SECONDS": 0.0,
        }
        own = SimpleNamespace(monotonic=self.monotonic, sleep=sleep, time=lambda: self.now().timestamp())
        with ExitStack() as patches:
            patches.enter_context(override_settings(**timings))
            patches.enter_context(patch.object(_Shown, "by", self, create=True))
            patches.enter_context(patch.object(clock, "now", _Present))
            patches.enter_context(patch.object(clock, "read", self.now))
            patches.enter_context(patch.object(timezone, "now", self.on_the_wall))
            patches.enter_context(patch.object(retry_after, "datetime", self._of_the_machine()))
            patches.enter_context(patch.object(Keeping, "keep", _kept_apart))
            for name, module in list(sys.modules.items()):
                if name.startswith("trunks.workflow.") and getattr(module, "time", None) is time:
                    patches.enter_context(patch.object(module, "time", own))
            yield
