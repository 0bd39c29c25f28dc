"""What lies over what, what can be reached and what is on paper: in a real browser, where the style sheets count."""

from collections.abc import Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from tests import cast
from tests.journey.test_script import sign_in
from trunks.models import Attempt, TrunkRequest, User, ZoomCall
from trunks.workflow import filing

pytestmark = pytest.mark.django_db(transaction=True)

COVERED = """() => {
  const boxes = [...document.querySelectorAll(".request-side > .card")].map((card) => card.getBoundingClientRect());
  return boxes.slice(1).filter((box, index) => box.top < boxes[index].bottom).length;
}"""
LINE = """() => {
  const range = document.createRange();
  range.selectNodeContents(document.querySelector(".asked-why dd"));
  return range.getBoundingClientRect().left - document.querySelector(".asked-why dd").getBoundingClientRect().left;
}"""


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 600})
    yield context.new_page()
    context.close()


@pytest.fixture
def asked(staff: User, estate: cast.Estate) -> TrunkRequest:
    draft = cast.draft(estate.sub, estate.trunk, "18888123", reason="It needs many words.\n" * 60)
    return filing.file(draft, actor=staff)


def test_the_panel_of_actions_covers_nothing_and_its_last_button_can_be_reached(
    page: Page, supervisor: User, asked: TrunkRequest
) -> None:
    sign_in(page, supervisor)
    page.goto(f"/requests/{asked.reference}/")
    page.locator("#send_back-summary").click()
    page.locator("#deny-summary").click()
    page.evaluate("scrollTo(0, 500)")
    assert page.evaluate(COVERED) == 0
    button = page.locator("#actions").get_by_role("button", name="Deny", exact=True)
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box
    assert 0 <= box["y"] <= 600 - box["height"]
    assert page.evaluate("scrollY") == 500, "it is reached where the page stands"


def test_paper_holds_all_that_was_said_to_zoom(page: Page, manager: User, asked: TrunkRequest) -> None:
    attempt = Attempt.objects.create(trunk_request=asked, fence=1, started_at=timezone.now())
    ZoomCall.objects.create(
        attempt=attempt,
        method="POST",
        path="/accounts/x/sip_trunk/trunks",
        started_at=timezone.now(),
        duration_ms=9,
        status=201,
        sent={"sip_trunks": [{"id": "268", "dnis": str(18888000 + number)} for number in range(30)]},
    )
    sign_in(page, manager)
    page.goto(f"/requests/{asked.reference}/story/")
    page.emulate_media(media="print")
    said = page.locator("pre.json").first
    assert said.evaluate("(box) => box.scrollHeight") > 1000
    assert said.evaluate("(box) => box.clientHeight === box.scrollHeight")


def test_a_reason_is_written_in_the_direction_of_its_own_words(
    page: Page, staff: User, supervisor: User, estate: cast.Estate
) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888123", reason="العميل يحتاج إلى خط 18888123")
    trunk_request = filing.file(draft, actor=staff)
    sign_in(page, supervisor)
    page.goto(f"/requests/{trunk_request.reference}/")
    assert page.evaluate(LINE) > 100, "it begins at the right"
