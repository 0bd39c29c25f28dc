"""What Zoom says now, beside what is asked."""

import pytest

from tests import cast
from trunks.models import ListedTrunk, MasterAccount, MasterTrunk, SubAccount, TrunkRequest, User, clock
from trunks.sandbox.console import act
from trunks.sandbox.estate import CONTOSO
from trunks.sandbox.server import Sandbox
from trunks.workflow import filing
from trunks.workflow.preview import zoom_now

pytestmark = pytest.mark.sqlite

LISTS = r"/sip_trunk/trunks$"


@pytest.fixture
def asked(sandbox: Sandbox, staff: User) -> TrunkRequest:
    """Return a pending request of three lines for a sub account of the sandbox."""
    credentials = (CONTOSO.client_id, CONTOSO.client_secret)
    master = cast.master_account(CONTOSO.name, CONTOSO.account_id, credentials)
    trunk = cast.master_trunk(master, "501", "Core A", "70003001", "192.0.2.50")
    customer = next(sandbox.estate.sub_accounts(CONTOSO.account_id))
    sub = cast.sub_account(master, customer.id, customer.name)
    draft = cast.draft(sub, trunk, "70003551", "70003552", "70003553", caller_id="+14155550100")
    return filing.file(draft, actor=staff)


def put(sandbox: Sandbox, asked: TrunkRequest, dnis: str, caller_id: str = "") -> None:
    """Assign `dnis` in Zoom's console."""
    order = {"action": "put_trunk", "account_id": asked.sub_account.zoom_id, "trunk_id": "501", "dnis": dnis}
    act(sandbox.world, {**order, "outbound_caller_id": caller_id})


def words(asked: TrunkRequest) -> list[str]:
    now = zoom_now(asked)
    return [now.lines[line.pk] for line in asked.lines.all()]


def test_each_line_is_compared_with_zooms_list(sandbox: Sandbox, asked: TrunkRequest) -> None:
    put(sandbox, asked, "70003552", "+14155550100")
    put(sandbox, asked, "70003553", "+14155550199")
    now = zoom_now(asked)
    assert (now.problem, [row.dnis for row in now.rows]) == ("", ["70003552", "70003553"])
    assert now.read_at is not None
    assert words(asked) == [
        "Not in this sub account's list.",
        "At Zoom with these values.",
        "Zoom shows the caller ID +14155550199 for 70003553, not +14155550100.",
    ]
    assert ListedTrunk.objects.count() == 2


def test_a_list_without_caller_ids_is_said_to_be_one(sandbox: Sandbox, asked: TrunkRequest) -> None:
    sandbox.switch("list_caller_id", "no")
    put(sandbox, asked, "70003551", "+14155550100")
    assert words(asked)[0] == "At Zoom; its list shows no caller ID."


def test_zoom_is_asked_once_in_half_a_minute(sandbox: Sandbox, asked: TrunkRequest) -> None:
    first = zoom_now(asked)
    put(sandbox, asked, "70003551")
    assert zoom_now(TrunkRequest.objects.get(pk=asked.pk)) == first
    assert len(sandbox.calls_of("GET", LISTS)) == 1


def test_what_was_kept_gives_way_to_a_newer_reading(sandbox: Sandbox, asked: TrunkRequest) -> None:
    zoom_now(asked)
    put(sandbox, asked, "70003551")
    SubAccount.objects.filter(pk=asked.sub_account_id).update(trunks_read_at=clock.after(60))
    now = zoom_now(TrunkRequest.objects.get(pk=asked.pk))
    assert [row.dnis for row in now.rows] == ["70003551"]


def test_zoom_that_fails_is_a_problem_in_words_and_no_list(sandbox: Sandbox, asked: TrunkRequest) -> None:
    sandbox.fault("500", path=LISTS)
    now = zoom_now(asked)
    assert (now.read_at, now.rows, now.lines) == (None, [], {})
    assert "internal problem" in now.problem
    assert zoom_now(asked).problem == ""


def test_the_wrong_secret_is_a_problem_in_words(sandbox: Sandbox, asked: TrunkRequest) -> None:
    MasterAccount.objects.update(client_secret="wrong-secret")
    now = zoom_now(TrunkRequest.objects.get(pk=asked.pk))
    assert "refuses the portal's credentials" in now.problem
    assert "wrong-secret" not in now.problem


def test_a_row_of_another_trunk_is_named(sandbox: Sandbox, asked: TrunkRequest) -> None:
    cast.master_trunk(asked.master, "502", "Core B", "70003002", "192.0.2.51")
    order = {"action": "put_trunk", "account_id": asked.sub_account.zoom_id, "trunk_id": "502"}
    act(sandbox.world, {**order, "dnis": "70003551"})
    assert MasterTrunk.objects.count() == 2
    assert words(asked)[0] == "Zoom has 70003551 through the trunk Core B, not Core A."
