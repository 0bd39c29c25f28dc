"""Every page, for everybody who sees it, wide and narrow, light and dark, pleases axe and fits its window."""

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Browser, Page, expect

from tests.journey import stack
from tests.journey.stack import Stack
from tests.journey.test_journey import sign_in

Scheme = Literal["light", "dark"]
# The size of what is clicked or touched is no part of what axe looks at by itself, but of WCAG 2.2, level AA. Of what
# passes, axe tells one example for each rule: to tell all would take half as long again.
RULES = {"rules": {"target-size": {"enabled": True}}, "resultTypes": ["violations"]}
VIEWS: list[tuple[int, Scheme]] = [(1280, "light"), (360, "dark")]
PAGES = {
    "staff": [
        *(
            "/",
            "/requests/",
            "/requests/?q=nothing-like-it",
            "/requests/TR-999999/",
            "/requests/new/",
            "/requests/import/",
        ),
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
        "/drift/",
        "/drift/?kind=not_filed",
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
# What lies in a box that can be scrolled, or is cut on purpose, is its box's business. A badge broken within its words
# would be as unreadable as half a word behind the next card.
CUT_OFF = """() => {
  const box = (e) => e.getBoundingClientRect();
  const held = (e) => e.tagName !== "MAIN" && (getComputedStyle(e).overflowX !== "visible" || held(e.parentElement));
  const room = (e) => box(e.closest(".card") ?? document.documentElement).right;
  const reaches = (e) => box(e).width > 1 && box(e).right > room(e) + 1 && !held(e.parentElement);
  const out = [...document.querySelectorAll("main *")].filter(reaches);
  const torn = [...document.querySelectorAll("main .badge")].filter((e) => box(e).height > 70);
  return [...out, ...torn].slice(0, 3).map((e) => `${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 40)}`);
}"""
CLASSES = '() => [...document.querySelectorAll("[class]")].flatMap((e) => [...e.classList])'
# 720 px is a window of 1440 at 200 %; at 1000 the request page has its second column.
WIDTHS = (320, 360, 720, 1000, 1440)
LONG = """
from trunks.models import SubAccount, TrunkRequest, User
SubAccount.objects.update(name="Donaudampfschifffahrts" + "elektrizitaetenhauptbetriebswerkbau" * 3)
TrunkRequest.objects.update(ticket="W" * 60)
User.objects.filter(email="staff@example.com").update(name="M" + "i" * 118)
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack.running(stack.EMBEDDED, tmp_path_factory.mktemp("demo")) as running:
        running.manage("seed_demo")
        yield running


def cut_off(page: Page) -> list[str]:
    """Return what reaches out of its card or the window without a bar to scroll it into view.

    The page itself never scrolls sideways (`overflow-x: clip`), so that its width says nothing.
    """
    return [f"cut off: {words}" for words in page.evaluate(CUT_OFF)]


def left_out() -> set[str]:
    """Return the classes of Tabler for which the stylesheet that is served has no rules."""
    whole, served = (
        set(
            re.findall(
                r"\.([A-Za-z][\w-]*)", (settings.BASE_DIR / "static" / place / "tabler.min.css").read_text()
            )
        )
        for place in ("node_modules/@tabler/core/dist/css", "vendor/tabler")
    )
    return whole - served


def without_rules(page: Page) -> list[str]:
    """Return the page's classes that would look otherwise with the whole of Tabler: set-up did not see them used."""
    return [f"no rules are served for the class {name}" for name in left_out() & set(page.evaluate(CLASSES))]


def complaints(page: Page, address: str) -> list[str]:
    """Return what is wrong with the page as it is shown."""
    found = Axe().run(page, options=RULES)
    said = [found.generate_report()] if found.violations_count else []
    return [f"{address}: {words}" for words in [*said, *cut_off(page), *without_rules(page)]]


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


def test_an_approval_that_is_void_can_be_read_like_any_other(portal: Stack, browser: Browser) -> None:
    page = sign_in(browser, portal, "staff")
    page.goto(f"{portal.url}/requests/TR-000015/amend/")
    page.fill("[name=reason]", "Three lines for the new call centre, on the second floor")
    page.get_by_role("button", name="Amend and send to the supervisors").click()
    expect(page.locator(".votes .void")).to_have_count(1)
    assert look(page, portal, "/requests/TR-000015/") == []


def test_no_name_is_too_long_and_no_window_too_narrow_for_what_is_decided_on(
    portal: Stack, browser: Browser
) -> None:
    page = sign_in(browser, portal, "supervisor")
    portal.manage("shell", "--verbosity=0", "--command", LONG)
    found = []
    for address in ("/", "/approvals/", "/sub-accounts/", *REQUESTS[:10:9], PAGES["supervisor"][2]):
        page.goto(portal.url + address)
        page.wait_for_load_state("networkidle")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            found += [f"{address} at {width} px: {words}" for words in cut_off(page)]
    assert found == []
