"""The people page: who sees whom, what it says, and what its buttons do."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from tests.workflow.test_people import session_of
from trunks import audit
from trunks.models import Role, RoleGrant, TrunkRequest, User
from trunks.workflow import filing, people, roles


@pytest.fixture
def client(administrator: User, signed_in: SignedIn) -> Client:
    return signed_in(administrator)


@pytest.fixture
def local(estate: cast.Estate) -> User:
    return cast.person("Lola Local", Role.ADMINISTRATOR, master=estate.master)


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_shows_everybody_with_their_roles(client: Client, staff: User, stranger: User) -> None:
    page = text(client, "/people/")
    for words in ("Stella Staff", "stella-staff@example.com", "all master accounts", "Sid Stranger"):
        assert words in page


def test_the_list_finds_by_name_or_address_and_hides_the_deactivated(
    client: Client, administrator: User, staff: User, supervisor: User
) -> None:
    people.deactivate(staff, actor=administrator)
    assert "Stella" not in text(client, "/people/")
    assert "Stella" in text(client, "/people/?show=deactivated")
    found = text(client, "/people/?show=all&q=SAM-super")
    assert "Sam Supervisor" in found
    assert "Stella" not in found
    assert "Nobody fits" in text(client, "/people/?q=zzz")


def test_that_an_administrator_read_where_somebody_is_signed_in_is_on_record_once_a_day(
    client: Client, administrator: User, staff: User
) -> None:
    text(client, f"/people/{staff.pk}/")
    assert not audit.history(staff).exists()  # signed in nowhere: nothing was read
    session_of(staff)
    session_of(administrator)
    for _ in range(2):
        page = text(client, f"/people/{staff.pk}/")
        assert "192.0.2.7" in page
        assert "Reading this is recorded in the audit trail." in page
    text(client, f"/people/{administrator.pk}/")
    [event] = audit.search(administrator, audit.Filters(actions=("person.sessions_read",)))
    assert (event.actor, event.object_label) == (administrator, "Stella Staff")


def test_the_list_is_paged_and_costs_the_same_however_long(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(60):
        cast.person(f"Person {number:02d}", Role.STAFF, Role.MANAGER)
    with django_assert_max_num_queries(16):
        page = text(client, "/people/")
    assert page.count('<td data-label="Roles">') == 50
    assert 'rel="next"' in page


@pytest.mark.parametrize("name", ["staff", "supervisor", "manager", "stranger", "superuser"])
def test_the_pages_are_for_administrators(
    name: str, second_staff: User, signed_in: SignedIn, request: pytest.FixtureRequest
) -> None:
    client = signed_in(request.getfixturevalue(name))
    one = f"/people/{second_staff.pk}/"
    for path in ("/people/", one, "/people/invite/"):
        assert client.get(path).status_code == 403
    for verb in ("grant", "deactivate", "reactivate", "end-sessions", "reset-factors", "grants/1/revoke"):
        assert client.post(f"{one}{verb}/").status_code == 403
    assert "/people/" not in client.get("/").content.decode()


def test_an_administrator_of_one_master_knows_of_theirs_alone(
    local: User, estate: cast.Estate, staff: User, signed_in: SignedIn
) -> None:
    client = signed_in(local)
    near = cast.person("Nora Near", Role.STAFF, master=estate.master)
    RoleGrant.objects.create(user=near, role=Role.MANAGER, master=estate.foreign_master)
    foreign = cast.person("Otto Other", Role.STAFF, master=estate.foreign_master)
    page = text(client, "/people/?show=all")
    assert "Nora Near" in page
    assert "Stella Staff" in page
    assert "Otto" not in page
    assert "Contoso" not in text(client, f"/people/{near.pk}/")
    assert client.get(f"/people/{foreign.pk}/").status_code == 404
    assert client.post(f"/people/{foreign.pk}/deactivate/").status_code == 404
    assert client.post(f"/people/{staff.pk}/deactivate/").status_code == 403


def test_a_persons_page_shows_roles_requests_and_history(
    client: Client, administrator: User, staff: User, trunk_request: TrunkRequest
) -> None:
    roles.grant(staff, actor=administrator, role=Role.MANAGER, ends_on=timezone.now().date())
    RoleGrant.objects.create(
        user=staff, role=Role.SUPERVISOR, ends_on=timezone.now().date() - timedelta(days=2)
    )
    page = text(client, f"/people/{staff.pk}/")
    for words in (
        trunk_request.reference,
        "that day included",
        "ended ",
        "granted a role",
        "Open requests stay: 1",
    ):
        assert words in page


def test_a_persons_page_counts_the_requests_that_it_does_not_list(
    client: Client, staff: User, estate: cast.Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dnis in ("18888101", "18888102", "18888103"):
        filing.file(cast.draft(estate.sub, estate.trunk, dnis), actor=staff)
    monkeypatch.setattr("trunks.views.people.SHOWN_REQUESTS", 2)
    page = text(client, f"/people/{staff.pk}/")
    assert "The newest 2 of 3." in page
    assert "Open requests stay: 3." in page


def test_a_deactivated_persons_page_says_that_their_requests_stay(
    client: Client, administrator: User, staff: User, trunk_request: TrunkRequest
) -> None:
    people.deactivate(staff, actor=administrator)
    page = text(client, f"/people/{staff.pk}/")
    assert "the open requests below stay as they are" in page
    assert "Reactivate Stella Staff" in page
    assert "Grant a role" not in page


def test_ones_own_page_disables_what_one_may_not_do(client: Client, administrator: User) -> None:
    page = text(client, f"/people/{administrator.pk}/")
    assert "Nobody changes their own roles or account" in page
    assert 'action="/people/' not in page


def test_granting_and_revoking_in_the_page(client: Client, stranger: User, estate: cast.Estate) -> None:
    form = {"role": "staff", "masters": [str(estate.master.pk)], "ends_on": ""}
    answer = client.post(f"/people/{stranger.pk}/grant/", form, follow=True)
    assert "The role is granted" in answer.content.decode()
    grant = RoleGrant.objects.get(user=stranger)
    assert (grant.role, grant.master) == ("staff", estate.master)
    address = f"/people/{stranger.pk}/grants/{grant.pk}/revoke/"
    assert client.post(address).status_code == 302
    late = client.post(address)
    assert late.status_code == 409
    assert f'href="/people/{stranger.pk}/">Go to the person' in late.content.decode()
    assert not RoleGrant.objects.filter(user=stranger).exists()


def test_all_masters_win_over_named_ones(client: Client, stranger: User, estate: cast.Estate) -> None:
    form = {"role": "staff", "masters": ["all", str(estate.master.pk)]}
    assert client.post(f"/people/{stranger.pk}/grant/", form).status_code == 302
    assert RoleGrant.objects.get(user=stranger).master is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"masters": []}, "Choose for which master accounts"),
        ({"masters": ["99999"]}, "This is not among the choices, or no longer."),
        ({"role": "king"}, "This is not among the choices, or no longer."),
        ({"ends_on": "2020-01-01"}, "The last day is over already"),
        ({"ends_on": "soon"}, "Enter a valid date"),
    ],
)
def test_a_bad_grant_comes_back_with_what_was_typed(
    client: Client, stranger: User, estate: cast.Estate, change: dict[str, object], words: str
) -> None:
    form = {"role": "manager", "masters": [str(estate.master.pk)], "ends_on": "2099-01-01"} | change
    answer = client.post(f"/people/{stranger.pk}/grant/", form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert "There is a problem" in page
    if "ends_on" not in change:
        assert "2099-01-01" in page
    assert not RoleGrant.objects.filter(user=stranger).exists()


def test_an_administrator_of_one_master_is_not_offered_the_others(
    local: User, estate: cast.Estate, stranger: User, signed_in: SignedIn
) -> None:
    RoleGrant.objects.create(user=stranger, role=Role.STAFF, master=estate.master)
    client = signed_in(local)
    page = text(client, f"/people/{stranger.pk}/")
    assert "All master accounts, those" not in page
    for masters in (["all"], [str(estate.foreign_master.pk)]):
        form = {"role": "staff", "masters": masters}
        assert client.post(f"/people/{stranger.pk}/grant/", form).status_code == 422
    grant = RoleGrant.objects.get(user=stranger)
    assert client.post(f"/people/{stranger.pk}/grants/{grant.pk}/revoke/").status_code == 302


def test_the_last_administrator_is_refused_with_the_reason(client: Client, administrator: User) -> None:
    second = cast.person("Tom Temporary", Role.ADMINISTRATOR)
    form = {"role": "administrator", "masters": ["all"], "ends_on": "2099-01-01"}
    assert client.post(f"/people/{second.pk}/grant/", form).status_code == 302
    temporary = Client()
    temporary.force_login(second, backend="django.contrib.auth.backends.ModelBackend")
    answer = temporary.post(f"/people/{administrator.pk}/deactivate/")
    assert answer.status_code == 403
    assert "last administrator" in answer.content.decode()


def test_the_buttons_of_the_account(client: Client, staff: User) -> None:
    Authenticator.objects.create(user=staff, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "x"})
    one = f"/people/{staff.pk}/"
    for verb, status in [
        ("end-sessions", 302),
        ("reset-factors", 302),
        ("reset-factors", 409),
        ("reactivate", 409),
        ("deactivate", 302),
        ("deactivate", 409),
        ("reactivate", 302),
    ]:
        answer = client.post(f"{one}{verb}/")
        assert answer.status_code == status, verb
        assert status == 302 or f'href="{one}">Go to the person' in answer.content.decode()
        assert client.get(f"{one}{verb}/").status_code == 405
    assert User.objects.get(pk=staff.pk).is_active


def test_revoking_the_last_role_that_one_administers_leads_back_to_the_list(
    signed_in: SignedIn, estate: cast.Estate
) -> None:
    local = cast.person("Ada A", Role.ADMINISTRATOR, master=estate.master)
    person = cast.person("Pia P", Role.STAFF, master=estate.master)
    path = f"/people/{person.pk}/grants/{person.role_grants.get().pk}/revoke/"
    answer = signed_in(local).post(path, follow=True)
    assert (answer.redirect_chain, answer.status_code) == ([("/people/", 302)], 200)
    assert "The role is revoked" in answer.content.decode()
