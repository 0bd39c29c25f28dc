"""Getting in, as people do it: an invitation, an authenticator app, a passkey, and a proof in mid-approval."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import identity_provider, totp
from tests.cast import PASSWORD
from tests.journey import stack
from tests.journey.stack import Stack
from tests.journey.test_journey import connect, file_request

STEP_UP_SECONDS = 300
# The proofs of all sessions, as they are kept, become an hour older.
AN_HOUR_LATER = """
from django.contrib.sessions.models import Session
from portal.sessions import SessionStore
for key in Session.objects.values_list("session_key", flat=True):
    session = SessionStore(key)
    session["proved_at"] = session.get("proved_at", 3600.0) - 3600
    for proof in session.get("account_authentication_methods", []):
        proof["at"] -= 3600
    session.save()
"""
NEW = "a long enough secret"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a portal under a name: browsers keep no passkeys for an IP address."""
    folder = tmp_path_factory.mktemp("sign-in")
    demands = {"REQUIRE_MFA": "supervisor,administrator", "STEP_UP_SECONDS": str(STEP_UP_SECONDS)}
    claims = {"sub": "stella", "email": "staff@example.com", "email_verified": True}
    with identity_provider.running(folder, claims) as issuer:
        single = {"OIDC_ISSUER": issuer, "OIDC_CLIENT_ID": "portal", "OIDC_CLIENT_SECRET": "not-a-secret"}
        names = demands | single | {"OIDC_NAME": "Northwind ID"}
        with stack.running(stack.EMBEDDED, folder, host="localhost", **names) as running:
            connect(running)
            yield running


def new_page(browser: Browser) -> Page:
    return browser.new_context(viewport={"width": 1280, "height": 900}).new_page()


def sign_in(page: Page, portal: Stack, email: str, password: str = PASSWORD) -> None:
    page.goto(f"{portal.url}/accounts/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def with_authenticator(page: Page) -> None:
    """Give the browser an authenticator that keeps passkeys and says that its owner has shown a finger."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def invited(portal: Stack, email: str) -> str:
    said = portal.manage("create_administrator", "--email", email, "--name", "Nina New")
    found = re.search(r"\S+/invitation/\S+", said)
    assert found
    return found[0]


def test_from_an_invitation_over_a_passkey_to_the_first_page(portal: Stack, browser: Browser) -> None:
    page = new_page(browser)
    with_authenticator(page)
    page.goto(invited(portal, "nina@example.com"))
    assert page.url == f"{portal.url}/invitation/"
    page.fill("[name=password1]", NEW)
    page.fill("[name=password2]", NEW)
    page.get_by_role("button", name="Make the account and sign in").click()
    expect(
        page.get_by_text("Set up an authenticator app or a passkey (security key) to go on.")
    ).to_be_visible()
    page.goto(f"{portal.url}/accounts/2fa/webauthn/add/")
    page.fill("[name=name]", "Nina's laptop")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="Recovery Codes")).to_be_visible()
    page.goto(f"{portal.url}/people/")
    expect(page.get_by_role("link", name="Nina New")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{portal.url}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    page.goto(f"{portal.url}/audit/?q=nina")
    for words in ("joined by accepting an invitation", "set up a second factor"):
        expect(page.get_by_role("table").get_by_text(words).first).to_be_visible()


def test_enrolment_with_an_app_and_a_proof_in_the_middle_of_an_approval(
    portal: Stack, browser: Browser
) -> None:
    staff = new_page(browser)
    sign_in(staff, portal, "staff@example.com")
    reference = file_request(staff, portal)

    page = new_page(browser)
    with_authenticator(page)
    sign_in(page, portal, "supervisor@example.com")
    expect(page.get_by_text("Your role needs a second factor.")).to_be_visible()
    page.goto(f"{portal.url}/accounts/2fa/totp/activate/")
    secret = page.locator("#authenticator_secret").input_value()
    page.fill("[name=code]", totp.code(secret))
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_role("heading", name="Recovery Codes")).to_be_visible()

    page.goto(f"{portal.url}/requests/{reference}/")
    page.get_by_text("Add a comment").click()
    page.locator("#id_approve_comment").fill("Seen, and it is right.")
    portal.manage("shell", "--verbosity=0", "--command", AN_HOUR_LATER)
    page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(page.get_by_text("What you have entered is kept")).to_be_visible()
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page).to_have_url(f"{portal.url}/requests/{reference}/")
    expect(page.get_by_text("Seen, and it is right.").first).to_be_visible()
    expect(page.locator("[data-state]").first).not_to_have_attribute("data-state", "pending")


def passkey_asked_for(page: Page, portal: Stack) -> None:
    """Prove by the passkey who one is, in the middle of what one was doing."""
    expect(page.get_by_text("What you have entered is kept")).to_be_visible()
    page.get_by_role("link", name="Use a security key").click()
    page.get_by_role("button", name="Use a security key").click()


def test_a_passkey_as_the_proof_in_the_middle_of_an_approval_and_of_several(
    portal: Stack, browser: Browser
) -> None:
    staff = new_page(browser)
    sign_in(staff, portal, "second-staff@example.com")
    references = [file_request(staff, portal, dnis=dnis) for dnis in ("18888771", "18888772", "18888773")]

    page = new_page(browser)
    with_authenticator(page)
    sign_in(page, portal, "second-supervisor@example.com")
    page.goto(f"{portal.url}/accounts/2fa/webauthn/add/")
    page.fill("[name=name]", "Sue's laptop")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="Recovery Codes")).to_be_visible()

    page.goto(f"{portal.url}/requests/{references[0]}/")
    page.get_by_text("Add a comment").click()
    page.locator("#id_approve_comment").fill("By my own finger.")
    portal.manage("shell", "--verbosity=0", "--command", AN_HOUR_LATER)
    page.get_by_role("button", name=re.compile("^Approve")).click()
    passkey_asked_for(page, portal)
    expect(page).to_have_url(f"{portal.url}/requests/{references[0]}/")
    expect(page.get_by_text("By my own finger.").first).to_be_visible()
    expect(page.locator("[data-state]").first).not_to_have_attribute("data-state", "pending")

    page.goto(f"{portal.url}/approvals/")
    for reference in references[1:]:
        page.get_by_label(f"Choose {reference}").check()
    page.get_by_role("button", name="Look at the ticked ones together").click()
    page.get_by_label(f"Approve {references[2]}").uncheck()
    page.get_by_label("Comment for all of them").fill("Both are right.")
    portal.manage("shell", "--verbosity=0", "--command", AN_HOUR_LATER)
    page.get_by_role("button", name="Approve those that are ticked").click()
    passkey_asked_for(page, portal)
    expect(page.get_by_role("heading", level=1)).to_have_text("You approved 1 of 1")
    page.goto(f"{portal.url}/requests/{references[1]}/")
    expect(page.get_by_text("Both are right.").first).to_be_visible()
    page.goto(f"{portal.url}/requests/{references[2]}/")
    expect(page.locator("[data-state]").first).to_have_attribute("data-state", "pending")


def test_signing_in_through_the_identity_provider(portal: Stack, browser: Browser) -> None:
    page = new_page(browser)
    # The provider's own page has a style sheet from elsewhere, which nobody waits for here.
    page.route(re.compile("^https:"), lambda route: route.abort())
    page.goto(f"{portal.url}/accounts/login/")
    page.get_by_role("link", name="Sign in with Northwind ID").click()
    page.get_by_role("button", name="Continue").click()
    page.locator("button[value=stella]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    expect(page.get_by_text("Stella Staff").first).to_be_visible()
