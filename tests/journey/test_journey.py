"""The main job, as its people do it: real processes, a real browser, from sign-in to the manager's audit page."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cast import PASSWORD
from tests.journey import stack
from tests.journey.stack import Stack
from trunks.sandbox.estate import CONTOSO, NORTHWIND

DNIS = "18888777"
CALLER_ID = "+14155550100"


def sign_in(browser: Browser, portal: Stack, who: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{portal.url}/accounts/login/")
    page.fill("[name=login]", f"{who}@example.com")
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    return page


def connect(portal: Stack) -> str:
    """Connect the sandbox's master account by the command; return what it printed."""
    secret = portal.folder / "secret"
    secret.write_text(NORTHWIND.client_secret)
    options = ["--name", NORTHWIND.name, "--account-id", NORTHWIND.account_id]
    options += ["--client-id", NORTHWIND.client_id, "--client-secret-file", str(secret)]
    return portal.manage("connect_master", *options)


def file_request(page: Page, portal: Stack, dnis: str = DNIS) -> str:
    """File a request in the form, as staff does, and return its number."""
    page.goto(f"{portal.url}/requests/new/")
    customer = page.locator("[name=sub_account] option", has_text="Adatum Logistics")
    page.select_option("[name=sub_account]", value=customer.get_attribute("value"))
    page.fill("[name=reason]", "New customer, contract 2026-114")
    page.select_option("[name='lines-0-trunk']", index=1)
    page.fill("[name='lines-0-dnis']", dnis)
    page.fill("[name='lines-0-outbound_caller_id']", CALLER_ID)
    page.get_by_role("button", name="File the request").click()
    expect(page.locator("[data-state]").first).to_have_attribute("data-state", "pending")
    found = re.search(r"TR-\d{6}", page.url)
    assert found
    return found.group()


@pytest.mark.parametrize("kind", stack.BOTH)
def test_from_filing_to_the_audit_trail(kind: str, tmp_path: Path, browser: Browser) -> None:
    with stack.running(kind, tmp_path) as portal:
        said = connect(portal)
        assert "40 sub accounts" in said
        assert NORTHWIND.client_secret not in said

        staff = sign_in(browser, portal, "staff")
        reference = file_request(staff, portal)

        supervisor = sign_in(browser, portal, "supervisor")
        supervisor.goto(f"{portal.url}/approvals/")
        supervisor.get_by_role("link", name=reference).first.click()
        expect(supervisor.get_by_text("Nobody has it.").first).to_be_visible()
        supervisor.get_by_role("button", name=re.compile("^Approve")).click()

        # The page keeps itself up to date until the request is settled; nobody reloads it.
        badge = supervisor.locator("[data-state]").first
        expect(badge).to_have_attribute("data-state", "done")
        expect(supervisor.locator("[data-line-state]")).to_have_attribute("data-line-state", "assigned")
        staff.reload()
        expect(staff.locator("[data-state]").first).to_have_attribute("data-state", "done")

        state = portal.sandbox("state")
        adatum = next(account for account in state["accounts"] if account["name"] == "Adatum Logistics")
        ours = [trunk for trunk in adatum["assigned"] if trunk["dnis"] == DNIS]
        assert [trunk["outbound_caller_id"] for trunk in ours] == [CALLER_ID]

        manager = sign_in(browser, portal, "manager")
        manager.goto(f"{portal.url}/audit/?q={reference}")
        table = manager.get_by_role("table")
        for words in ("filed the request", "approved the request", "settled the request by Zoom's list"):
            expect(table.get_by_text(words).first).to_be_visible()
        assert NORTHWIND.client_secret not in portal.logs()


def test_an_administrator_connects_a_master_account_in_the_page(tmp_path: Path, browser: Browser) -> None:
    with stack.running(stack.EMBEDDED, tmp_path) as portal:
        page = sign_in(browser, portal, "admin")
        page.goto(f"{portal.url}/masters/connect/")
        page.fill("[name=name]", CONTOSO.name)
        page.fill("[name=account_id]", CONTOSO.account_id)
        page.fill("[name=client_id]", CONTOSO.client_id)
        page.fill("[name=client_secret]", "not the secret")
        page.get_by_role("button", name="Connect").click()
        expect(page.get_by_text("refuses the portal's credentials").first).to_be_visible()
        expect(page.locator("[name=client_secret]")).to_have_value("")

        page.fill("[name=client_secret]", CONTOSO.client_secret)
        page.get_by_role("button", name="Connect").click()
        # A worker reads the estate meanwhile, and the page follows it by itself.
        expect(page.get_by_role("link", name="12", exact=True)).to_be_visible()
        page.goto(f"{portal.url}/sub-accounts/")
        expect(page.get_by_role("table").get_by_role("row")).to_have_count(13)
