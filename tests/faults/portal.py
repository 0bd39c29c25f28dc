"""The portal under a fault schedule: people, a broker that may do anything, workers that die, and one Zoom."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from celery import current_app
from django.db import OperationalError
from kombu.exceptions import OperationalError as BrokerDown

from tests import cast
from tests.faults import points
from tests.faults.bystanders import Bystanders
from tests.faults.caller import Caller
from tests.faults.estate import PRESENT, People, Place, people, place
from tests.faults.moments import SWEEP, VirtualTime
from tests.faults.points import Blow, Killed, Plan, Run
from tests.faults.refusing import Refusing
from tests.faults.tampering import Tampering
from tests.faults.zoom import Zoom
from trunks import connections, dispatch
from trunks.models import MasterAccount, TrunkRequest, User, WriteStop
from trunks.workflow import filing, probing, provisioning, reconcile, review, stopping, sweeping
from trunks.workflow.errors import WorkflowError

WORK: dict[str, Callable[[int], None]] = {
    dispatch.PROVISION: lambda pk: provisioning.provision(pk),
    dispatch.SETTLE: lambda pk: reconcile.settle(pk),
    dispatch.PROBE: lambda pk: probing.probe(pk),
}
# What follows a first approval where it takes two: by whom, the first or the second supervisor.
ORDERS: tuple[tuple[tuple[str, int], ...], ...] = (
    (("approve", 1),),
    (("approve", 0), ("approve", 1)),
    (("take_back", 0), ("approve", 1), ("approve", 0)),
    (("approve", 1), ("approve", 1), ("take_back", 0)),
    (("take_back", 0),),
)
DEPTH = 3  # how many processes may be at work inside each other


class Portal:
    """Everything that a schedule acts on. Use it as a context manager: outside, time is real again."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.moments = VirtualTime()
        self.broker: list[tuple[str, int]] = []
        self.broker_is_down = False
        self.violations: list[str] = []
        self.runs: list[Run] = []
        self.plan = Plan()  # what waits for any worker
        # Drawn apart, so that a seed plays the same schedule as before there were policies.
        self.care = random.Random(f"approvals {seed}")  # noqa: S311  # repeatable on purpose
        self.needs_two = self.care.random() < 0.3
        self.tampering = Tampering(self.care)
        self.bystanders = Bystanders(self)
        self.refusing = Refusing(self.moments, seed)
        self._watching = True
        self._patches = ExitStack()

    def __enter__(self) -> Portal:
        # The waits of the portal have jitter; a seed must give the same run every time.
        random.seed(self.seed)
        self.place: Place = place()
        self.people: People = people()
        if self.needs_two:
            cast.policy(self.place.master, approvals=2)
        subs = [sub.zoom_id for sub in self.place.subs]
        self.zoom = Zoom(self.moments, self.place.master.zoom_id, subs, self.refusing)
        for number in PRESENT:
            trunk = self.place.trunks[number % 2]
            self.zoom.begin_with(self.place.subs[0].zoom_id, trunk.zoom_id, self.place.dnis(number))
        self._patches.enter_context(self.moments.in_force(self._sleep))
        self._patches.enter_context(points.watched(self.reach, lambda: self.runs[-1] if self.runs else None))
        self._patches.enter_context(patch.object(connections, "client_for", self._client))
        self._patches.enter_context(patch.object(current_app, "signature", self._signature))
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    # --- what people do

    def requests(self) -> list[TrunkRequest]:
        return list(TrunkRequest.objects.with_names().filter(master=self.place.master).order_by("pk"))

    def file(self, draft: filing.Draft, who: int) -> None:
        self.person(lambda: filing.file(draft, actor=self.people.staff[who % 2]))

    def decide(self, verb: str, index: int, *, stale: bool = False, plan: Plan | None = None) -> None:
        """Have a person do `verb` to a request, from a page that may be out of date."""
        if not (trunk_request := self._pick(index)):
            return
        version = trunk_request.version - stale
        actor = self._actor(verb, trunk_request)
        words = {"comment": "because"} if verb in ("approve", "deny", "send_back", "withdraw") else {}
        if verb == "check":
            self.person(lambda: reconcile.check_now(trunk_request, actor=actor), plan)
            return
        module: Any = {"withdraw": filing, "retry": provisioning}.get(verb, review)
        self.person(lambda: getattr(module, verb)(trunk_request, actor=actor, version=version, **words), plan)
        if verb == "approve":
            self._approve_on(trunk_request.pk, actor)

    def _approve_on(self, pk: int, first: User) -> None:
        """Have the approvals given that are still missing, in some order, by some twice; then somebody may tamper."""
        second = next(one for one in self.people.supervisors if one != first)
        for verb, who in self.care.choice(ORDERS) if self.needs_two else ():
            act = partial(getattr(review, verb), TrunkRequest.objects.with_names().get(pk=pk))
            version = TrunkRequest.objects.get(pk=pk).version
            self.person(partial(act, actor=(first, second)[who], version=version))
        self.tampering.maybe(TrunkRequest.objects.get(pk=pk))

    def amend(self, index: int, draft: filing.Draft, plan: Plan | None = None) -> None:
        if trunk_request := self._pick(index):
            actor, version = trunk_request.filed_by, trunk_request.version
            self.person(lambda: filing.amend(trunk_request, draft, actor=actor, version=version), plan)

    def person(self, act: Callable[[], object], plan: Plan | None = None) -> None:
        """Run what a web process does for a person, who may be refused; the process may be struck."""
        try:
            self.run(Run(plan=plan or Plan()), act)
        except WorkflowError:
            return

    def stop_or_start_writing(self) -> None:
        """Have a supervisor stop all writing to Zoom, or two of them start it again."""
        first, second = self.people.supervisors
        stop = WriteStop.current()
        if stop is None:
            self.person(lambda: stopping.stop(actor=first, reason="because"))
            return
        self.person(lambda: stopping.ask_to_start(stop, actor=first))
        self.person(lambda: stopping.confirm_start(stop, actor=second))

    # --- what the machinery does

    def deliver(self, index: int, *, keep: bool = False) -> None:
        """Deliver one ring, in whatever order; `keep` it, and it is delivered again."""
        if not self.broker or len(self.runs) >= DEPTH:
            return
        index %= len(self.broker)
        task, pk = self.broker[index] if keep else self.broker.pop(index)
        if task in WORK:
            self.run(Run(pk, self.plan), lambda: WORK[task](pk))

    def sweep(self, plan: Plan | None = None) -> None:
        self.run(Run(plan=plan or Plan()), sweeping.sweep)

    def run(self, run: Run, work: Callable[[], object]) -> None:
        """Have one process do its work until it ends, dies, or loses the database."""
        self.runs.append(run)
        try:
            with self.watching(on=True):
                work()
        except (Killed, OperationalError):
            return
        except WorkflowError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, a process should not end so
            self.violations.append(f"crash: {error!r}")
        finally:
            self.runs.remove(run)

    def advance(self, seconds: float) -> None:
        """Let time pass; what is under way at Zoom lands when its moment comes."""
        target = self.moments.seconds + seconds
        for moment in sorted({flight.lands_at for flight in self.zoom.flights}):
            if moment <= target:
                self.moments.seconds = max(self.moments.seconds, moment)
                self.zoom.land()
        self.moments.seconds = target

    def reach(self, place: str) -> None:
        """Come to a place in the present run, and be struck by what the plan has for it."""
        if self.runs and self._watching:
            for blow in self.runs[-1].plan.due(place):
                with self.watching(on=False):
                    self._strike(blow)

    @contextmanager
    def watching(self, *, on: bool) -> Iterator[None]:
        """Say whether what happens now is the work of a process, or of the schedule itself."""
        before, self._watching = self._watching, on
        try:
            yield
        finally:
            self._watching = before

    def _strike(self, blow: Blow) -> None:
        if blow.what == "kill":
            raise Killed
        if blow.what == "database":
            points.fail()
        if blow.what == "stall":
            self._stall(blow.amount)
        if blow.what == "storm":
            self.storm(random.Random(blow.amount))  # noqa: S311  # repeatable on purpose
            self.bystanders.maybe()

    def _stall(self, seconds: float) -> None:
        """Stop the present process (SIGSTOP) for so long, while the others go on."""
        ends = self.moments.seconds + seconds
        while self.moments.seconds < ends:
            self.advance(min(SWEEP, ends - self.moments.seconds))
            self.sweep()
            for _ in range(min(2, len(self.broker))):
                self.deliver(0)

    def storm(self, chance: random.Random) -> None:
        """Have a few things happen at once, in other processes."""
        for _ in range(chance.randint(1, 3)):
            what = chance.randrange(5)
            if what == 0:
                self.deliver(chance.randrange(8), keep=chance.random() < 0.5)
            elif what == 1:
                self.sweep()
            elif what == 2:
                verbs = ("check", "retry", "withdraw", "approve", "send_back")
                self.decide(chance.choice(verbs), chance.randrange(4))
            elif what == 3:
                self.advance(chance.choice((1, 12, 40)))
            else:
                self.in_console(chance.randrange(3), chance.randrange(2), chance.randrange(6))

    def in_console(self, what: int, account: int, number: int) -> None:
        """Have somebody change what a sub account has, behind the portal's back."""
        sub, trunk = self.place.subs[account % 2], self.place.trunks[number % 2]
        dnis = self.place.dnis(number)
        if what % 3 == 0:
            caller_id = ("", "+14155550111")[number % 2]
            order = {"trunk_id": trunk.zoom_id, "dnis": dnis, "outbound_caller_id": caller_id}
            self.zoom.by_hand("put_trunk", sub.zoom_id, **order)
        else:
            self.zoom.by_hand("remove_trunk", sub.zoom_id, dnis=dnis)

    # --- how it is wired

    def _pick(self, index: int) -> TrunkRequest | None:
        found = self.requests()
        return found[index % len(found)] if found else None

    def _actor(self, verb: str, trunk_request: TrunkRequest) -> User:
        if verb == "withdraw":
            return trunk_request.filed_by
        return self.people.supervisors[trunk_request.pk % 2]

    def _sleep(self, seconds: float) -> None:
        self.reach("sleep")
        self.advance(seconds)

    def _client(self, master: MasterAccount, **hooks: Any) -> Caller:
        return Caller(self, **hooks)

    def _signature(self, name: str, args: list[int]) -> Bell:
        return Bell(self, name, args[0])


class Bell:
    """What Celery's signature is to `dispatch`: rings on `delay()`, if the broker is there."""

    def __init__(self, portal: Portal, name: str, pk: int) -> None:
        self._portal, self._ring = portal, (name, pk)

    def delay(self) -> None:
        self._portal.reach("ring")
        if self._portal.broker_is_down:
            raise BrokerDown("connection refused")
        self._portal.broker.append(self._ring)
