"""How full the DNIS ranges are."""

import pytest
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.views.test_estate import listed
from trunks.models import Hold, Line, ListedTrunk, TrunkRequest, usage

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_a_dnis_counts_once_however_often_it_is_listed_or_held(
    estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    listed(estate.sub, "18888001")
    listed(estate.other_sub, "18888001")
    assert usage.ranges([estate.trunk])[estate.trunk.pk] == usage.Range("18888", listed=1, held=1)
    listed(estate.sub, "18888123")
    assert usage.ranges([estate.trunk])[estate.trunk.pk] == usage.Range("18888", listed=2, held=0)


def test_only_dnis_of_full_length_use_up_the_range(estate: cast.Estate) -> None:
    listed(estate.sub, "18888")
    listed(estate.sub, "1888812")
    assert usage.ranges([estate.trunk])[estate.trunk.pk].free == 1000


def test_what_is_gone_or_released_is_free_again(estate: cast.Estate, trunk_request: TrunkRequest) -> None:
    listed(estate.sub, "18888001")
    ListedTrunk.objects.update(gone_at=cast.LONG_AGO)
    Line.objects.update(hold=Hold.NONE)
    assert usage.ranges([estate.trunk])[estate.trunk.pk].used == 0


def test_the_same_dnis_at_another_master_counts_there_only(estate: cast.Estate) -> None:
    listed(estate.foreign_sub, "18888001")
    listed(estate.foreign_sub, "70003001")
    found = usage.ranges([estate.trunk, estate.foreign_trunk])
    assert (found[estate.trunk.pk].used, found[estate.foreign_trunk.pk].used) == (0, 1)


def test_a_trunk_without_a_prefix_has_no_range(estate: cast.Estate) -> None:
    estate.trunk.dnis = "12"
    listed(estate.sub, "12345678")
    assert usage.ranges([estate.trunk])[estate.trunk.pk] == usage.Range("")
    assert usage.Range("").size == 0


def test_all_trunks_are_counted_in_two_queries(
    estate: cast.Estate, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        found = usage.ranges([estate.trunk, estate.other_trunk, estate.foreign_trunk])
    assert len(found) == 3
    assert usage.ranges([]) == {}
