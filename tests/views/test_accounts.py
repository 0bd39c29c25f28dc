"""allauth's pages in the portal's look."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client, RequestFactory
from pytest_django import Settings

from portal.adapters import NO_ADDRESS, AccountAdapter
from tests import cast, totp
from tests.conftest import SignedIn
from trunks.models import User

ENTRANCE = [
    "/accounts/login/",
    "/accounts/password/reset/",
    "/accounts/signup/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/1-abc/",
    "/accounts/password/reset/key/done/",
    "/accounts/inactive/",
    "/accounts/confirm-email/",
]
MANAGE = ["/accounts/2fa/", "/accounts/password/change/", "/accounts/logout/"]


def has_a_frame(page: str) -> bool:
    """Say whether the page has what assistive technology finds its way by."""
    return '<html lang="en-GB"' in page and page.count("<main") == 1 and page.count("<h1") == 1


@pytest.mark.django_db
@pytest.mark.parametrize("path", ENTRANCE)
def test_pages_before_signing_in_have_the_portals_name_and_frame(client: Client, path: str) -> None:
    page = client.get(path).content.decode()
    assert has_a_frame(page)
    assert '<p class="entrance-name">SIP trunk portal</p>' in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "title", "leads_to"),
    [
        ("/accounts/password/reset/", "Set a new password", "/accounts/login/"),
        ("/accounts/password/reset/done/", "Check your e-mail", "/accounts/login/"),
        ("/accounts/password/reset/key/1-abc/", "This link does not work", "/accounts/password/reset/"),
        ("/accounts/password/reset/key/done/", "The password is set", "/accounts/login/"),
        ("/accounts/inactive/", "Your account is deactivated", "/accounts/login/"),
        ("/accounts/confirm-email/", "Nothing to confirm", "/"),
        ("/accounts/confirm-email/abc/", "Nothing to confirm", "/"),
        ("/accounts/signup/", "Accounts are by invitation only", "/accounts/login/"),
    ],
)
def test_no_way_back_in_ends_at_a_company_that_nobody_knows(
    client: Client, path: str, title: str, leads_to: str
) -> None:
    page = client.get(path).content.decode()
    assert f"<title>{title} ·" in page
    assert f"<h1>{title}</h1>" in page
    assert f'href="{leads_to}"' in page
    assert "ontact us" not in page


def test_what_is_wrong_with_a_new_password_is_said_by_the_field_it_is_about(
    staff: User, signed_in: SignedIn
) -> None:
    form = {"oldpassword": cast.PASSWORD, "password1": "short", "password2": "short"}
    page = signed_in(staff).post("/accounts/password/change/", form).content.decode()
    assert '<a href="#id_password1">New password: This password is too short' in page


@pytest.mark.parametrize("path", MANAGE)
def test_pages_of_the_account_have_the_portals_menu_and_frame(
    staff: User, signed_in: SignedIn, path: str
) -> None:
    page = signed_in(staff).get(path).content.decode()
    assert has_a_frame(page)
    assert "/sub-accounts/" in page


@pytest.mark.django_db
def test_signing_in_labels_its_fields_and_offers_no_signing_up(client: Client) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert '<label class="form-label" for="id_login">' in page
    assert '<label class="form-label" for="id_password">' in page
    assert "/accounts/signup/" not in page


def test_a_wrong_password_is_said_once_and_drawn_nowhere(client: Client, staff: User) -> None:
    form = {"login": staff.email, "password": "wrong-pass-2468"}
    page = client.post("/accounts/login/", form).content.decode()
    assert "<title>Error: Sign in ·" in page
    assert "There is a problem" in page
    assert "wrong-pass-2468" not in page
    assert staff.email in page


@pytest.mark.django_db
def test_what_was_typed_is_shown_as_text(client: Client) -> None:
    form = {"login": '"><script>alert(1)</script>', "password": cast.PASSWORD}
    assert "<script>alert" not in client.post("/accounts/login/", form).content.decode()


def test_signing_out_takes_a_post(staff: User, signed_in: SignedIn) -> None:
    client = signed_in(staff)
    client.get("/accounts/logout/")
    assert client.get("/trunks/").status_code == 200
    client.post("/accounts/logout/")
    assert client.get("/trunks/").status_code == 302


@pytest.mark.parametrize(("address", "expected"), [("203.0.113.9", "203.0.113.9"), ("", NO_ADDRESS)])
def test_rate_limits_count_the_address_that_the_audit_trail_names(address: str, expected: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=address)
    assert AccountAdapter().get_client_ip(request) == expected


def heading(page: str) -> str:
    """Return the words of the page's one heading of the first level."""
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page, re.DOTALL)
    assert found
    return " ".join(found[1].split())


