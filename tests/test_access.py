"""Loading and permission in one: what a person may not know of does not exist."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404

from tests import cast
from trunks import access
from trunks.models import ListedTrunk, Role, RoleGrant, SubAccount, TrunkRequest, User
from trunks.workflow import filing

pytestmark = pytest.mark.sqlite


@pytest.fixture
def foreign_request(estate: cast.Estate, other_staff: User) -> TrunkRequest:
    return filing.file(cast.draft(estate.foreign_sub, estate.foreign_trunk, "70003555"), actor=other_staff)


@pytest.mark.parametrize("who", ["staff", "supervisor", "manager", "administrator"])
def test_a_role_for_all_masters_counts_for_later_ones_too(
    who: str, estate: cast.Estate, request: pytest.FixtureRequest
) -> None:
    user = request.getfixturevalue(who)
    later = cast.master_account("Later", "later-account-id")
    assert set(access.masters_for(user)) == {estate.master, estate.foreign_master, later}


def test_a_role_for_one_master_shows_that_one(
    estate: cast.Estate, trunk_request: TrunkRequest, foreign_request: TrunkRequest, other_staff: User
) -> None:
    assert list(access.masters_for(other_staff)) == [estate.foreign_master]
    assert list(access.fileable_masters(other_staff)) == [estate.foreign_master]
    assert list(access.trunk_requests_for(other_staff)) == [foreign_request]
    assert list(access.sub_accounts_for(other_staff)) == [estate.foreign_sub]
    assert list(access.master_trunks_for(other_staff)) == [estate.foreign_trunk]


@pytest.mark.parametrize("who", ["stranger", "nobody", "gone", "ended"])
def test_who_has_no_role_in_force_sees_nothing(who: str, trunk_request: TrunkRequest, stranger: User) -> None:
    user = stranger
    if who == "nobody":
        user = cast.person("Sol Only", superuser=True)
    elif who == "gone":
        user = cast.person("Gus Gone", *Role)
        User.objects.filter(pk=user.pk).update(is_active=False)
        user.refresh_from_db()
    elif who == "ended":
        user = cast.person("Ed Ended", *Role)
        RoleGrant.objects.filter(user=user).update(ends_on=cast.LONG_AGO.date())
    rows: list[Any] = [
        *access.masters_for(user),
        *access.trunk_requests_for(user),
        *access.waiting_for(user),
        *access.sub_accounts_for(user),
        *access.master_trunks_for(user),
    ]
    assert rows == []


LOADERS: list[tuple[Callable[[User, int], Any], str]] = [
    (access.trunk_request_for, "trunk_request"),
    (access.sub_account_for, "sub"),
    (access.master_trunk_for, "trunk"),
    (access.master_for, "master"),
]


@pytest.mark.parametrize(("load", "name"), LOADERS)
def test_by_address_the_same_is_found_as_in_lists(
    load: Callable[[User, int], Any],
    name: str,
    estate: cast.Estate,
    trunk_request: TrunkRequest,
    staff: User,
    other_staff: User,
) -> None:
    row = trunk_request if name == "trunk_request" else getattr(estate, name)
    assert load(staff, row.pk) == row
    for user, pk in ((other_staff, row.pk), (staff, 10**9), (staff, 0)):
        with pytest.raises(Http404):
            load(user, pk)


def test_a_request_comes_with_everything_its_page_shows(
    trunk_request: TrunkRequest, staff: User, django_assert_num_queries: Any
) -> None:
    assert staff.grants
    with django_assert_num_queries(2):
        found = access.trunk_request_for(staff, trunk_request.pk)
        texts = [str(found.master), str(found.sub_account), str(found.filed_by), str(found.approved_by)]
        texts += [str(line.trunk) for line in found.lines.all()]
    assert texts == ["Northwind", "Adatum Logistics", "Stella Staff", "None", "HQ trunk"]


def test_what_waits_is_for_supervisors_oldest_first_and_their_own_included(
    estate: cast.Estate, trunk_request: TrunkRequest, superuser: User, supervisor: User, staff: User
) -> None:
    mine = filing.file(cast.draft(estate.sub, estate.trunk, "18888555"), actor=superuser)
    assert list(access.waiting_for(superuser)) == [trunk_request, mine]
    assert list(access.waiting_for(supervisor)) == [trunk_request, mine]
    assert list(access.waiting_for(staff)) == []
    cast.approved(trunk_request, supervisor)
    assert list(access.waiting_for(superuser)) == [mine]


def test_administering_is_for_administrators(
    estate: cast.Estate, administrator: User, supervisor: User
) -> None:
    assert estate.master in access.administered_masters(administrator)
    assert not access.administered_masters(supervisor).exists()


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("", {"Adatum Logistics", "Fourth Coffee"}),
        ("ADATUM", {"Adatum Logistics"}),
        ("fourth-coffee-acc", {"Fourth Coffee"}),
        ("1001", {"Adatum Logistics"}),
        ("18888", {"Fourth Coffee"}),
        ("8888", set()),
        ("Tailspin", set()),
        ("%", set()),
        ("_", set()),
    ],
)
def test_sub_accounts_are_found_by_name_id_number_and_dnis(
    q: str, found: set[str], estate: cast.Estate
) -> None:
    here = cast.person("Hans Here", Role.STAFF, master=estate.master)
    SubAccount.objects.filter(pk=estate.sub.pk).update(number="10010370001")
    for dnis, gone_at in (("18888123", None), ("18888124", None), ("90001123", cast.LONG_AGO)):
        ListedTrunk.objects.create(
            master=estate.master,
            sub_account=estate.other_sub,
            zoom_id="4711",
            dnis=dnis,
            first_seen_at=cast.LONG_AGO,
            last_seen_at=cast.LONG_AGO,
            gone_at=gone_at,
        )
    assert [row.name for row in access.search_sub_accounts(here, q)] == sorted(found)


def test_a_search_of_sub_accounts_puts_no_question_to_each_of_them(staff: User) -> None:
    asked = str(access.search_sub_accounts(staff, "18888").query)
    assert "18888" in asked
    assert "EXISTS" not in asked


@pytest.mark.parametrize(
    ("q", "found"),
    [("", 2), ("hq", 1), ("268", 1), ("18888", 1), ("trunk", 2), ("Carrier", 0), ("8888", 0)],
)
def test_trunks_are_found_by_name_id_and_dnis(q: str, found: int, estate: cast.Estate) -> None:
    here = cast.person("Hans Here", Role.STAFF, master=estate.master)
    assert access.search_master_trunks(here, q).count() == found


def test_a_page_for_others_says_for_whom(
    staff: User, superuser: User, other_staff: User, estate: cast.Estate
) -> None:
    access.require(staff, Role.STAFF)
    access.require(staff, Role.ADMINISTRATOR, Role.STAFF, master_id=estate.master.pk)
    access.require(other_staff, Role.STAFF, master_id=estate.foreign_master.pk)
    with pytest.raises(PermissionDenied, match="role manager or administrator"):
        access.require(superuser, Role.MANAGER, Role.ADMINISTRATOR)
    with pytest.raises(PermissionDenied, match="role staff"):
        access.require(other_staff, Role.STAFF, master_id=estate.master.pk)
