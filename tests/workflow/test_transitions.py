"""move(): the table, the compare-and-swap, and the event that goes with it."""

from functools import partial

import pytest
from django.db import connection, transaction

from tests import trail
from tests.together import together
from trunks import audit
from trunks.actions import Action
from trunks.models import State, TrunkRequest, User
from trunks.workflow.errors import Stale
from trunks.workflow.transitions import MOVES, NoSuchMove, move, who_was_first

pytestmark = pytest.mark.sqlite

ENDS = {State.DONE, State.DENIED, State.WITHDRAWN, State.EXPIRED}


def place(trunk_request: TrunkRequest, state: str) -> TrunkRequest:
    """Put the request into `state` behind the portal's back."""
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=state)
    trunk_request.refresh_from_db()
    return trunk_request


def test_every_state_is_in_the_table() -> None:
    assert set(MOVES) == set(State)


def test_an_end_is_an_end() -> None:
    assert {state for state, ways in MOVES.items() if not ways} == ENDS


def test_every_state_can_be_reached_from_pending_and_every_open_one_can_end() -> None:
    def reachable(start: State) -> set[State]:
        found, todo = {start}, [start]
        while todo:
            ways = MOVES[todo.pop()] - found
            found |= ways
            todo += ways
        return found

    assert reachable(State.PENDING) == set(State)
    assert all(reachable(state) & ENDS for state in State)


@pytest.mark.parametrize("leaving", State)
def test_a_move_happens_exactly_when_the_table_has_it(
    leaving: State, trunk_request: TrunkRequest, staff: User
) -> None:
    for to in State:
        place(trunk_request, leaving)
        version = trunk_request.version
        try:
            with transaction.atomic():
                move(trunk_request, to, Action.REQUEST_AMENDED, actor=staff)
        except NoSuchMove:
            assert to not in MOVES[leaving]
            assert TrunkRequest.objects.get(pk=trunk_request.pk).version == version
        else:
            assert to in MOVES[leaving]
            assert (trunk_request.state, trunk_request.version) == (to, version + 1)


def test_the_event_has_what_was_and_what_is(trunk_request: TrunkRequest, staff: User) -> None:
    with transaction.atomic():
        move(
            trunk_request,
            State.WITHDRAWN,
            Action.REQUEST_WITHDRAWN,
            actor=staff,
            before={"a": 1},
            after={"a": 2},
            comment="why",
            tracking_id="WEB_1",
        )
    event = audit.last_mover(trunk_request)
    assert event is not None
    assert event.before == {"state": "pending", "a": 1}
    assert event.after == {"state": "withdrawn", "a": 2}
    assert (event.comment, event.tracking_id) == ("why", "WEB_1")


@pytest.mark.parametrize("seen", [0, 2, 99])
def test_another_version_is_stale_and_writes_nothing(
    seen: int, trunk_request: TrunkRequest, staff: User
) -> None:
    with pytest.raises(Stale, match="Stella Staff filed the request"), transaction.atomic():
        move(trunk_request, State.WITHDRAWN, Action.REQUEST_WITHDRAWN, actor=staff, version=seen)
    trunk_request.refresh_from_db()
    assert (trunk_request.state, audit.history(trunk_request).count()) == ("pending", 1)


def test_another_fence_is_stale(trunk_request: TrunkRequest) -> None:
    place(trunk_request, State.APPLYING)
    with pytest.raises(Stale), transaction.atomic():
        move(trunk_request, State.DONE, Action.PROVISIONING_SETTLED, actor=None, why="test", fence=1)
    with transaction.atomic():
        move(trunk_request, State.DONE, Action.PROVISIONING_SETTLED, actor=None, why="test", fence=0)
    assert trunk_request.state == "done"


def test_a_state_that_changed_since_it_was_loaded_is_stale(trunk_request: TrunkRequest, staff: User) -> None:
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=State.APPROVED)
    with pytest.raises(Stale), transaction.atomic():
        move(trunk_request, State.WITHDRAWN, Action.REQUEST_WITHDRAWN, actor=staff)


def test_an_unknown_state_is_nowhere_in_the_table(trunk_request: TrunkRequest, staff: User) -> None:
    with pytest.raises(NoSuchMove), transaction.atomic():
        move(trunk_request, "perhaps", Action.REQUEST_WITHDRAWN, actor=staff)  # type: ignore[arg-type]


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_moves(trunk_request: TrunkRequest, staff: User) -> None:
    assert not connection.in_atomic_block
    with pytest.raises(NoSuchMove, match="in a transaction"):
        move(trunk_request, State.WITHDRAWN, Action.REQUEST_WITHDRAWN, actor=staff)
    trunk_request.refresh_from_db()
    assert trunk_request.state == "pending"


@pytest.mark.parametrize("broken", [{"actor": None}, {"actor": None, "why": ""}])
def test_a_move_that_cannot_be_recorded_is_not_made(
    broken: dict[str, None], trunk_request: TrunkRequest
) -> None:
    with pytest.raises(audit.NotRecorded), transaction.atomic():
        move(trunk_request, State.WITHDRAWN, Action.REQUEST_WITHDRAWN, **broken)  # type: ignore[arg-type]
    assert TrunkRequest.objects.get(pk=trunk_request.pk).state == "pending"


def test_who_was_first_is_silent_about_refusals(trunk_request: TrunkRequest, staff: User) -> None:
    with transaction.atomic():
        audit.record(Action.ACTION_REFUSED, actor=staff, on=trunk_request)
    assert who_was_first(trunk_request).startswith("Stella Staff filed the request on ")


def test_without_any_event_the_standing_is_told_all_the_same(trunk_request: TrunkRequest) -> None:
    with trail.unguarded():
        audit.history(trunk_request).delete()
    assert who_was_first(trunk_request) == f"{trunk_request.reference} is now: Waiting for a decision."


@pytest.mark.django_db(transaction=True)
def test_of_many_movers_at_once_one_moves(trunk_request: TrunkRequest, staff: User) -> None:
    def withdraw(mine: TrunkRequest) -> None:
        with transaction.atomic():
            move(mine, State.WITHDRAWN, Action.REQUEST_WITHDRAWN, actor=staff, version=1)

    # All are read before anybody moves: who read afterwards would hear that there is no such move.
    pages = [TrunkRequest.objects.get(pk=trunk_request.pk) for _ in range(5)]
    results = together(*(partial(withdraw, page) for page in pages))
    assert results.count(None) == 1
    assert sum(isinstance(result, Stale) for result in results) == 4
    assert audit.history(trunk_request).filter(action="request.withdrawn").count() == 1
