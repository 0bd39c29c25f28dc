"""Who is rung for when more requests wait than one sweep rings for."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests import cast
from tests.workflow.conftest import Zoom
from trunks.models import State, SubAccount, TrunkRequest, User
from trunks.workflow import filing, ringing

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
