"""Every page, for everybody who sees it, wide and narrow, light and dark, pleases axe and fits its window."""

from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.journey import stack
from tests.journey.stack import Stack
from tests.journey.test_journey import sign_in

Scheme = Literal["light", "dark"]
VIEWS: list[tuple[int, Scheme]] = [(1280, "light"), (360, "dark")]
PAGES = {
    "staff": [
        *("/", "/requests/", "/requests/?q=nothing-like-it", "/requests/TR-999999/", "/requests/new/"),
        *("/requests/new/?kind=unassign", "/requests/new/?kind=change&sub_account=1"),
    ],
    "supervisor": [
        "/",
        "/approvals/",
        # Pending ones, one that is settled, and one that this supervisor has approved already.
        "/approvals/together/?" + "&".join(f"chosen=TR-{number:06d}" for number in (1, 10, 11, 15, 19, 20)),
        "/delegations/",
        "/trunks/",
        "/trunks/1/",
        "/sub-accounts/",
        "/sub-accounts/1/",
        "/writing/",
    ],
    "manager": [
        "/",
        "/audit/",
        "/audit/1/",
        "/audit/?q=nothing-like-it",
        "/approvals/",
        "/audit/?outcome=done&since=2026-01-01&q=request",
        "/audit/?outcome=invented",
        "/audit/people/1/",
        "/audit/health/",
        "/audit/files/",
        "/audit/verification/",
        "/audit/review/",
        "/audit/export/?format=zip&since=yesterday",
        "/requests/TR-000001/story/",
    ],
    "admin": [
        "/",
        "/masters/",
        "/masters/connect/",
        "/errors/",
        "/people/",
        "/people/?show=all&q=former",
        "/people/1/",
        "/people/6/",
        "/people/invite/",
        "/accounts/2fa/",
        "/accounts/sessions/",
        "/accounts/password/change/",
    ],
}
CONVERSATIONS = ["/requests/TR-000001/attempts/", "/requests/TR-000009/attempts/"]
REQUESTS = [f"/requests/TR-{number:06d}/" for number in range(1, 21)]


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack.running(stack.EMBEDDED, tmp_path_factory.mktemp("demo")) as running:
        running.manage("seed_demo")
        yield running


def complaints(page: Page, address: str) -> list[str]:
    """Return what is wrong with the page as it is shown."""
    found = Axe().run(page)
    said = [found.generate_report()] if found.violations_count else []
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{address}: {words}" for words in [*said, *(["scrolls sideways"] if wide > 0 else [])]]


def look(page: Page, portal: Stack, address: str) -> list[str]:
    """Return what is wrong with the page, wide and light as well as narrow and dark."""
    found = []
    for width, scheme in VIEWS:
        page.set_viewport_size({"width": width, "height": 800})
        # Loaded anew, so that no colour is caught on its way from one scheme to the other.
        page.emulate_media(color_scheme=scheme)
        page.goto(portal.url + address)
        found += complaints(page, f"{address} at {width} px, {scheme}")
    return found


@pytest.mark.parametrize("who", PAGES)
def test_no_page_has_a_fault_that_axe_finds(portal: Stack, browser: Browser, who: str) -> None:
    page = sign_in(browser, portal, who)
    shown = PAGES[who] + (REQUESTS + CONVERSATIONS if who == "supervisor" else [])
    assert [words for address in shown for words in look(page, portal, address)] == []


def test_the_pages_before_signing_in_have_none_either(portal: Stack, browser: Browser) -> None:
    page = browser.new_context().new_page()
    shown = ["/accounts/login/", "/accounts/password/reset/", "/invitation/"]
    assert [words for address in shown for words in look(page, portal, address)] == []


def test_the_banner_of_a_stop_and_its_page_have_none_either(portal: Stack, browser: Browser) -> None:
    page = sign_in(browser, portal, "supervisor")
    page.goto(f"{portal.url}/writing/")
    page.fill("[name=reason]", "Wrong trunks are being assigned")
    page.get_by_role("button", name="Stop all writing to Zoom").click()
    expect(page.locator("#writing-stopped")).to_contain_text("Sam Supervisor stopped it")
    found = [words for address in ("/", "/writing/") for words in look(page, portal, address)]
    page.goto(f"{portal.url}/writing/")
    page.get_by_role("button", name="Ask to start writing again").click()
    expect(page.get_by_role("button", name="Confirm: start writing again")).to_be_disabled()
    second = sign_in(browser, portal, "second-supervisor")
    found += look(second, portal, "/writing/")
    second.get_by_role("button", name="Confirm: start writing again").click()
    expect(second.locator("#writing-stopped")).to_have_count(0)
    assert found == []
