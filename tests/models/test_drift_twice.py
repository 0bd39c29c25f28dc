"""A DNIS that is listed more than once: at two sub accounts, or at one."""

import pytest

from tests import cast
from tests.models import listing
from tests.models.listing import DONE, READ, found, listed, word
from trunks.models import Kind, LineState, ListedTrunk, SubAccount, User
from trunks.models.drift import ALARMING, Drift, drifting, listed_as

pytestmark = pytest.mark.sqlite
read = listing.read


def test_one_dnis_at_two_sub_accounts_of_a_master_is_twice(estate: cast.Estate, staff: User) -> None:
    word(estate, staff)
    mine, other = listed(estate.sub), listed(estate.other_sub)
    listed(estate.foreign_sub)
    assert found(estate) == [("18888001", Drift.TWICE)] * 2
    assert list(listed_as([mine])) == [mine, other]
    SubAccount.objects.filter(pk=estate.other_sub.pk).update(trunks_problem="Zoom is in trouble.")
    assert found(estate) == []


def test_one_dnis_twice_at_one_sub_account_is_twice(estate: cast.Estate, staff: User) -> None:
    word(estate, staff)
    listed(estate.sub)
    again = listed(estate.sub, zoom_id="own-again")
    listed(estate.sub, "18888002", zoom_id="nobody's")
    assert found(estate) == [("18888001", Drift.TWICE)] * 2 + [("18888002", Drift.NOT_FILED)]
    assert len(drifting(SubAccount.objects.all(), ALARMING, many=True)) == 2
    ListedTrunk.objects.filter(pk=again.pk).update(last_seen_at=DONE)
    assert found(estate, *ALARMING) == [], "the newest list does not show it"
    ListedTrunk.objects.filter(pk=again.pk).update(last_seen_at=READ, gone_at=READ)
    assert found(estate, *ALARMING) == []


def test_so_it_is_where_no_line_is_about_it(estate: cast.Estate) -> None:
    listed(estate.sub)
    listed(estate.sub, zoom_id="own-again")
    found = [getattr(row, "drift") for row in drifting(SubAccount.objects.all(), ALARMING, many=True)]  # noqa: B009
    assert found == [Drift.TWICE] * 2


def test_what_is_to_be_gone_is_still_there_however_often(estate: cast.Estate, staff: User) -> None:
    word(estate, staff, LineState.UNASSIGNED, kind=Kind.UNASSIGN)
    listed(estate.sub)
    listed(estate.sub, zoom_id="own-again")
    assert found(estate) == [("18888001", Drift.STILL_THERE)] * 2


def test_a_dnis_of_two_master_accounts_is_no_drift(estate: cast.Estate, staff: User) -> None:
    word(estate, staff)
    listed(estate.sub)
    listed(estate.foreign_sub)
    assert found(estate) == []