def test_who_has_lost_the_phone_reads_at_the_second_factor_how_to_come_in(
    client: Client, supervisor: User
) -> None:
    secret = generate_totp_secret()
    TOTP.activate(supervisor, secret)
    client.post("/accounts/login/", {"login": supervisor.email, "password": cast.PASSWORD})
    page = client.get("/accounts/2fa/authenticate/").content.decode()
    assert has_a_frame(page)
    assert "one of your recovery codes" in page
    assert "An administrator of the portal can remove a second factor that is lost" in page
    wrong = client.post("/accounts/2fa/authenticate/", {"code": "1"}).content.decode()
    assert "<title>Error: Second factor ·" in wrong
    assert 'href="#id_code">Code: Incorrect code.' in wrong
    assert client.post("/accounts/2fa/authenticate/", {"code": totp.code(secret)}).status_code == 302


@pytest.mark.parametrize("path", ["/accounts/reauthenticate/", "/accounts/2fa/reauthenticate/"])
def test_a_proof_that_is_asked_for_can_be_left(
    supervisor: User, signed_in: SignedIn, settings: Settings, path: str
) -> None:
    settings.REQUIRE_MFA = frozenset()
    client = signed_in(supervisor)
    TOTP.activate(supervisor, generate_totp_secret())
    page = client.get(path).content.decode()
    assert has_a_frame(page)
    assert heading(page) == "Confirm that it is you"
    assert '<a class="btn w-100 mt-2" href="/">Cancel</a>' in page
    assert ("one of your recovery codes" in page) == ("2fa" in path)


def test_each_session_says_under_its_own_label_when_where_and_whether_it_is_this_one(
    client: Client, staff: User
) -> None:
    login = {"login": staff.email, "password": cast.PASSWORD}
    client.post("/accounts/login/", login)
    alone = client.get("/accounts/sessions/").content.decode()
    assert ">Sign out</button>" in alone
    Client().post("/accounts/login/", login)
    page = client.get("/accounts/sessions/").content.decode()
    assert page.count("This session") == 1
    assert page.count('<td data-label="Browser"') == 2
    assert page.count('<th scope="col"') == 3
    assert ">Sign out other sessions</button>" in page
    client.post("/accounts/sessions/")
    assert "Sign out other sessions" not in client.get("/accounts/sessions/").content.decode()


def test_recovery_codes_say_what_they_are_for_and_how_many_are_left(
    supervisor: User, signed_in: SignedIn, settings: Settings
) -> None:
    settings.REQUIRE_MFA = frozenset()
    client = signed_in(supervisor)
    assert "You get them with your second factor" in client.get("/accounts/2fa/").content.decode()
    TOTP.activate(supervisor, generate_totp_secret())
    assert ">Generate</a>" in client.get("/accounts/2fa/").content.decode()
    first = client.get("/accounts/2fa/recovery-codes/generate/").content.decode()
    assert "Each signs you in once" in first
    client.post("/accounts/2fa/recovery-codes/generate/")
    page = client.get("/accounts/2fa/recovery-codes/").content.decode()
    assert heading(page) == "Recovery codes"
    assert "Each signs you in once when your second factor is not at hand" in page
    assert "10 of 10 left" in page
    codes = RecoveryCodes(Authenticator.objects.get(user=supervisor, type="recovery_codes"))
    assert "readonly>" + "\n".join(codes.get_unused_codes()) + "</textarea>" in page
    assert "You still have 10" in client.get("/accounts/2fa/recovery-codes/generate/").content.decode()
    for code in codes.get_unused_codes():
        assert codes.validate_code(code)
    used = client.get("/accounts/2fa/recovery-codes/").content.decode()
    assert "All 10 are used" in used
    assert "/download/" not in used + client.get("/accounts/2fa/").content.decode()


def test_taking_the_app_away_says_what_goes_with_it_and_can_be_left(
    supervisor: User, signed_in: SignedIn, settings: Settings
) -> None:
    settings.REQUIRE_MFA = frozenset()
    client = signed_in(supervisor)
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    assert heading(page) == "Set up an authenticator app"
    assert 'href="/accounts/2fa/">Cancel</a>' in page
    wrong = client.post("/accounts/2fa/totp/activate/", {"code": "1"}).content.decode()
    assert 'href="#id_code">Authenticator code: Incorrect code.' in wrong
    TOTP.activate(supervisor, generate_totp_secret())
    page = client.get("/accounts/2fa/totp/deactivate/").content.decode()
    assert "your recovery codes go with it" in page
    assert 'href="/accounts/2fa/">Cancel</a>' in page
    RecoveryCodes.activate(supervisor)
    client.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(user=supervisor).exists()
