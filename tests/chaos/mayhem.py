"""Something bad about every second: processes killed or stopped, the broker emptied, the database cut, Zoom failing."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from django.db import DatabaseError, connection

from tests.chaos.field import WORKERS, WORKING, Field
from trunks.models import State, TrunkRequest

BEYOND_LEASE = 6.0
# With the default timings divided by twenty: a hang of 2.6 s is beyond the deadline and lands within the quiet period.
ZOOM_FAULTS = (
    {"kind": "hang", "seconds": 2.6, "apply": "before"},
    {"kind": "hang", "seconds": 2.6, "apply": "after"},
    {"kind": "hang", "seconds": 2.6, "apply": "never"},
    {"kind": "drop", "apply": "before"},
    {"kind": "drop", "apply": "never"},
    {"kind": "500", "apply": "never"},
    {"kind": "502", "apply": "before"},
    {"kind": "504", "apply": "before"},
    {"kind": "empty_object", "apply": "before"},
    {"kind": "503", "apply": "never"},
    {"kind": "html", "apply": "before"},
    {"kind": "broken_json", "apply": "before"},
    {"kind": "half_body", "apply": "before"},
    {"kind": "unauthorized", "apply": "before"},
    {"kind": "unauthorized", "apply": "never"},
    {"kind": "429"},
    {"kind": "429", "retry_after": "seconds", "seconds": 2},
    {"kind": "429", "retry_after": "http-date", "seconds": 3},
    {"kind": "429", "retry_after": "iso", "headers": "none", "seconds": 3},
    # A daily limit is believed for ten seconds at least; without an instant it would last until midnight.
    {"kind": "429", "limit": "daily", "retry_after": "iso", "seconds": 12},
    {"kind": "429", "limit": "concurrent", "retry_after": "absent"},
    {"kind": "503", "method": "GET"},
    {"kind": "drop", "method": "GET"},
)


class Mayhem:
    """Strikes the field at random, and undoes what it did when the time has come."""

    def __init__(self, field: Field, seed: int) -> None:
        self.field = field
        self.chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
        self.struck = 0
        self._repairs: list[tuple[float, Callable[[], None]]] = []
        self._hurt: set[str] = set()

    def strike(self) -> None:
        """Do one bad thing, and whatever repairs are due."""
        self.repair()
        actions = (
            *(self._kill_pool, self._kill, self._stop, self._replace),
            *(self._cut_database, self._broker, self._zoom),
        )
        self.chance.choices(actions, (3, 2, 1, 1, 2, 1, 3))[0]()
        self.struck += 1

    def repair(self, *, everything: bool = False) -> None:
        now = time.monotonic()
        due = [repair for repair in self._repairs if everything or repair[0] <= now]
        for repair in due:
            self._repairs.remove(repair)
            repair[1]()

    def _kill_pool(self) -> None:
        name = self.chance.choice(WORKERS)
        if name not in self._hurt:
            self.field.kill_pool(name, self.chance.randint(1, 2))

    def _kill(self) -> None:
        self._hurt_one((*WORKERS, "beat", "web"), self.field.kill, self.field.restart, 1.0)

    def _stop(self) -> None:
        self._hurt_one(WORKERS, self.field.stop_for_a_while, self.field.go_on, BEYOND_LEASE)

    def _replace(self) -> None:
        """Have a worker end in order and another take its place, as a deployment does; the other one goes on."""
        self._hurt_one(WORKERS, self.field.ask_to_end, self.field.replace, 1.0)

    def _broker(self) -> None:
        if self.field.embedded:
            self.field.empty_broker()
        elif self.chance.random() < 0.5:
            self._hurt_one(("redis",), self.field.stop_for_a_while, self.field.go_on, 2.0)
        else:
            self._hurt_one(("redis",), self.field.kill, self.field.restart, 1.0)

    def _cut_database(self) -> None:
        self.field.cut_database()

    def _zoom(self) -> None:
        self.field.fault(**self.chance.choice(ZOOM_FAULTS))

    def _hurt_one(
        self, names: Sequence[str], hurt: Callable[[str], None], mend: Callable[[str], None], seconds: float
    ) -> None:
        name = self.chance.choice(names)
        if name in self._hurt:
            return
        self._hurt.add(name)
        hurt(name)

        def repair() -> None:
            mend(name)
            self._hurt.discard(name)

        self._repairs.append((time.monotonic() + seconds, repair))


def run(field: Field, requests: int, seed: int) -> tuple[list[TrunkRequest], int]:
    """File `requests` requests and approve them under strikes; return them, all at rest, and the number of strikes."""
    filed = [field.file(number) for number in range(requests)]
    _say(f"{len(filed)} requests are filed; now they are approved, and struck")
    mayhem = Mayhem(field, seed)
    with ThreadPoolExecutor(1) as people:
        approving = people.submit(_approve_all, field)
        while not approving.done() or _working() > requests / 20:
            time.sleep(mayhem.chance.uniform(0.5, 1.5))
            with suppress(DatabaseError):
                mayhem.strike()
        approving.result()
    mayhem.repair(everything=True)
    _say("calm again; waiting until everything has ended")
    field.wait_for_end(*filed, seconds=300)
    return filed, mayhem.struck


def _approve_all(field: Field) -> None:
    """Have a supervisor approve whatever waits, again and again until nothing does."""
    while True:
        try:
            waiting = list(TrunkRequest.objects.filter(state=State.PENDING).order_by("pk"))
            if not waiting:
                connection.close()
                return
            for trunk_request in waiting:
                field.approve(trunk_request)
        except DatabaseError:
            connection.close()


def _working() -> int:
    try:
        return TrunkRequest.objects.filter(state__in=WORKING).count()
    except DatabaseError:
        connection.close()
        return sys.maxsize


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
