"""The main job with a stranger for Zoom: connect, read, file, approve, carry out, and judge what became of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from celery import current_app
from django.db.models import Min
from django.test import override_settings

from tests.faults.estate import people
from tests.faults.moments import VirtualTime
from tests.strangers.habits import drawn
from tests.strangers.ledger import MASTER, TRUNKS
from tests.strangers.wire import Server
from tests.strangers.zoom import Stranger
from trunks import connections, dispatch
from trunks.models import (
    WORKING_STATES,
    Circuit,
    MasterAccount,
    MasterTrunk,
    SubAccount,
    TrunkRequest,
)
from trunks.workflow import connecting, filing, probing, provisioning, reconcile, review, sweeping

WORK: dict[str, Callable[[int], None]] = {
    dispatch.PROVISION: provisioning.provision,
    dispatch.SETTLE: reconcile.settle,
    dispatch.PROBE: probing.probe,
}
REAL_DEADLINE = 0.8
LONGEST = 2 * 86400.0
MOST_ROUNDS = 300


class Turns:
    """The rate budget in virtual time: a 429 silences what follows, and spaces it further apart."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def wait(self, label: Any) -> None:
        self._stage.pass_time(
            max(self._stage.spacing, self._stage.silent_until - self._stage.moments.seconds)
        )

    def learn(self, call: Any) -> None:
        """Nothing is measured in virtual time."""

    def brake(self, label: Any, error: Any) -> None:
        self._stage.spacing *= 1.1
        self._stage.silent_until = self._stage.moments.seconds + error.wait


class Stage:
    """Everything that one play needs. Use it as a context manager."""

    def __init__(self, seed: int) -> None:
        self.seed, self.habits = seed, drawn(seed)
        self.moments = VirtualTime()
        self.silent_until, self.spacing = 0.0, 0.1
        self.rung: list[tuple[str, int]] = []
        self.stranger = Stranger(self.habits, self.moments.monotonic)
        self._open = ExitStack()

    def __enter__(self) -> Stage:
        random.seed(self.seed)
        self.server = self._open.enter_context(Server(self.habits, self.stranger.answer))
        self._open.callback(self.server.shutdown)
        self._open.enter_context(self.moments.in_force(self.pass_time))
        urls = {"ZOOM_API_URL": f"{self.server.url}/v2", "ZOOM_OAUTH_URL": f"{self.server.url}/oauth/token"}
        self._open.enter_context(override_settings(HTTP_DEADLINE_SECONDS=REAL_DEADLINE, **urls))
        self._open.enter_context(patch.object(connections, "Turns", lambda *_: Turns(self)))
        # The budget of tokens counts real seconds, of which hardly any pass here.
        tokens = SimpleNamespace(take=lambda *_, **__: None)
        self._open.enter_context(patch.object(connections, "RateBudget", tokens))
        self._open.enter_context(patch.object(current_app, "signature", self._signature))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        MasterAccount.objects.filter(zoom_id=MASTER).update(zoom_id=f"over-{self.seed}")

    def pass_time(self, seconds: float) -> None:
        self.moments.seconds += seconds

    @property
    def lied(self) -> bool:
        """Say whether something went wrong that may cost a line: any fault of a write."""
        return any(fault.hits in ("POST", "DELETE") for fault in self.habits.drawn)

    def connect(self) -> MasterAccount:
        master = connecting.connect(
            name=f"Stranger {self.seed}",
            account_id=MASTER,
            client_id="client",
            client_secret="secret-of-the-app",
            actor=None,
            why="test",
        )
        self.master = master
        return master

    def file(
        self, sub: str, dnis: list[str], caller_id: str, kind: str = "assign", now: str = ""
    ) -> TrunkRequest:
        trunks = {trunk.zoom_id: trunk for trunk in MasterTrunk.objects.filter(master=self.master)}
        account = SubAccount.objects.get(master=self.master, zoom_id=sub)
        by_prefix = {prefix[:5]: trunks[id_] for id_, (prefix, _) in TRUNKS.items()}
        lines = [filing.LineDraft(by_prefix[number[:5]], number, caller_id, now) for number in dnis]
        draft = filing.Draft(account, kind, "New customer", "", lines)
        filed = filing.file(draft, actor=people().staff[0])
        return review.approve(filed, actor=people().supervisors[0], version=filed.version)

    def rest(self) -> None:
        """Let time go on until nothing is due any more."""
        ends = self.moments.seconds + LONGEST
        for _ in range(MOST_ROUNDS):
            sweeping.sweep()
            while self.rung:
                task, pk = self.rung.pop(0)
                if task in WORK:
                    WORK[task](pk)
            if not self._working().exists() or self.moments.seconds > ends:
                break
            self.pass_time(self._until_next())
        self.pass_time(120)
        self.stranger.land()

    def _working(self) -> Any:
        return TrunkRequest.objects.filter(master=self.master, state__in=WORKING_STATES)

    def _until_next(self) -> float:
        due = self._working().aggregate(Min("next_attempt_at"), Min("lease_until")).values()
        probes = Circuit.objects.open().filter(master=self.master).values_list("next_probe_at", flat=True)
        left = [(moment - self.moments.now()).total_seconds() for moment in (*due, *probes) if moment]
        return max(min((seconds for seconds in left if seconds > 0), default=15.0), 0.001) + 0.001

    def _signature(self, name: str, args: list[int]) -> SimpleNamespace:
        return SimpleNamespace(delay=lambda: self.rung.append((name, args[0])))
