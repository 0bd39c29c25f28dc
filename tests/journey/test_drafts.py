"""What was typed into the request form when the session ends: it waits for that person, and for nobody else."""

from collections.abc import Iterator

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests import cast
from tests.journey.test_script import sign_in
from trunks.models import Line, TrunkRequest, User
from trunks.workflow import filing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    context = browser.new_context(base_url=live_server.url)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []
    context.close()


def type_request(page: Page, estate: cast.Estate) -> None:
    """Type a request of two lines for a sub account that is not of the first master account."""
    page.goto("/requests/new/")
    page.select_option("[name=master]", str(estate.master.pk))
    expect(page.locator("[name=sub_account]")).to_contain_text("Fourth Coffee")
    page.select_option("[name=sub_account]", str(estate.other_sub.pk))
    page.fill("[name=reason]", "Two lines\nfor the new site")
    page.select_option("[name=lines-0-trunk]", str(estate.trunk.pk))
    page.fill("[name=lines-0-dnis]", "18888001")
    page.get_by_role("button", name="Add a line").click()
    page.fill("[name$='-dnis']:visible >> nth=1", "18888002")
    page.fill("[name$='-outbound_caller_id']:visible >> nth=1", "+14155550100")


def come_back(page: Page, person: User) -> None:
    page.fill("[name=login]", person.email)
    page.fill("[name=password]", cast.PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def kept(page: Page) -> object:
    page.wait_for_load_state()  # the script that takes it out runs when all of the page is there
    return page.evaluate("sessionStorage.getItem('draft')")


def test_a_request_that_met_the_end_of_the_session_is_there_again_and_can_be_filed(
    page: Page, staff: User, estate: cast.Estate
) -> None:
    sign_in(page, staff)
    type_request(page, estate)
    Session.objects.all().delete()
    page.get_by_role("button", name="File the request").click()
    expect(page.get_by_text("nothing of it was done. Sign in, then send it again.")).to_be_visible()
    come_back(page, staff)
    expect(page.locator("#draft-restored")).to_be_visible()
    assert not TrunkRequest.objects.exists()
    page.get_by_role("button", name="File the request").click()
    expect(page.locator("[data-line-state]")).to_have_count(2)
    trunk_request = TrunkRequest.objects.get()
    assert (trunk_request.sub_account, trunk_request.reason) == (
        estate.other_sub,
        "Two lines\r\nfor the new site",
    )
    lines = Line.objects.values_list("trunk", "dnis", "outbound_caller_id")
    assert list(lines) == [
        (estate.trunk.pk, "18888001", ""),
        (estate.trunk.pk, "18888002", "+14155550100"),
    ]
    assert kept(page) is None
    page.goto("/requests/new/")
    expect(page.locator("#draft-restored")).to_be_hidden()


def test_somebody_else_never_sees_it_and_it_is_gone(
    page: Page, staff: User, other_staff: User, estate: cast.Estate
) -> None:
    sign_in(page, staff)
    type_request(page, estate)
    Session.objects.all().delete()
    page.get_by_role("button", name="File the request").click()
    come_back(page, other_staff)
    expect(page.get_by_role("heading", level=1)).to_have_text("New request")
    expect(page.locator("[name=reason]")).to_have_value("")
    assert kept(page) is None


def test_who_signs_out_or_leaves_the_form_leaves_nothing_in_the_tab(
    page: Page, staff: User, estate: cast.Estate
) -> None:
    sign_in(page, staff)
    type_request(page, estate)
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Requests")
    assert kept(page) is None
    type_request(page, estate)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert kept(page) is None


def test_an_amendment_is_kept_too_unless_the_request_has_moved_on(
    page: Page, staff: User, estate: cast.Estate
) -> None:
    trunk_request = filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=staff)
    sign_in(page, staff)
    for moved in (0, 1):
        page.goto(f"/requests/{trunk_request.reference}/amend/")
        page.fill("[name=reason]", "Amended")
        Session.objects.all().delete()
        page.get_by_role("button", name="Amend and send").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        TrunkRequest.objects.update(version=trunk_request.version + moved)
        come_back(page, staff)
        expect(page.locator("[name=reason]")).to_have_value("New customer" if moved else "Amended")


@pytest.fixture
def typed(page: Page, staff: User, supervisor: User, estate: cast.Estate) -> TrunkRequest:
    """Return a pending request on whose page the supervisor has typed why it is denied."""
    trunk_request = filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=staff)
    sign_in(page, supervisor)
    page.goto(f"/requests/{trunk_request.reference}/")
    page.locator("#deny-summary").click()
    page.fill("#id_deny_comment", "No contract, says the letter of 3 November.")
    return trunk_request


def deny(page: Page) -> None:
    page.locator("#actions").get_by_role("button", name="Deny", exact=True).click()


def test_why_something_is_denied_is_there_again_and_can_be_sent(
    page: Page, supervisor: User, typed: TrunkRequest
) -> None:
    Session.objects.all().delete()
    deny(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    come_back(page, supervisor)
    expect(page.locator("#id_deny_comment")).to_have_value("No contract, says the letter of 3 November.")
    expect(page.locator("#draft-restored")).to_contain_text("Nothing of it was sent.")
    assert kept(page) is None
    deny(page)
    expect(page.locator("[data-state]").first).to_have_attribute("data-state", "denied")
    assert kept(page) is None


def test_what_was_sent_from_a_page_does_not_come_back_to_it(
    page: Page, supervisor: User, typed: TrunkRequest
) -> None:
    page.get_by_role("button", name="Approve 1 trunk").click()
    expect(page.locator("[data-state]").first).to_have_attribute("data-state", "approved")
    expect(page.locator("#draft-restored")).to_have_count(0)
    assert kept(page) is None


def test_a_comment_waits_for_nobody_else_and_not_for_who_signs_out(
    page: Page, supervisor: User, second_supervisor: User, typed: TrunkRequest
) -> None:
    Session.objects.all().delete()
    deny(page)
    come_back(page, second_supervisor)
    page.locator("#deny-summary").click()
    expect(page.locator("#id_deny_comment")).to_have_value("")
    page.fill("#id_deny_comment", "Mine")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert kept(page) is None


def test_a_pasted_table_is_there_again(page: Page, staff: User, estate: cast.Estate) -> None:
    sign_in(page, staff)
    page.goto("/requests/import/")
    page.select_option("[name=master]", str(estate.foreign_master.pk))
    page.fill("[name=table]", "sub_account,dnis\nTailspin Toys,70003001")
    page.fill("[name=ticket]", "CHG-5")
    Session.objects.all().delete()
    page.get_by_role("button", name="Check the table").click()
    come_back(page, staff)
    expect(page.locator("[name=table]")).to_have_value("sub_account,dnis\nTailspin Toys,70003001")
    expect(page.locator("[name=ticket]")).to_have_value("CHG-5")
    expect(page.locator("[name=master]")).to_have_value(str(estate.foreign_master.pk))
    page.fill("[name=reason]", "New")
    page.get_by_role("button", name="Check the table").click()
    expect(page.locator("#plan")).to_be_visible()
    expect(page.locator("#draft-restored")).to_have_count(0)
