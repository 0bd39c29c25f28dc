"""The page of an approval policy, and what the request pages say of it."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from trunks.models import ApprovalPolicy, RoleGrant, TrunkRequest, User
from trunks.workflow import deciders, filing, review


def address(estate: cast.Estate, rest: str = "") -> str:
    return f"/masters/{estate.master.pk}/policy/{rest}"


def typed(**changes: Any) -> dict[str, Any]:
    return {"version": 0, "approvals": 1, "days": list("12345"), "zone": "UTC", "many_lines": 5} | changes


def test_an_administrator_saves_a_version_and_sees_it_in_words(
    signed_in: SignedIn, administrator: User, estate: cast.Estate
) -> None:
    client = signed_in(administrator)
    response = client.post(address(estate), typed(approvals=2, change_approvals=3), follow=True)
    page = response.content.decode()
    assert "Version 1 of the policy of Northwind is in force." in page
    assert "Changing trunks: 3 approvals." in page
    assert ApprovalPolicy.current(estate.master).made_by == administrator


def test_zero_approvals_and_what_cannot_be_read_come_back_with_everything_typed(
    signed_in: SignedIn, administrator: User, estate: cast.Estate
) -> None:
    client = signed_in(administrator)
    for changes in (
        {"approvals": 0},
        {"approvals": ""},
        {"opens": "soon"},
        {"approvals": 2, "change_approvals": 2},
    ):
        response = client.post(address(estate), typed(zone="Europe/Madrid", **changes))
        assert response.status_code == 422
        page = response.content.decode()
        assert "There is a problem" in page
        assert 'value="Europe/Madrid"' in page
    assert not ApprovalPolicy.objects.exists()


def test_the_policy_in_force_saved_again_is_said_in_words_and_not_called_unreadable(
    signed_in: SignedIn, administrator: User, estate: cast.Estate
) -> None:
    response = signed_in(administrator).post(address(estate), typed())
    assert response.status_code == 422
    page = response.content.decode()
    assert "Nothing was changed: this is the policy in force." in page
    assert "Every request takes 1 approval." in page.split('id="policy-preview"')[1].split("</section>")[0]
    assert "cannot be read" not in page


def test_a_stale_page_saves_nothing(signed_in: SignedIn, administrator: User, estate: cast.Estate) -> None:
    client = signed_in(administrator)
    client.post(address(estate), typed(approvals=2))
    response = client.post(address(estate), typed(approvals=3))
    assert response.status_code == 409
    assert "has changed the policy meanwhile" in response.content.decode()
    assert f'href="{address(estate)}">Go to the policy</a>' in response.content.decode()
    assert ApprovalPolicy.current(estate.master).approvals == 2


def test_nobody_else_reads_or_saves_it(
    signed_in: SignedIn, supervisor: User, manager: User, other_staff: User, estate: cast.Estate
) -> None:
    for user, status in ((supervisor, 403), (manager, 403), (other_staff, 404)):
        client = signed_in(user)
        assert client.get(address(estate)).status_code == status
        assert client.post(address(estate), typed(approvals=2)).status_code == status
        assert client.get(address(estate, "preview/"), typed(approvals=2)).status_code == status
    assert not ApprovalPolicy.objects.exists()


def test_fields_that_the_form_does_not_have_are_not_taken(
    signed_in: SignedIn, administrator: User, estate: cast.Estate
) -> None:
    extra = {"made_by": 1, "master": estate.foreign_master.pk, "text": "Nobody", "made_at": "2000-01-01"}
    signed_in(administrator).post(address(estate), typed(approvals=2, **extra))
    saved = ApprovalPolicy.objects.get()
    assert (saved.master, saved.made_by, saved.version) == (estate.master, administrator, 1)
    assert saved.text == "Every request takes 2 approvals."


def test_the_preview_says_it_in_words_rehearses_it_and_saves_nothing(
    signed_in: SignedIn,
    administrator: User,
    supervisor: User,
    estate: cast.Estate,
    trunk_request: TrunkRequest,
) -> None:
    client = signed_in(administrator)
    page = client.get(address(estate, "preview/"), typed(first_trunk_approvals=2)).content.decode()
    assert "The first trunk of a sub account: 2 approvals." in page
    assert f"{trunk_request.reference}</a> for Adatum Logistics: 2 instead of 1" in page
    assert "needs 2, and 1 could approve" in page
    assert "only 1 person is a supervisor for Northwind" in page
    assert not ApprovalPolicy.objects.exists()
    assert "0 approvals" not in page
    page = client.get(address(estate, "preview/"), typed(approvals=3, change_approvals=2)).content.decode()
    assert "Every request takes 3 approvals already" in page
    assert "cannot be read" in client.get(address(estate, "preview/"), typed(approvals=0)).content.decode()


@pytest.mark.parametrize("count", [1, 8])
def test_the_number_of_queries_is_fixed(
    signed_in: SignedIn,
    administrator: User,
    staff: User,
    estate: cast.Estate,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
) -> None:
    for number in range(count):
        cast.policy(estate.master, approvals=2, many_lines=5 + number)
        filing.file(cast.draft(estate.sub, estate.trunk, f"188880{number:02}"), actor=staff)
    client = signed_in(administrator)
    client.get(address(estate))
    with django_assert_num_queries(12):
        client.get(address(estate))


def test_whoever_files_is_told_how_many_it_takes_and_when_too_few_could_approve(
    signed_in: SignedIn, staff: User, supervisor: User, estate: cast.Estate
) -> None:
    cast.policy(estate.master, approvals=2)
    client = signed_in(staff)
    form = client.get("/requests/new/", {"master": estate.master.pk}).content.decode()
    assert "It takes 2 approvals, and only Sam Supervisor could give one" in form
    data = {
        "master": estate.master.pk,
        "sub_account": estate.sub.pk,
        "kind": "assign",
        "reason": "New",
        "lines-0-trunk": estate.trunk.pk,
        "lines-0-dnis": "18888123",
        "state": "approved",
        "approved_by": supervisor.pk,
        "approvals_needed": 1,
        "filed_by": supervisor.pk,
        "policy": "{}",
    }
    page = client.post("/requests/new/", data, follow=True).content.decode()
    assert "It takes 2 approvals." in page
    assert "only Sam Supervisor could give one" in page
    filed = TrunkRequest.objects.get()
    assert (filed.state, filed.approved_by, filed.approvals_needed, filed.filed_by) == (
        "pending",
        None,
        2,
        staff,
    )


def test_with_nobody_else_the_form_says_so(signed_in: SignedIn, superuser: User, estate: cast.Estate) -> None:
    page = signed_in(superuser).get("/requests/new/").content.decode()
    assert "Nobody but its authors could approve it" in page


def test_the_request_page_tells_how_many_approvals_it_has_and_who_gave_them(
    signed_in: SignedIn,
    staff: User,
    supervisor: User,
    second_supervisor: User,
    estate: cast.Estate,
) -> None:
    cast.policy(estate.master, first_trunk_approvals=2)
    filed = filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=staff)
    url = f"/requests/{filed.reference}/"
    client = signed_in(supervisor)
    response = client.post(f"{url}approve/", {"version": 1, "comment": ""}, follow=True)
    page = response.content.decode()
    assert "has 1 of 2 approvals now. It waits for 1 more." in page
    assert 'data-state="pending"' in page
    assert 'data-approvals="1/2"' in page
    assert "because it is the first trunk of the sub account" in page
    assert "You have already approved it" in page
    assert f"<strong>Who could:</strong> {second_supervisor}." in page
    assert "Take back my approval" in page
    assert deciders.GIVEN in client.get("/approvals/").content.decode()
    again = client.post(f"{url}approve/", {"version": 2, "comment": ""})
    assert again.status_code == 403
    back = client.post(f"{url}take-back/", {"version": 2}, follow=True).content.decode()
    assert "your approval is taken back" in back
    assert "0 of 2 approvals" in back
    review.approve(TrunkRequest.objects.get(), actor=second_supervisor, version=3)
    RoleGrant.objects.filter(user=second_supervisor).delete()
    assert "no longer a supervisor" in client.get(url).content.decode()
