"""A manager who never saw the portal: who gave 18888123 to Customer 7, who approved it, and what did Zoom answer?"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journey import stack
from tests.journey.stack import Stack
from tests.journey.test_accessible import complaints, look
from tests.journey.test_journey import DNIS, connect, file_request, sign_in


class Hand:
    """Does what a person does, and counts it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = self.keys = 0

    def click(self, name: str | re.Pattern[str]) -> None:
        self.page.get_by_role("link", name=name).first.click()
        self.clicks += 1

    def write(self, label: str, words: str) -> None:
        self.page.get_by_label(label, exact=True).fill(words)
        self.page.keyboard.press("Enter")
        self.keys += len(words) + 1


def test_a_manager_finds_who_gave_a_number_who_approved_it_and_what_zoom_answered(
    tmp_path: Path, browser: Browser
) -> None:
    with stack.running(stack.EMBEDDED, tmp_path) as portal:
        connect(portal)
        reference = file_request(sign_in(browser, portal, "staff"), portal)
        supervisor = sign_in(browser, portal, "supervisor")
        supervisor.goto(f"{portal.url}/requests/{reference}/")
        supervisor.get_by_role("button", name=re.compile("^Approve")).click()
        expect(supervisor.locator("[data-state]").first).to_have_attribute("data-state", "done")

        manager = sign_in(browser, portal, "manager")
        hand, begun = Hand(manager), time.monotonic()
        hand.write("Find in the audit trail", DNIS)
        rows = manager.get_by_role("table")
        for words in ("filed the request", "approved the request", "got Zoom's answer", "Adatum Logistics"):
            expect(rows.get_by_text(words).first).to_be_visible()
        hand.click(reference)
        hand.click("The whole story")
        short = manager.locator(".answers > div")
        for question, answer in {
            "Who asked": "Stella Staff",
            "Who decided": "Sam Supervisor approved",
            "What was sent": f"Assign {DNIS}",
            "What Zoom answered": "tracking id",
        }.items():
            expect(short.filter(has_text=question)).to_contain_text(answer)
        assert (hand.clicks, hand.keys) == (2, len(DNIS) + 1)
        assert time.monotonic() - begun < 60


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give the demo as people find it, with its year of events."""
    with stack.running(stack.EMBEDDED, tmp_path_factory.mktemp("year"), seed="") as running:
        yield running


def test_in_the_demos_year_one_field_of_the_home_page_leads_to_customer_7(
    demo: Stack, browser: Browser
) -> None:
    page = sign_in(browser, demo, "manager")
    hand, begun = Hand(page), time.monotonic()
    hand.write("Find in the audit trail", "18888123")
    rows = page.get_by_role("table").get_by_role("row").filter(has_text="Customer 7")
    # All of the answer is in the first list; the story has it in one place, with what was sent and the tracking id.
    for words in ("Stella Staff filed", "Sam Supervisor approved", "Zoom accepted the call."):
        expect(rows.filter(has_text=words)).to_have_count(1)
    hand.click(re.compile("^TR-"))
    hand.click("The whole story")
    expect(page.locator(".answers")).to_contain_text("Assign 18888123 of trunk 268")
    assert (hand.clicks, hand.keys) == (2, 9)
    assert time.monotonic() - begun < 60


def test_a_review_and_a_prepared_file_have_no_fault_that_axe_finds(demo: Stack, browser: Browser) -> None:
    page = sign_in(browser, demo, "manager")
    page.goto(f"{demo.url}/audit/")
    page.locator("button[name=format][value=csv]").click()
    assert look(page, demo, "/audit/files/") == []
    page.goto(f"{demo.url}/audit/review/")
    page.get_by_role("button", name="Draw the sample of").first.click()
    month = page.url.removeprefix(demo.url)
    assert look(page, demo, month) == []
    page.get_by_role("combobox").first.select_option("question")
    page.get_by_role("button", name="Mark").first.click()
    expect(page.get_by_role("alert")).to_contain_text("Say what the question is.")
    assert complaints(page, "a question without words") == []
    page.get_by_role("textbox", name="Comment").first.fill("Who asked for it?")
    page.get_by_role("button", name="Mark").first.click()
    expect(page.locator("blockquote")).to_have_text("Who asked for it?")
    assert look(page, demo, month) == []
