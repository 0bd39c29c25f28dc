"""The list of requests: filters, search, pages."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from trunks.models import SubAccount, TrunkRequest, User
from trunks.workflow import filing, review


def shown(client: Client, query: str = "") -> list[str]:
    response = client.get(f"/requests/{query}")
    assert response.status_code == 200
    return [row.reference for row in response.context["page"].rows]


def test_the_list_is_read_only(signed_in: SignedIn, staff: User) -> None:
    assert signed_in(staff).post("/requests/").status_code == 405


def test_requests_of_other_masters_are_not_listed(
    signed_in: SignedIn, other_staff: User, trunk_request: TrunkRequest
) -> None:
    assert shown(signed_in(other_staff)) == []


def test_a_stranger_sees_nothing(signed_in: SignedIn, stranger: User, trunk_request: TrunkRequest) -> None:
    client = signed_in(stranger)
    assert shown(client) == []
    assert "New request" not in client.get("/requests/").content.decode()


@pytest.mark.parametrize(
    "q", ["{reference}", "{number}", "adatum", "adatum-account-id", "18888123", "188881", "chg-1"]
)
def test_it_is_found_by_reference_sub_account_dnis_and_ticket(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest, q: str
) -> None:
    wanted = q.format(reference=trunk_request.reference, number=trunk_request.pk)
    assert shown(signed_in(staff), f"?q={wanted}") == [trunk_request.reference]


@pytest.mark.parametrize("q", ["nobody", "8888123", "%00", "TR-999999999999999999999", "٣", "%25"])
def test_what_does_not_match_is_an_empty_list(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest, q: str
) -> None:
    expected = [trunk_request.reference] if q == "%00" else []
    assert shown(signed_in(staff), f"?q={q}") == expected


def test_the_filters_narrow(
    signed_in: SignedIn, staff: User, second_staff: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    client = signed_in(staff)
    assert shown(client, "?state=pending&mine=1") == [trunk_request.reference]
    assert shown(client, "?state=done") == []
    assert shown(client, "?state=nonsense") == [trunk_request.reference]
    assert shown(signed_in(second_staff), "?mine=1") == []
    review.deny(trunk_request, actor=supervisor, version=1, comment="No")
    assert shown(client, "?state=denied") == [trunk_request.reference]


def test_an_empty_list_says_what_is_next(signed_in: SignedIn, staff: User, manager: User) -> None:
    assert "File the first one" in signed_in(staff).get("/requests/").content.decode()
    assert "when staff file them" in signed_in(manager).get("/requests/").content.decode()
    assert "No request matches." in signed_in(staff).get("/requests/?q=x").content.decode()


def test_names_are_escaped(signed_in: SignedIn, staff: User, trunk_request: TrunkRequest) -> None:
    SubAccount.objects.update(name="<script>alert(1)</script>")
    content = signed_in(staff).get("/requests/").content.decode()
    assert "<script>alert(1)" not in content
    assert "&lt;script&gt;alert(1)" in content


def test_it_pages_forwards_and_backwards(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    for number in range(53):
        filing.file(cast.draft(estate.sub, estate.trunk, str(18888100 + number)), actor=staff)
    client = signed_in(staff)
    first = client.get("/requests/?mine=1").context["page"]
    assert len(first.rows) == 50
    assert first.previous_url == ""
    second = client.get(f"/requests/{first.next_url}").context["page"]
    assert len(second.rows) == 3
    assert "mine=1" in first.next_url
    assert second.next_url == ""
    back = client.get(f"/requests/{second.previous_url}").context["page"]
    assert [row.pk for row in back.rows] == [row.pk for row in first.rows]
    assert back.previous_url == ""


@pytest.mark.parametrize(
    "place", ["x", "[]", '["a"]', "[1,2]", "[" * 2000, "null", "[1e999]", '["1\\u0000"]']
)
def test_a_stale_place_shows_the_first_page(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest, place: str
) -> None:
    response = signed_in(staff).get("/requests/", {"after": place})
    assert response.status_code == 200
    assert response.context["page"].rows


@pytest.mark.parametrize("count", [1, 7])
def test_the_number_of_queries_is_fixed(
    signed_in: SignedIn,
    staff: User,
    estate: cast.Estate,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
) -> None:
    for number in range(count):
        first = 18888100 + 2 * number
        filing.file(cast.draft(estate.sub, estate.trunk, str(first), str(first + 1)), actor=staff)
    client = signed_in(staff)
    with django_assert_num_queries(8):
        client.get("/requests/?q=adatum")
