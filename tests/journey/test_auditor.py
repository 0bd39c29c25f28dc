"""A manager who never saw the portal: who gave 18888123 to Customer 7, who approved it, and what did Zoom answer?"""

import re
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.journey import stack
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
        expect(supervisor.locator("[data-state]").first).to_have_attribute(
            "data-state", "done", timeout=30_000
        )

        manager = sign_in(browser, portal, "manager")
        hand, begun = Hand(manager), time.monotonic()
        hand.click("Audit trail")
        hand.write("Find", DNIS)
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
        assert (hand.clicks, hand.keys) == (3, len(DNIS) + 1)
        assert time.monotonic() - begun < 60
