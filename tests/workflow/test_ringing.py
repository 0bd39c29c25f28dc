"""Who is rung for when more requests wait than one sweep rings for."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests import cast
from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import TRUNKS, to_change
from tests.workflow.timing import let_pass, states
from trunks.models import State, SubAccount, TrunkRequest, User
from trunks.workflow import estate, filing, ringing, settling
from trunks.workflow.provisioning import provision

pytestmark = pytest.mark.sqlite


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return what grows with each ring, of which a sweep gives three at most."""
    asked: list[int] = []

    def ring_now(_: str, pk: int) -> bool:
        asked.append(pk)
        return True

    monkeypatch.setattr("trunks.dispatch.ring_now", ring_now)
    monkeypatch.setattr(ringing, "BATCH", 3)
    return asked


def waiting(zoom: Zoom, staff: User, supervisor: User, sub: SubAccount, number: int) -> TrunkRequest:
    draft = zoom.draft(f"{zoom.trunk.prefix}{number}", sub=sub)
    return cast.approved(filing.file(draft, actor=staff), supervisor)


def test_the_many_of_one_customer_do_not_keep_others_from_being_rung_for(
    zoom: Zoom, staff: User, supervisor: User, rung: list[int]
) -> None:
    many = [waiting(zoom, staff, supervisor, zoom.sub, number) for number in range(771, 776)]
    other = waiting(zoom, staff, supervisor, zoom.other_sub, 776)
    rung.clear()
    assert ringing.ring_ready() == 3
    assert rung == [many[0].pk, other.pk, many[1].pk]


def test_what_is_unconfirmed_comes_before_what_waits_for_it(
    zoom: Zoom, staff: User, supervisor: User, rung: list[int]
) -> None:
    first, second = (waiting(zoom, staff, supervisor, zoom.sub, number) for number in (771, 772))
    TrunkRequest.objects.filter(pk=second.pk).update(state=State.UNCONFIRMED)
    rung.clear()
    ringing.ring_ready()
    assert rung == [second.pk, first.pk]


def test_who_was_never_put_off_waits_since_the_approval(
    zoom: Zoom, staff: User, supervisor: User, rung: list[int]
) -> None:
    lately, long, longest = (
        waiting(zoom, staff, supervisor, sub, number)
        for sub, number in ((zoom.sub, 771), (zoom.other_sub, 772), (zoom.other_sub, 773))
    )
    for place, one in enumerate((longest, long, lately)):
        at = timezone.now() - timedelta(hours=3 - place)
        changes = {"next_attempt_at": at} if one == long else {"changed_at": at}
        TrunkRequest.objects.filter(pk=one.pk).update(**changes)
    rung.clear()
    ringing.ring_ready()
    assert rung == [longest.pk, lately.pk, long.pk]


def test_a_customer_without_a_trunk_comes_before_everybody_else(
    zoom: Zoom, staff: User, supervisor: User, rung: list[int]
) -> None:
    before, change = halfway_behind(zoom, staff, supervisor)
    other = waiting(zoom, staff, supervisor, zoom.other_sub, 779)
    long_ago = timezone.now() - timedelta(hours=1)
    TrunkRequest.objects.exclude(pk=change.pk).update(changed_at=long_ago)
    rung.clear()
    ringing.ring_ready()
    assert rung == [change.pk, other.pk, before.pk]


def test_and_before_what_else_has_waited_for_a_write_to_the_same_sub_account(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    _, change = halfway_behind(zoom, staff, supervisor)
    ended = waiting(zoom, staff, supervisor, zoom.sub, 777)
    TrunkRequest.objects.filter(pk=ended.pk).update(state=State.DONE)
    rung: list[int] = []
    monkeypatch.setattr("trunks.dispatch.ring", lambda _, pk: rung.append(pk))
    with django_capture_on_commit_callbacks(execute=True):
        settling.end(ended, [])
    assert rung == [change.pk]


def halfway_behind(zoom: Zoom, staff: User, supervisor: User) -> tuple[TrunkRequest, TrunkRequest]:
    """Return a request, and a change behind it in the queue that has removed a trunk of the same sub account."""
    zoom.in_console(old := f"{zoom.trunk.prefix}888", "")
    assert estate.sync(zoom.master.pk)
    before = waiting(zoom, staff, supervisor, zoom.sub, 771)
    change = to_change(zoom, staff, supervisor, old, f"{zoom.trunk.prefix}889")
    zoom.sandbox.fault("429", method="POST", path=TRUNKS, seconds=0.1)
    provision(change.pk)
    assert states(change) == ("approved", ["not_sent"])
    let_pass(change, seconds=5)
    return before, change
