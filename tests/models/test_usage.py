"""How full the ranges are and how busy the sub accounts, in a fixed number of queries."""

from typing import Any

import pytest

from tests import cast
from trunks.models import ListedTrunk, MasterAccount, MasterTrunk, SubAccount, TrunkRequest, User
from trunks.models.usage import Range, ranges, with_counts, with_estate_counts
from trunks.workflow import filing

pytestmark = pytest.mark.sqlite


def listed(sub: SubAccount, dnis: str, *, zoom_id: str = "4711", gone: bool = False) -> None:
    ListedTrunk.objects.create(
        master=sub.master,
        sub_account=sub,
        zoom_id=zoom_id,
        dnis=dnis,
        first_seen_at=cast.LONG_AGO,
        last_seen_at=cast.LONG_AGO,
        gone_at=cast.LONG_AGO if gone else None,
    )


def test_a_range_counts_what_zoom_lists_and_what_requests_hold_once(
    estate: cast.Estate, trunk_request: TrunkRequest, django_assert_num_queries: Any
) -> None:
    listed(estate.sub, "18888123")  # held by the request as well: it is one DNIS
    listed(estate.other_sub, "18888124")
    listed(estate.other_sub, "18888124", zoom_id="4712")  # twice in Zoom's list
    listed(estate.other_sub, "18888125", gone=True)
    listed(estate.other_sub, "1888812")  # not of full length
    listed(estate.foreign_sub, "18888126")  # another master's numbering
    filing.file(cast.draft(estate.sub, estate.trunk, "18888555", "18888556"), actor=trunk_request.filed_by)
    with django_assert_num_queries(2):
        found = ranges([estate.trunk, estate.other_trunk])
    assert found[estate.trunk.pk] == Range("18888", listed=2, held=2)
    assert found[estate.other_trunk.pk] == Range("90001")
    full = found[estate.trunk.pk]
    assert (full.size, full.used, full.free) == (1000, 4, 996)


def test_a_trunk_without_a_prefix_has_no_range(estate: cast.Estate) -> None:
    MasterTrunk.objects.filter(pk=estate.trunk.pk).update(dnis="12")
    [odd] = MasterTrunk.objects.filter(pk=estate.trunk.pk)
    found = ranges([odd])[odd.pk]
    assert (found.size, found.used, found.free) == (0, 0, 0)


def test_a_range_that_is_more_than_full_has_none_free() -> None:
    assert Range("18888", listed=900, held=200).free == 0


def test_sub_accounts_are_counted_with_what_they_have_and_wait_for(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User
) -> None:
    listed(estate.sub, "18888124")
    listed(estate.sub, "18888125", gone=True)
    other = filing.file(cast.draft(estate.sub, estate.trunk, "18888555"), actor=staff)
    filing.withdraw(other, actor=staff, version=1)
    rows: Any = with_counts(SubAccount.objects.filter(master=estate.master))
    found = [(row.name, row.listed_count, row.open_count) for row in rows]
    assert found == [("Adatum Logistics", 1, 1), ("Fourth Coffee", 0, 0)]


def test_master_accounts_are_counted_with_what_is_there_now(estate: cast.Estate) -> None:
    SubAccount.objects.filter(pk=estate.sub.pk).update(gone_at=cast.LONG_AGO)
    rows: Any = with_estate_counts(MasterAccount.objects.all())
    found = [(row.name, row.trunk_count, row.sub_account_count) for row in rows]
    assert found == [("Contoso", 1, 1), ("Northwind", 2, 1)]
