"""One seed, one schedule: what people, broker, machines, databases and Zoom do, drawn from a row of random numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from django.db.models import Min

from tests.faults.estate import PRESENT
from tests.faults.judging import judge
from tests.faults.moments import QUIET, SWEEP
from tests.faults.points import DATABASE_PLACES, PLACES, Blow, Plan
from tests.faults.portal import Portal
from tests.faults.zoom import DOUBTFUL, EFFECTS, KINDS, READ, WRITE, Fault
from trunks.models import WORKING_STATES, Circuit, Kind, Line, TrunkRequest, WriteStop
from trunks.sandbox.switches import DEFAULTS

LONGEST = 4 * 86400.0
MOST_ROUNDS = 400
TROUBLED_ROUNDS = 12
WRITE_PLACES = ("write turn", "write turn", "write leave", "write sent", "write answer")
MOST = {
    "sql": 150,
    "begin": 12,
    "commit": 12,
    "committed": 12,
    "read turn": 6,
    "read sent": 6,
    "read answer": 6,
}


def play(seed: int, without: Callable[[], AbstractContextManager[None]] = nullcontext) -> list[str]:
    """Play the schedule of `seed` to its end, `without` one of the rules, and return what went wrong."""
    with Portal(seed) as portal, without():
        Schedule(portal, random.Random(seed)).play()  # noqa: S311  # repeatable on purpose
        rest(portal)
        return judge(portal)


def rest(portal: Portal) -> None:
    """Let everything come to rest: what was planned still happens, then time goes on until nothing is due."""
    portal.broker_is_down = False
    portal.moments.skew = 0.0
    if WriteStop.current():
        portal.stop_or_start_writing()
    ends = portal.moments.seconds + LONGEST
    for number in range(MOST_ROUNDS):
        if number == TROUBLED_ROUNDS:
            portal.zoom.faults.clear()
            portal.plan.blows.clear()
            portal.refusing.end()
        portal.sweep()
        while portal.broker:
            portal.deliver(0)
        if number < TROUBLED_ROUNDS:
            portal.bystanders.maybe()
        waiting = TrunkRequest.objects.filter(master=portal.place.master, state__in=WORKING_STATES)
        if (not waiting.exists() and not portal.zoom.flights) or portal.moments.seconds > ends:
            break
        portal.advance(_until_next(portal))
    read_what_was_given_up(portal)


def read_what_was_given_up(portal: Portal) -> None:
    """Have the estate read as often as it takes to know what became of the lines that people gave up."""
    portal.zoom.faults.clear()
    portal.plan.blows.clear()
    portal.refusing.end()
    while portal.zoom.flights:
        portal.advance(QUIET)
    for _ in range(3):
        if Line.objects.doubtful().filter(master=portal.place.master).exists():
            portal.advance(2 * QUIET)
            portal.bystanders.read_estate()


def _until_next(portal: Portal) -> float:
    """Return the seconds until something is due: a lease, an attempt, or a write that lands."""
    working = TrunkRequest.objects.filter(master=portal.place.master, state__in=WORKING_STATES)
    probes = Circuit.objects.open().filter(master=portal.place.master)
    moments = [
        *working.aggregate(Min("next_attempt_at"), Min("lease_until")).values(),
        *probes.values_list("next_probe_at", flat=True),
    ]
    left = [(moment - portal.moments.now()).total_seconds() for moment in moments if moment]
    left += [flight.lands_at - portal.moments.seconds for flight in portal.zoom.flights]
    return max(min((seconds for seconds in left if seconds > 0), default=SWEEP), 0.001) + 0.001


class Schedule:
    """The draw of one schedule: what happens next, and what strikes whom."""

    def __init__(self, portal: Portal, chance: random.Random) -> None:
        self.portal = portal
        self.chance = chance

    def play(self) -> None:
        for name in DEFAULTS:
            if self.chance.random() < 0.3:
                self.portal.zoom.switch(name, self.chance.randrange(4))
        for _ in range(self.chance.randint(0, 4)):
            self._arm()
        for _ in range(self.chance.randint(1, 5)):
            self._plan()
        for _ in range(self.chance.randint(1, 3)):
            self._file_and_approve()
        for _ in range(self.chance.randint(2, 9)):
            step = self.chance.choices(list(STEPS), weights=list(STEPS.values()))[0]
            step(self)
            self.portal.bystanders.maybe()
            self.portal.refusing.maybe()

    def _plan(self) -> None:
        """Have something strike one of the workers."""
        self.portal.plan.add(self._blow())

    def _blow(self) -> Blow:
        place = self.chance.choice(WRITE_PLACES if self.chance.random() < 0.4 else PLACES)
        nth = self.chance.randint(1, MOST.get(place, 2))
        what = self.chance.choices(("kill", "database", "stall", "storm"), (4, 2, 3, 3))[0]
        if what == "database" and place not in DATABASE_PLACES:
            what = "kill"
        seconds = self.chance.choice((5, 20, 50, 70, 100, 130, 130, 200))
        return Blow(place, nth, what, seconds if what == "stall" else self.chance.randrange(1 << 30))

    def _own_plan(self) -> Plan:
        """Return what strikes the one process that is about to begin."""
        return Plan([self._blow()] if self.chance.random() < 0.2 else [])

    def _file(self) -> None:
        numbers = [self.chance.randrange(6) for _ in range(self.chance.choice((1, 1, 2, 3, 4)))]
        kind, sub = self.chance.choices(tuple(Kind), (7, 1, 2))[0], self.chance.randrange(2)
        if kind == Kind.UNASSIGN:
            numbers = [self.chance.choice((*PRESENT, number)) for number in numbers]
        elif kind == Kind.CHANGE:
            sub, numbers = 0, [self.chance.choice((*PRESENT, number)) for number in numbers[:2]]
        draft = self.portal.place.draft(sub, numbers, self.chance.randrange(3), kind)
        self.portal.file(draft, self.chance.randrange(2))

    def _file_and_approve(self) -> None:
        self._file()
        self.portal.decide("approve", -1, plan=self._own_plan())

    def _decide(self) -> None:
        verbs = ("approve", "approve", "approve", "retry", "check", "withdraw", "send_back", "deny")
        self._decide_on(self.chance.choice(verbs))

    def _decide_on(self, verb: str) -> None:
        stale = self.chance.random() < 0.1
        self.portal.decide(verb, self.chance.randrange(4), stale=stale, plan=self._own_plan())

    def _amend(self) -> None:
        numbers = [self.chance.randrange(6) for _ in range(self.chance.choice((1, 2)))]
        draft = self.portal.place.draft(self.chance.randrange(2), numbers)
        self.portal.amend(self.chance.randrange(4), draft, plan=self._own_plan())

    def _deliver(self) -> None:
        keep = self.chance.random() < 0.25
        self.portal.deliver(self.chance.randrange(8), keep=keep)

    def _lose_ring(self) -> None:
        if self.portal.broker:
            self.portal.broker.pop(self.chance.randrange(len(self.portal.broker)))

    def _sweep(self) -> None:
        self.portal.sweep(self._own_plan())

    def _advance(self) -> None:
        self.portal.advance(self.chance.choice((1, 5, SWEEP, 30, QUIET, 75, 120, 400)))

    def _arm(self) -> None:
        kind = self.chance.choice(DOUBTFUL if self.chance.random() < 0.5 else KINDS)
        hits = self.chance.choices((WRITE, READ), (7, 3))[0]
        effect = self.chance.choice(EFFECTS)
        self.portal.zoom.faults.append(Fault(kind, hits, effect, self.chance.choice((1, 15, 35, 54))))

    def _console(self) -> None:
        self.portal.in_console(self.chance.randrange(3), self.chance.randrange(2), self.chance.randrange(6))

    def _stop_or_start(self) -> None:
        self.portal.stop_or_start_writing()

    def _broker(self) -> None:
        self.portal.broker_is_down = not self.portal.broker_is_down
        if self.chance.random() < 0.5:
            self.portal.broker.clear()

    def _skew(self) -> None:
        self.portal.moments.skew = self.chance.choice((-3600.0, 0.0, 3600.0))

    def _switch(self) -> None:
        self.portal.zoom.switch(self.chance.choice(list(DEFAULTS)), self.chance.randrange(4))


STEPS: dict[Callable[[Schedule], None], float] = {
    Schedule._plan: 3,
    Schedule._file_and_approve: 1,
    Schedule._decide: 3,
    Schedule._amend: 0.5,
    Schedule._deliver: 8,
    Schedule._lose_ring: 1,
    Schedule._sweep: 3,
    Schedule._advance: 3,
    Schedule._arm: 2,
    Schedule._console: 0.7,
    Schedule._stop_or_start: 0.4,
    Schedule._broker: 0.4,
    Schedule._skew: 0.3,
    Schedule._switch: 0.3,
}
