"""The page of delegations: who sees which, what the form says, and the second factor of who stands in."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from tests import cast
from tests.conftest import SignedIn
from trunks.models import Delegation, Role, RoleGrant, TrunkRequest, User
from trunks.workflow import delegating

PAGE = "/delegations/"


def lend(giver: User, receiver: User, *, days: int = 0) -> Delegation:
    day = timezone.now().date() + timedelta(days=days)
    return delegating.make(delegating.Terms(receiver, day, day, "Holiday"), actor=giver)


def data(receiver: User, **changes: object) -> dict[str, object]:
    day = timezone.now().date()
    values = {"receiver": receiver.pk, "masters": ["all"], "begins_on": day, "ends_on": day}
    return values | {"reason": "Holiday"} | changes


def shown(client: Client) -> list[Delegation]:
    return list(client.get(PAGE).context["page"].rows)


def test_a_supervisor_lends_and_ends_on_the_page(
    estate: cast.Estate, signed_in: SignedIn, supervisor: User, second_staff: User
) -> None:
    client = signed_in(supervisor)
    # The form a browser's date field understands; any other is shown as an empty field.
    assert f'value="{timezone.now().date().isoformat()}"' in client.get(PAGE).content.decode()
    answer = client.post(PAGE, data(second_staff, masters=[str(estate.master.pk)]), follow=True)
    assert "Stan Staff decides on your behalf until the end of" in answer.content.decode()
    made = Delegation.objects.get()
    assert (list(made.masters.all()), made.for_all_masters) == ([estate.master], False)
    answer = client.post(f"{PAGE}{made.pk}/end/", follow=True)
    assert "no longer" in answer.content.decode()
    assert "Ended" in client.get(PAGE).content.decode()
    late = client.post(f"{PAGE}{made.pk}/end/")
    assert late.status_code == 409
    assert f'href="{PAGE}">Go to the delegations</a>' in late.content.decode()


def test_every_problem_is_told_at_once_and_nothing_is_lost(
    estate: cast.Estate, signed_in: SignedIn, supervisor: User, second_staff: User
) -> None:
    yesterday = timezone.now().date() - timedelta(days=1)
    wrong = data(second_staff, begins_on=yesterday, ends_on=yesterday, reason="Because of X")
    answer = signed_in(supervisor).post(PAGE, wrong)
    assert answer.status_code == 422
    content = answer.content.decode()
    assert "is over already" in content
    assert "Because of X" in content
    empty = signed_in(supervisor).post(PAGE, {})
    assert empty.status_code == 422
    assert "Choose the last day." in empty.content.decode()
    assert "This field is required" not in empty.content.decode()
    assert not Delegation.objects.exists()


def test_nobody_can_be_chosen_who_is_not_of_the_master_account(
    estate: cast.Estate, signed_in: SignedIn, supervisor: User, administrator: User
) -> None:
    answer = signed_in(supervisor).post(PAGE, data(administrator))
    assert answer.status_code == 422
    assert "This is not among the choices, or no longer. Choose again." in answer.content.decode()


def test_the_page_with_the_decision_says_on_whose_behalf_it_would_be(
    signed_in: SignedIn,
    supervisor: User,
    second_supervisor: User,
    second_staff: User,
    trunk_request: TrunkRequest,
) -> None:
    lend(supervisor, second_staff)
    address = f"/requests/{trunk_request.reference}/"
    content = signed_in(second_staff).get(address).content.decode()
    assert "You decide on behalf of <strong>Sam Supervisor</strong>" in content
    assert "You decide on behalf of" not in signed_in(second_supervisor).get(address).content.decode()


def test_each_sees_their_own_and_the_administrator_all(
    estate: cast.Estate,
    signed_in: SignedIn,
    supervisor: User,
    second_supervisor: User,
    staff: User,
    second_staff: User,
    administrator: User,
) -> None:
    first, second = lend(supervisor, staff), lend(second_supervisor, second_staff)
    assert shown(signed_in(supervisor)) == [first]
    assert shown(signed_in(second_staff)) == [second]
    assert shown(signed_in(administrator)) == [second, first]
    local = cast.person("Lola Local", Role.ADMINISTRATOR, master=estate.master)
    assert shown(signed_in(local)) == [second, first]
    elsewhere = cast.person("Tess Two", Role.SUPERVISOR, master=estate.foreign_master)
    RoleGrant.objects.create(user=staff, role=Role.STAFF, master=estate.foreign_master)
    third = lend(elsewhere, staff)
    assert shown(signed_in(local)) == [second, first]
    assert signed_in(local).post(f"{PAGE}{third.pk}/end/").status_code == 404
    assert signed_in(staff).post(f"{PAGE}{third.pk}/end/").status_code == 403


def test_only_a_supervisor_is_offered_the_form(
    estate: cast.Estate, signed_in: SignedIn, supervisor: User, second_staff: User
) -> None:
    lend(supervisor, second_staff)
    assert "Let somebody decide on my behalf" in signed_in(supervisor).get(PAGE).content.decode()
    client = signed_in(second_staff)
    assert "Let somebody decide on my behalf" not in client.get(PAGE).content.decode()
    assert client.post(PAGE, data(supervisor)).status_code == 403


def test_the_number_of_queries_is_fixed(
    estate: cast.Estate,
    signed_in: SignedIn,
    administrator: User,
    supervisor: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(30):
        lend(supervisor, cast.person(f"Person {number}", Role.STAFF))
    client = signed_in(administrator)
    with django_assert_max_num_queries(10):
        assert len(shown(client)) == 30


def test_who_stands_in_decides_from_the_page_and_both_are_shown(
    trunk_request: TrunkRequest, signed_in: SignedIn, supervisor: User, second_staff: User
) -> None:
    lend(supervisor, second_staff)
    client = signed_in(second_staff)
    page = f"/requests/{trunk_request.reference}/"
    assert f'action="{page}approve/"' in client.get(page).content.decode()
    answer = client.post(f"{page}approve/", {"version": 1}, follow=True)
    assert "by Stan Staff on behalf of Sam Supervisor" in answer.content.decode()


def test_a_delegation_that_ended_between_page_and_post_decides_nothing(
    trunk_request: TrunkRequest, signed_in: SignedIn, supervisor: User, second_staff: User
) -> None:
    made = lend(supervisor, second_staff)
    client = signed_in(second_staff)
    client.get(f"/requests/{trunk_request.reference}/")
    delegating.end(made, actor=supervisor)
    assert client.post(f"/requests/{trunk_request.reference}/approve/", {"version": 1}).status_code == 403
    assert trunk_request.decisions.count() == 0


@pytest.mark.parametrize(("days", "sent_on"), [(0, True), (5, False)])
def test_who_stands_in_needs_the_second_factor_of_a_supervisor(
    estate: cast.Estate,
    signed_in: SignedIn,
    supervisor: User,
    second_staff: User,
    settings: Settings,
    days: int,
    sent_on: bool,
) -> None:
    lend(supervisor, second_staff, days=days)
    settings.REQUIRE_MFA = frozenset({Role.SUPERVISOR})
    answer = signed_in(second_staff).get("/")
    assert answer.status_code == (302 if sent_on else 200)
    settings.REQUIRE_MFA = frozenset({Role.ADMINISTRATOR})
    assert signed_in(second_staff).get("/").status_code == 200


def test_an_administrator_of_one_master_reads_no_name_of_another(
    estate: cast.Estate, signed_in: SignedIn, supervisor: User, second_staff: User
) -> None:
    day = timezone.now().date()
    both = [estate.master, estate.foreign_master]
    delegating.make(delegating.Terms(second_staff, day, day, "Holiday", both), actor=supervisor)
    local = cast.person("Ada A", Role.ADMINISTRATOR, master=estate.master)
    page = signed_in(local).get(PAGE).content.decode()
    assert f"{estate.master}, others" in page
    assert str(estate.foreign_master) not in page
    for person in (supervisor, second_staff, cast.person("Ada All", Role.ADMINISTRATOR)):
        whole = signed_in(person).get(PAGE).content.decode()
        assert str(estate.foreign_master) in whole
        assert ", others" not in whole
