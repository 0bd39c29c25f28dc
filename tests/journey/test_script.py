"""What the pages' own script adds, in a real browser: lines, proposals, focus, a page that follows the work."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests import cast
from trunks.models import Line, LineState, State, TrunkRequest, User
from trunks.workflow import filing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def complaints() -> list[str]:
    """Return what the browser's console has complained about, a broken content policy among it."""
    return []


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(base_url=live_server.url, viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()


def sign_in(page: Page, person: User) -> None:
    page.goto("/accounts/login/")
    page.fill("[name=login]", person.email)
    page.fill("[name=password]", cast.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")


def choose(page: Page, estate: cast.Estate) -> None:
    """Open the form and choose the master account, the sub account by searching, and the first line's trunk."""
    page.goto("/requests/new/")
    page.select_option("[name=master]", str(estate.master.pk))
    expect(page.locator("[name=sub_account]")).to_contain_text("Fourth Coffee")
    expect(page.locator(".htmx-settling")).to_have_count(0)  # only then does the new search field listen
    page.fill("[name=sub_account_q]", "adatum")
    expect(page.locator("[name=sub_account]")).not_to_contain_text("Fourth Coffee")
    page.select_option("[name=sub_account]", str(estate.sub.pk))
    page.select_option("[name=lines-0-trunk]", str(estate.trunk.pk))


def test_lines_are_added_proposed_removed_and_filed(
    page: Page, staff: User, estate: cast.Estate, complaints: list[str]
) -> None:
    sign_in(page, staff)
    choose(page, estate)
    expect(page.locator("[name=lines-0-dnis]")).to_have_value("18888")
    page.get_by_role("button", name="Next free").click()
    expect(page.locator("[name=lines-0-dnis]")).to_have_value("18888000")
    expect(page.locator("[data-preview]").first).to_have_text("18888000 · 8 digits")
    expect(page.locator("#announcer")).to_have_text("DNIS 18888000")
    page.fill("[name=lines-0-dnis]", "188880001")
    page.locator("[name=lines-0-dnis]").blur()
    expect(page.locator("#announcer")).to_have_text("188880001 · 9 digits, at most 8")
    page.fill("[name=lines-0-dnis]", "18888000")
    for _ in range(2):
        page.get_by_role("button", name="Add a line").click()
    page.get_by_role("button", name="Next free").last.click()
    expect(page.locator("[name=lines-2-dnis]")).to_have_value("18888001")
    page.get_by_role("button", name="Remove this line").nth(1).click()
    expect(page.locator("[data-line-number]")).to_have_text(["1", "2"])
    page.fill("[name=reason]", "New site")
    page.get_by_role("button", name="File the request").click()
    expect(page.locator("[data-line-state]")).to_have_count(2)
    assert list(Line.objects.values_list("dnis", flat=True)) == ["18888000", "18888001"]
    assert complaints == []


def test_a_prefix_that_only_the_page_put_in_is_not_filed(
    page: Page, staff: User, estate: cast.Estate, complaints: list[str]
) -> None:
    sign_in(page, staff)
    choose(page, estate)
    page.get_by_role("button", name="Add a line").click()
    expect(page.locator("[name=lines-1-dnis]")).to_have_value("18888")
    page.fill("[name=reason]", "New site")
    page.get_by_role("button", name="File the request").click()
    # The trunk of the first line was chosen, so its DNIS is missed; the second one nobody has touched.
    expect(page.locator("#problems").get_by_role("link")).to_have_count(1)
    expect(page.locator("#problems")).to_contain_text("Line 1, DNIS")
    page.fill("[name=lines-0-dnis]", "18888")
    page.get_by_role("button", name="File the request").click()
    expect(page.locator("[data-line-state]")).to_have_count(1)
    assert list(Line.objects.values_list("dnis", flat=True)) == ["18888"]
    assert all("422" in complaint for complaint in complaints)


def test_lines_that_are_typed_stay_lines_under_another_master_account(
    page: Page, staff: User, estate: cast.Estate
) -> None:
    sign_in(page, staff)
    choose(page, estate)
    for _ in range(3):
        page.get_by_role("button", name="Add a line").click()
    page.select_option("[name=master]", str(estate.foreign_master.pk))
    expect(page.locator("[name=sub_account]")).to_contain_text("Tailspin Toys")
    expect(page.locator("[data-line-count]")).to_have_text("4 of 30 lines")
    page.get_by_role("button", name="Remove this line").last.click()
    expect(page.locator("[data-line-count]")).to_have_text("3 of 30 lines")


def test_problems_take_the_focus_and_lead_to_their_field(
    page: Page, staff: User, estate: cast.Estate
) -> None:
    sign_in(page, staff)
    choose(page, estate)
    page.fill("[name=lines-0-dnis]", "12")
    page.get_by_role("button", name="File the request").click()
    expect(page.locator("#problems")).to_be_focused()
    page.locator("#problems").get_by_role("link").last.click()
    expect(page.locator("[name=lines-0-dnis]")).to_be_focused()
    assert Axe().run(page).violations_count == 0


WRONG_PLACES = """() => [...document.querySelectorAll("[data-line] input")].filter((box) =>
  box.offsetParent && (box.scrollWidth > box.clientWidth || getComputedStyle(box).backgroundImage !== "none")
).map((box) => `${box.name} at ${innerWidth} px: ${box.value}`)"""
TOPS = """() => [...document.querySelectorAll("[data-line] :is(input, select)")].filter((box) => box.offsetParent)
  .map((box) => Math.round(box.getBoundingClientRect().top))"""


def test_a_number_that_is_wrong_can_be_read_whole_in_every_width(
    page: Page, staff: User, estate: cast.Estate
) -> None:
    sign_in(page, staff)
    page.goto(f"/requests/new/?kind=change&sub_account={estate.sub.pk}")
    page.fill("[name=lines-0-current_dnis]", "99990000")
    page.fill("[name=lines-0-dnis]", "123456789")
    page.fill("[name=lines-0-outbound_caller_id]", "+34 600 12 34")
    page.get_by_role("button", name="File the request").click()
    expect(page.locator("#problems")).to_be_focused()
    for width in (320, 720, 992, 1100, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(WRONG_PLACES) == []
    assert len(set(page.evaluate(TOPS))) == 1, "side by side, the fields are level"


def test_an_open_page_follows_the_work_and_stops_when_it_is_settled(
    page: Page, staff: User, supervisor: User, estate: cast.Estate
) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888123")
    trunk_request = cast.approved(filing.file(draft, actor=staff), supervisor)
    sign_in(page, staff)
    page.goto(f"/requests/{trunk_request.reference}/")
    page.locator("#withdraw-summary").click()
    page.get_by_label("Comment").fill("Half a sent")
    Line.objects.update(state=LineState.ASSIGNED)
    TrunkRequest.objects.update(state=State.DONE, version=trunk_request.version + 1)
    expect(page.locator("[data-state]").first).to_have_attribute("data-state", "done")
    expect(page.locator("#announcer")).to_contain_text("is now: Done.")
    expect(page.get_by_label("Comment")).to_have_value("Half a sent")
    expect(page.get_by_text("The request has moved on since you opened this page.")).to_be_visible()
    expect(page.locator("#live[hx-trigger]")).to_have_count(0)


BROKEN = """() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  for (let node = walk.nextNode(); node; node = walk.nextNode())
    for (const number of node.nodeValue.matchAll(/(?<!\\w)[+]?[0-9]{8,11}(?!\\w)/g)) {
      const range = document.createRange();
      range.setStart(node, number.index);
      range.setEnd(node, number.index + number[0].length);
      if (new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1) found.push(number[0]);
    }
  return found;
}"""


def test_no_number_is_broken_in_what_changed_on_a_phone(
    page: Page, staff: User, manager: User, estate: cast.Estate
) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888123", caller_id="+14155550100")
    trunk_request = filing.file(draft, actor=staff)
    sign_in(page, manager)
    page.goto(f"/requests/{trunk_request.reference}/story/")
    page.locator("summary", has_text="What changed").click()
    changes = page.locator(".table-diff")
    expect(changes.get_by_text("+14155550100")).to_be_visible()
    assert page.evaluate(BROKEN) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert Axe().run(page).violations_count == 0


def test_the_menu_of_a_narrow_window_is_opened_and_closed_by_keyboard(
    page: Page, staff: User, complaints: list[str]
) -> None:
    sign_in(page, staff)
    menu, button = page.locator("#menu"), page.get_by_role("button", name="Menu")
    expect(menu).to_be_hidden()
    for shown in (True, False):
        button.press("Enter")
        expect(menu).to_be_visible(visible=shown)
        expect(button).to_have_attribute("aria-expanded", str(shown).lower())
    assert complaints == []
