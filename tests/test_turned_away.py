"""Who is not signed in, or owes a second factor, reaches nothing but what leads there, and loses nothing."""

from collections.abc import Callable
from datetime import date

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from pytest_django import Settings

from tests import cast
from tests.conftest import SignedIn
from trunks import middleware
from trunks.models import Role, RoleGrant, User


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/requests/new/?sub_account=1", "/audit/", "/no-such-page/"])
def test_who_is_not_signed_in_is_sent_to_sign_in_and_comes_back(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=/")


@pytest.mark.django_db
def test_signing_in_leads_to_the_page_that_was_asked_for(client: Client, staff: User) -> None:
    page = client.get("/sub-accounts/?q=a")["Location"]
    answer = client.post(page, {"login": staff.email, "password": cast.PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/sub-accounts/?q=a")


@pytest.mark.django_db
def test_signing_in_does_not_lead_to_another_site(client: Client, staff: User) -> None:
    answer = client.post(
        "/accounts/login/?next=https://evil.example/", {"login": staff.email, "password": cast.PASSWORD}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/")


@pytest.mark.django_db
def test_a_form_posted_after_signing_out_does_not_lead_back_to_its_own_address(client: Client) -> None:
    assert client.post("/masters/1/sync/")["Location"] == "/accounts/login/?next=/"


@pytest.mark.django_db
def test_a_form_posted_after_signing_out_leads_back_to_the_page_it_was_on_and_says_that_nothing_was_done(
    client: Client,
) -> None:
    answer = client.post(
        "/masters/1/sync/", headers={"Referer": "http://testserver/masters/?a=1"}, follow=True
    )
    assert answer.redirect_chain == [("/accounts/login/?next=/masters/%3Fa%3D1", 302)]
    assert middleware.SIGNED_OUT in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "page", ["https://evil.example/masters/", "http://testserver@evil.example/", "nonsense://"]
)
def test_a_form_posted_from_another_site_comes_back_to_the_home_page(client: Client, page: str) -> None:
    answer = client.post("/masters/1/sync/", headers={"Referer": page})
    assert answer["Location"] == "/accounts/login/?next=/"


@pytest.mark.django_db
def test_the_address_of_a_button_says_that_there_is_nothing_to_see(signed_in: SignedIn, staff: User) -> None:
    answer = signed_in(staff).get("/requests/TR-000042/deny/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    page = answer.content.decode()
    assert "Nothing to see at this address" in page
    # By its place beside the button's: the page names no request, whoever asks.
    assert 'href="../">Go to the request</a>' in page
    elsewhere = signed_in(staff).get("/masters/1/sync/")
    assert (elsewhere.status_code, "Go to the request" in elsewhere.content.decode()) == (405, False)


@pytest.mark.django_db
def test_who_only_opens_a_page_is_not_told_of_a_lost_form(client: Client) -> None:
    assert middleware.SIGNED_OUT not in client.get("/masters/", follow=True).content.decode()


@pytest.mark.django_db
def test_htmx_is_told_to_leave_the_page_instead_of_swapping_the_sign_in_page_into_it(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/masters/?a=1"}
    answer = client.get("/masters/", headers=headers)
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/accounts/login/?next=/masters/%3Fa%3D1"


@pytest.mark.django_db
def test_htmx_from_another_site_comes_back_to_the_home_page(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "https://evil.example/"}
    assert client.get("/masters/", headers=headers)["HX-Redirect"] == "/accounts/login/?next=/"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/password/reset/", "/healthz"])
def test_pages_that_need_no_person_are_open(client: Client, path: str) -> None:
    assert client.get(path).status_code == 200


def test_a_deactivated_person_is_out_at_once(staff: User, signed_in: SignedIn) -> None:
    client = signed_in(staff)
    assert client.get("/trunks/").status_code == 200
    User.objects.filter(pk=staff.pk).update(is_active=False)
    assert client.get("/trunks/").status_code == 302


def test_signed_in_pages_are_not_stored_by_caches(staff: User, signed_in: SignedIn) -> None:
    assert "no-store" in signed_in(staff).get("/trunks/")["Cache-Control"]
    assert "no-store" in signed_in(staff).get("/accounts/password/change/")["Cache-Control"]


@pytest.fixture
def with_factor(settings: Settings) -> Callable[[User], None]:
    settings.REQUIRE_MFA = frozenset({"supervisor", "administrator"})

    def give(user: User) -> None:
        TOTP.activate(user, "JBSWY3DPEHPK3PXP")

    return give


@pytest.mark.parametrize("path", ["/", "/approvals/", "/audit/", "/no-such-page/"])
def test_who_owes_a_second_factor_reaches_nothing_but_its_set_up(
    supervisor: User, signed_in: SignedIn, with_factor: Callable[[User], None], path: str
) -> None:
    answer = signed_in(supervisor).get(path)
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/2fa/")


def test_who_owes_a_second_factor_changes_nothing_by_post(
    administrator: User, signed_in: SignedIn, with_factor: Callable[[User], None], estate: cast.Estate
) -> None:
    answer = signed_in(administrator).post(
        f"/masters/{estate.master.pk}/sync/", headers={"HX-Request": "true"}
    )
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/accounts/2fa/")


def test_a_second_factor_opens_the_portal(
    supervisor: User, signed_in: SignedIn, with_factor: Callable[[User], None]
) -> None:
    with_factor(supervisor)
    assert signed_in(supervisor).get("/trunks/").status_code == 200


def test_other_roles_need_no_second_factor(
    staff: User, signed_in: SignedIn, with_factor: Callable[[User], None]
) -> None:
    assert signed_in(staff).get("/trunks/").status_code == 200


def test_a_role_that_has_ended_asks_for_no_second_factor(
    staff: User, signed_in: SignedIn, with_factor: Callable[[User], None]
) -> None:
    RoleGrant.objects.create(user=staff, role=Role.SUPERVISOR, ends_on=date(2020, 1, 1))
    assert signed_in(staff).get("/trunks/").status_code == 200


def test_the_set_up_of_the_second_factor_can_be_reached_by_who_owes_it(
    supervisor: User, client: Client, with_factor: Callable[[User], None]
) -> None:
    client.post("/accounts/login/", {"login": supervisor.email, "password": cast.PASSWORD})
    choice = client.get("/approvals/", follow=True)
    assert "Your role needs a second factor" in choice.content.decode()
    # Who has just given their password is not asked for it once more.
    answer = client.get("/accounts/2fa/totp/activate/")
    assert "Set up an authenticator app" in answer.content.decode()


def test_the_secret_of_a_second_factor_is_encrypted_in_the_database(
    supervisor: User, with_factor: Callable[[User], None], settings: Settings
) -> None:
    with_factor(supervisor)
    assert "JBSWY3DPEHPK3PXP" not in str(Authenticator.objects.get(user=supervisor).data)


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_changes_the_address_they_sign_in_with(staff: User, signed_in: SignedIn, method: str) -> None:
    form = {"email": "manager@example.com", "action_add": ""}
    answer = getattr(signed_in(staff), method)("/accounts/email/", form)
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/password/change/")
    assert not EmailAddress.objects.filter(email="manager@example.com").exists()


@pytest.mark.django_db
def test_nobody_can_sign_up(client: Client) -> None:
    form = {
        "email": "mallory@example.com",
        "password1": "a-long-passphrase",
        "password2": "a-long-passphrase",
    }
    answer = client.post("/accounts/signup/", form)
    assert "Accounts are by invitation only" in answer.content.decode()
    assert not User.objects.filter(email="mallory@example.com").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post"])
def test_htmx_from_what_is_no_address_comes_back_to_the_home_page(client: Client, method: str) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://["}
    answer = getattr(client, method)("/masters/1/sync/", headers=headers)
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/accounts/login/?next=/")
