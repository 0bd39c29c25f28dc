"""What changed since a supervisor last looked, and the comparison of any two versions."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from trunks.models import Look, TrunkRequest, User
from trunks.workflow import filing, review


def amend(trunk_request: TrunkRequest, estate: cast.Estate, *dnis: str, reason: str = "New customer") -> None:
    draft = cast.draft(estate.sub, estate.trunk, *dnis, reason=reason)
    filing.amend(trunk_request, draft, actor=trunk_request.filed_by, version=trunk_request.version)


def page(client: Client, trunk_request: TrunkRequest, part: str = "") -> str:
    response = client.get(f"/requests/{trunk_request.reference}/{part}")
    assert response.status_code == 200
    return response.content.decode()


def test_a_supervisor_who_comes_back_reads_what_changed_and_whose_approval_is_void(
    signed_in: SignedIn,
    supervisor: User,
    second_supervisor: User,
    trunk_request: TrunkRequest,
    estate: cast.Estate,
) -> None:
    cast.policy(estate.master, approvals=2)
    client = signed_in(supervisor)
    assert "data-since" not in page(client, trunk_request)
    review.approve(trunk_request, actor=second_supervisor, version=trunk_request.version)
    amend(trunk_request, estate, "18888123", "18888124", reason="New <b>site</b>")
    content = page(client, trunk_request)
    assert "Changed since you last looked (version 1 → 2)" in content
    told = content.split('data-since="1"')[1].split("</section>")[0]
    for words in ("Line 18888124 (added)", "+14155550100", "&lt;b&gt;site&lt;/b&gt;", "No longer counts"):
        assert words in told
    assert "the approval of version 1 by <strong>Sue Supervisor</strong>" in told
    # A second look says what is still true.
    again = page(client, trunk_request)
    assert "Changed since version 1, which you saw before" in again
    assert "since you last looked" not in again
    assert Look.objects.filter(user=supervisor).count() == 2


def test_an_approval_taken_back_was_not_voided_by_the_amendment(
    signed_in: SignedIn,
    supervisor: User,
    second_supervisor: User,
    trunk_request: TrunkRequest,
    estate: cast.Estate,
) -> None:
    cast.policy(estate.master, approvals=2)
    client = signed_in(supervisor)
    page(client, trunk_request)
    review.approve(trunk_request, actor=second_supervisor, version=1)
    review.take_back(trunk_request, actor=second_supervisor, version=trunk_request.version)
    amend(trunk_request, estate, "18888123")
    assert "No longer counts" not in page(client, trunk_request)


def test_who_never_saw_the_old_version_is_told_nothing_of_it(
    signed_in: SignedIn, supervisor: User, staff: User, trunk_request: TrunkRequest, estate: cast.Estate
) -> None:
    page(signed_in(staff), trunk_request)
    amend(trunk_request, estate, "18888124")
    for user in (staff, supervisor):
        content = page(signed_in(user), trunk_request)
        assert "data-since" not in content
        assert "Version 2" in content  # but the list of versions is everybody's


def test_an_amendment_that_changes_nothing_says_so(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest
) -> None:
    client = signed_in(supervisor)
    page(client, trunk_request)
    draft = filing.draft_of(trunk_request)
    filing.amend(trunk_request, draft, actor=trunk_request.filed_by, version=1)
    assert "Nothing that is asked for differs." in page(client, trunk_request)


def test_a_request_of_one_version_shows_no_list_of_versions(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest
) -> None:
    client = signed_in(staff)
    assert "versions-title" not in page(client, trunk_request)
    assert "There is nothing to compare it with." in page(client, trunk_request, "versions/")


def test_any_two_versions_are_compared_in_either_order(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest, estate: cast.Estate
) -> None:
    for dnis in ("18888124", "18888125"):
        amend(trunk_request, estate, dnis)
    client = signed_in(staff)
    last = page(client, trunk_request, "versions/")
    assert "Version 2 → 3" in last
    assert "Line 18888125 (added)" in last
    for asked in ("?from=1&to=3", "?from=3&to=1"):
        content = page(client, trunk_request, f"versions/{asked}")
        assert "Version 1 → 3" in content
        assert "Line 18888123 (removed)" in content
        assert "18888124 (" not in content


@pytest.mark.parametrize("asked", ["from=4", "to=0", "from=x", "from=1%00", "to=-1"])
def test_a_version_that_is_not_there_is_404(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest, asked: str
) -> None:
    response = signed_in(staff).get(f"/requests/{trunk_request.reference}/versions/?{asked}")
    assert response.status_code == 404
    assert "no such version" in response.content.decode()


def test_it_is_read_only_and_of_ones_own_master_accounts(
    signed_in: SignedIn, staff: User, other_staff: User, trunk_request: TrunkRequest
) -> None:
    address = f"/requests/{trunk_request.reference}/versions/"
    assert signed_in(staff).post(address).status_code == 405
    assert signed_in(other_staff).get(address).status_code == 404


@pytest.mark.parametrize("count", [1, 6])
def test_the_number_of_queries_is_fixed(
    signed_in: SignedIn,
    staff: User,
    trunk_request: TrunkRequest,
    estate: cast.Estate,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
) -> None:
    for number in range(count):
        amend(trunk_request, estate, f"1888830{number}", f"1888840{number}")
    client = signed_in(staff)
    with django_assert_num_queries(10):
        page(client, trunk_request, "versions/")
