"""What a page says when the portal does not do what was asked of it from within the page, and where the focus stays."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from tests import cast
from tests.journey.test_script import sign_in
from trunks.models import User
from trunks.workflow import filing

pytestmark = pytest.mark.django_db(transaction=True)

VERIFY_NOW = "**/audit/verification/now/"


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    context = browser.new_context(base_url=live_server.url)
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture
def verification(page: Page, manager: User) -> Page:
    sign_in(page, manager)
    page.goto("/audit/verification/")
    return page


def fail(route: Route) -> None:
    route.fulfill(status=503, body="upstream is away", content_type="text/html")


def test_what_is_refused_is_said_above_the_page_and_not_in_its_middle(verification: Page) -> None:
    verification.context.clear_cookies(name=settings.CSRF_COOKIE_NAME)
    verification.locator("#verify-new").click()
    said = verification.locator("#unanswered")
    expect(said).to_contain_text("This page is too old. It was open for too long")
    expect(said.get_by_role("link", name="Load the page again")).to_have_attribute("href", verification.url)
    expect(verification.get_by_role("heading", level=1)).to_have_text(["Verification"])
    expect(verification.locator(".sidebar")).to_have_count(1)


def test_a_silent_portal_is_told_until_it_answers_again(verification: Page) -> None:
    verification.route(VERIFY_NOW, fail)
    verification.locator("#verify-new").click()
    expect(verification.get_by_role("alert")).to_contain_text(
        "The portal did not answer. What you see may be old"
    )
    verification.locator("#verify-new").click()
    expect(verification.get_by_role("alert")).to_have_count(1)
    verification.unroute(VERIFY_NOW)
    verification.route(VERIFY_NOW, lambda route: route.abort())
    verification.locator("#verify-new").click()
    expect(verification.get_by_role("alert")).to_have_count(1)
    verification.unroute(VERIFY_NOW)
    verification.locator("#verify-new").click()
    expect(verification.locator("[data-check]")).to_be_visible()
    expect(verification.get_by_role("alert")).to_have_count(0)


def test_what_could_not_be_read_is_not_being_read_for_ever(
    page: Page, staff: User, supervisor: User, estate: cast.Estate
) -> None:
    trunk_request = filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=staff)
    sign_in(page, supervisor)
    page.route("**/zoom-now/**", fail)
    page.route("**/approvals/together/TR-**", fail)
    page.goto(f"/requests/{trunk_request.reference}/")
    expect(page.locator("#zoom-now")).to_have_text("Zoom's list has not been read.")
    page.goto(f"/approvals/together/?chosen={trunk_request.reference}")
    expect(page.locator("[data-one]")).to_contain_text("It could not be read anew.")
    expect(page.get_by_role("alert")).to_contain_text("The portal did not answer")


def test_the_focus_stays_on_a_button_that_has_begun_something(verification: Page) -> None:
    button = verification.locator("#verify-all")
    button.focus()
    verification.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_be_focused()
    verification.on("request", lambda sent: pytest.fail(sent.url) if sent.method == "POST" else None)
    verification.keyboard.press("Enter")
    verification.wait_for_timeout(300)
    expect(button).to_be_focused()


def test_the_focus_stays_on_the_button_that_reads_zoom(
    page: Page, staff: User, supervisor: User, estate: cast.Estate
) -> None:
    trunk_request = filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=staff)
    sign_in(page, supervisor)
    page.goto(f"/requests/{trunk_request.reference}/")
    page.wait_for_load_state("networkidle")
    page.locator("#read-zoom").focus()
    with page.expect_response("**/zoom-now/**"):
        page.keyboard.press("Enter")
    page.wait_for_load_state("networkidle")
    expect(page.locator("#read-zoom")).to_be_focused()
