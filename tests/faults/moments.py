"""Time that passes only when a schedule says so: one virtual clock for the database, the workers and Zoom."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest.mock import patch

from django.db.models import DateTimeField, Value
from django.db.models.expressions import Combinable, ExpressionWrapper
from django.test import override_settings
from django.utils import timezone

from trunks.compiled import _Keeping, _Statement
from trunks.models import clock
from trunks.sandbox.clock import Clock

BEGINNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DEADLINE, LEASE, QUIET, SWEEP, GRACE = 30.0, 90.0, 60.0, 15.0, 30.0


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

    def in_sql(self, seconds: float | Combinable = 0.0) -> Combinable:
        if isinstance(seconds, Combinable):
            return ExpressionWrapper(self.in_sql() + seconds, output_field=DateTimeField())
        return Value(self.now() + timedelta(seconds=seconds), output_field=DateTimeField())

    def on_the_wall(self) -> datetime:
        """Return what the wall clock of the machine shows, which nothing may depend on."""
        return self.now() + timedelta(seconds=self.skew)

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
            patches.enter_context(patch.object(clock, "now", self.in_sql))
            patches.enter_context(patch.object(clock, "after", self.in_sql))
            patches.enter_context(patch.object(clock, "read", self.now))
            patches.enter_context(patch.object(timezone, "now", self.on_the_wall))
            # The database's clock is a value here, and a kept statement would keep that.
            patches.enter_context(patch.object(_Keeping, "_keep", lambda _, __, made: _Statement(made())))
            for name, module in list(sys.modules.items()):
                if name.startswith("trunks.workflow.") and getattr(module, "time", None) is time:
                    patches.enter_context(patch.object(module, "time", own))
            yield
