"""How an occasion is told of once: in the transaction of its event, by one worker, and by the sweep."""

import pytest
from django.db import IntegrityError, transaction

from tests import cast
from tests.outbox import deliver, standing
from tests.together import together
from trunks import dispatch, tasks
from trunks.models import Notice, Occasion, Topic, TrunkRequest, User
from trunks.workflow import filing, occasions, spreading

pytestmark = pytest.mark.sqlite


def test_an_event_that_is_rolled_back_is_told_to_nobody(
    estate: cast.Estate, staff: User, supervisor: User
) -> None:
    with transaction.atomic():
        filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=staff)
        transaction.set_rollback(True)
    assert not Occasion.objects.exists()


def test_it_is_written_with_one_row_in_the_transaction_of_the_event(
    trunk_request: TrunkRequest, supervisor: User
) -> None:
    cast.approved(trunk_request, supervisor)
    found = Occasion.objects.order_by("id").values_list("key", "topic", "facts__action", "spread_at")
    assert list(found) == [
        (f"asked:{trunk_request.pk}:1", "asked", "request.filed", None),
        (f"decided:{trunk_request.pk}:2", "decided", "request.approved", None),
    ]
    assert not Notice.objects.exists()


def test_letters_are_made_once_however_often_the_worker_is_rung(
    trunk_request: TrunkRequest, supervisor: User
) -> None:
    pk = Occasion.objects.get().pk
    for _ in range(3):
        tasks.spread(pk)
    tasks.spread(pk + 1)
    assert standing() == [("Sam Supervisor", "waiting")]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_the_letters_once(trunk_request: TrunkRequest, supervisor: User) -> None:
    pk = Occasion.objects.get().pk
    assert together(*[lambda: spreading.spread(pk)] * 3) == [None] * 3
    assert standing() == [("Sam Supervisor", "waiting")]


def test_who_comes_second_between_look_and_claim_makes_none(
    trunk_request: TrunkRequest, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    occasion = Occasion.objects.get()
    real = spreading._UNSPREAD

    def look_too_early(**given: int) -> list[Occasion]:
        monkeypatch.undo()
        found = real(**given)
        spreading.spread(occasion.pk)
        return found

    monkeypatch.setattr(spreading, "_UNSPREAD", look_too_early)
    spreading.spread(occasion.pk)
    assert Notice.objects.count() == 1


class Bell:
    """Stands in for the broker; `down` after so many rings."""

    def __init__(self, down_after: int = 99) -> None:
        self.rings: list[tuple[str, int]] = []
        self.down_after = down_after

    def __call__(self, task: str, pk: int) -> bool:
        if len(self.rings) >= self.down_after:
            return False
        self.rings.append((task, pk))
        return True


def test_the_sweep_rings_for_what_was_lost_and_for_nothing_else(
    trunk_request: TrunkRequest, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = Bell()
    monkeypatch.setattr(dispatch, "ring_now", bell)
    spreading.ring_lost()
    assert bell.rings == [(dispatch.SPREAD_DUE, 0)]
    spreading.spread_due()
    assert not Occasion.objects.unspread().exists()
    spreading.ring_lost()
    assert bell.rings[1:] == [(dispatch.LETTERS, 0)]
    deliver()
    spreading.ring_lost()
    assert len(bell.rings) == 2


def test_however_many_wait_the_sweep_rings_once_for_all_of_them(
    trunk_request: TrunkRequest, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = Bell()
    monkeypatch.setattr(dispatch, "ring_now", bell)
    told = Occasion.objects.get()
    more = [Occasion(key=str(n), trunk_request=trunk_request, topic=told.topic, at=told.at) for n in range(3)]
    Occasion.objects.bulk_create(more)
    spreading.ring_lost()
    assert bell.rings == [(dispatch.SPREAD_DUE, 0)]
    spreading.spread_due()
    assert not Occasion.objects.unspread().exists()


def test_a_broker_that_is_down_ends_the_ringing(
    trunk_request: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = Bell(down_after=0)
    monkeypatch.setattr(dispatch, "ring_now", bell)
    spreading.ring_lost()
    assert bell.rings == []


def test_of_two_sweeps_that_find_it_at_once_one_tells(
    estate: cast.Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_the_other_wrote_it(*_: object) -> None:
        raise IntegrityError("there is such a key")

    monkeypatch.setattr(occasions, "_create", as_the_other_wrote_it)
    assert not occasions.note_once(Topic.TROUBLE, None, "trouble:1", {})
    assert not Occasion.objects.exists()
