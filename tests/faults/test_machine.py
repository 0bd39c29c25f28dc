"""The same world, driven by hypothesis: what it finds, it makes as short as it can."""

import logging

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.faults.judging import judge
from tests.faults.points import BLOWS, DATABASE_PLACES, PLACES, Blow
from tests.faults.portal import Portal
from tests.faults.refusing import WHILES
from tests.faults.schedule import rest
from tests.faults.zoom import EFFECTS, KINDS, READ, WRITE, Fault
from trunks.models import Kind
from trunks.sandbox.switches import DEFAULTS

pytestmark = pytest.mark.usefixtures("transactional_db")
SMALL = st.integers(0, 3)
NUMBERS = st.lists(st.integers(0, 7), min_size=1, max_size=4, unique=True)
VERBS = ("approve", "retry", "check", "withdraw", "send_back", "deny")


class Machine(RuleBasedStateMachine):
    """People, broker, workers and Zoom; whatever happened, everything comes to rest and is judged."""

    def __init__(self) -> None:
        super().__init__()
        logging.disable(logging.CRITICAL)
        self.portal = Portal(0).__enter__()

    @rule(
        numbers=NUMBERS, sub=st.integers(0, 1), caller_id=st.integers(0, 2), kind=st.sampled_from(tuple(Kind))
    )
    def file_and_approve(self, numbers: list[int], sub: int, caller_id: int, kind: Kind) -> None:
        self.portal.file(self.portal.place.draft(sub, numbers, caller_id, kind), 0)
        self.portal.decide("approve", -1)

    @rule(index=SMALL, numbers=NUMBERS, sub=st.integers(0, 1))
    def amend(self, index: int, numbers: list[int], sub: int) -> None:
        self.portal.amend(index, self.portal.place.draft(sub, numbers))

    @rule(verb=st.sampled_from(VERBS), index=SMALL, stale=st.booleans())
    def decide(self, verb: str, index: int, stale: bool) -> None:
        self.portal.decide(verb, index, stale=stale)

    @rule(index=SMALL, keep=st.booleans())
    def deliver(self, index: int, keep: bool) -> None:
        self.portal.deliver(index, keep=keep)

    @rule()
    def empty_the_broker(self) -> None:
        self.portal.broker.clear()

    @rule()
    def sweep(self) -> None:
        self.portal.sweep()

    @rule(seconds=st.sampled_from((1, 15, 40, 75, 120)))
    def advance(self, seconds: int) -> None:
        self.portal.advance(seconds)

    @rule(kind=st.sampled_from(KINDS), hits=st.sampled_from((WRITE, READ)), effect=st.sampled_from(EFFECTS))
    def spoil_a_call(self, kind: str, hits: str, effect: str) -> None:
        self.portal.zoom.faults.append(Fault(kind, hits, effect, 50.0))

    @rule(calls=st.integers(1, 3))
    def limit_the_rate(self, calls: int) -> None:
        self.portal.refusing.limits = calls

    @rule(seconds=st.sampled_from(WHILES))
    def refuse_the_app(self, seconds: int) -> None:
        self.portal.refusing.until = self.portal.moments.seconds + seconds

    @rule(
        place=st.sampled_from(PLACES),
        nth=st.integers(1, 40),
        what=st.sampled_from(BLOWS),
        amount=st.integers(1, 200),
    )
    def strike_a_worker(self, place: str, nth: int, what: str, amount: int) -> None:
        if what != "database" or place in DATABASE_PLACES:
            self.portal.plan.add(Blow(place, nth, what, amount))

    @rule(name=st.sampled_from(sorted(DEFAULTS)), choice=SMALL)
    def switch(self, name: str, choice: int) -> None:
        self.portal.zoom.switch(name, choice)

    @rule(what=st.integers(0, 1), account=st.integers(0, 1), number=st.integers(0, 5))
    def change_in_console(self, what: int, account: int, number: int) -> None:
        self.portal.in_console(what, account, number)

    @rule(act=st.sampled_from(("give_up", "read_estate", "mend")))
    def come_in_between(self, act: str) -> None:
        getattr(self.portal.bystanders, act)()

    def teardown(self) -> None:
        try:
            rest(self.portal)
            assert judge(self.portal) == []
        finally:
            self.portal.__exit__()
            logging.disable(logging.NOTSET)


def test_no_machine_reaches_a_false_state() -> None:
    options = settings(
        max_examples=30,
        stateful_step_count=12,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Machine, settings=options)
