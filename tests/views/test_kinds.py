"""Asking for a trunk to be unassigned or changed: the form, and what it accepts."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from trunks.models import Line, ListedTrunk, SubAccount, TrunkRequest, User
from trunks.workflow import filing

NEW = "/requests/new/"
OLD_ID, NEW_ID = "+14155550100", "+14155550199"


def listed(sub: SubAccount, dnis: str, caller_id: str | None = OLD_ID, **row: Any) -> ListedTrunk:
    now = timezone.now()
    values = {"zoom_id": "268", "sip_server_address": "192.0.2.1", "outbound_caller_id": caller_id} | row
    return ListedTrunk.objects.create(
        master=sub.master, sub_account=sub, dnis=dnis, first_seen_at=now, last_seen_at=now, **values
    )


@pytest.fixture
def present(estate: cast.Estate) -> ListedTrunk:
    """Return a trunk that the sub account has at Zoom."""
    return listed(estate.sub, "18888123")


def typed(estate: cast.Estate, kind: str, **line: Any) -> dict[str, Any]:
    data = {"sub_account": estate.sub.pk, "kind": kind, "reason": "Customer asked", "ticket": "CHG-7"}
    values = {"trunk": estate.trunk.pk} | line
    return data | {f"lines-0-{name}": value for name, value in values.items()}


def to_change(estate: cast.Estate, staff: User, dnis: str = "18888124") -> TrunkRequest:
    line = filing.LineDraft(estate.trunk, dnis, NEW_ID, "18888123")
    return filing.file(filing.Draft(estate.sub, "change", "Customer asked", "", [line]), actor=staff)


def shown(client: Client, path: str) -> str:
    """Return the page's text as a reader gets it: without marks, spaces made one."""
    response = client.get(path)
    assert response.status_code == 200
    return words(response.content.decode())


def words(content: str) -> str:
    for mark in ('<span class="dnis">', '<span class="dnis-prefix">', "</span>", "<strong>", "</strong>"):
        content = content.replace(mark, "")
    return " ".join(content.split())


def page_of(trunk_request: TrunkRequest) -> str:
    return f"/requests/{trunk_request.reference}/"


def test_the_form_offers_every_kind_and_begins_with_assign(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    content = signed_in(staff).get(NEW).content.decode()
    assert 'name="kind" value="assign" checked' in content
    for kind in ("unassign", "change"):
        assert f'name="kind" value="{kind}">' in content
    assert "Loss of service" in content
    assert "Between the two steps the customer has no trunk, usually for some seconds." in content


def test_the_address_may_name_kind_and_sub_account(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    content = signed_in(staff).get(f"{NEW}?kind=change&sub_account={estate.sub.pk}").content.decode()
    assert 'name="kind" value="change" checked' in content
    assert 'data-present="18888123"' in content


def test_without_a_kind_it_is_an_assignment(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    data = typed(estate, "", dnis="18888001")
    del data["kind"]
    assert signed_in(staff).post(NEW, data).status_code == 302
    assert TrunkRequest.objects.get().kind == "assign"


def test_a_form_without_a_kind_comes_back_with_assign_chosen(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    data = typed(estate, "", dnis="1")
    del data["kind"]
    content = signed_in(staff).post(NEW, data).content.decode()
    assert 'name="kind" value="assign" checked' in content


def test_an_unassignment_is_filed(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    response = signed_in(staff).post(NEW, typed(estate, "unassign", dnis=" 18888123 "))
    assert response.status_code == 302
    line = Line.objects.get()
    assert (line.trunk_request.kind, line.dnis, line.current_dnis) == ("unassign", "18888123", "18888123")


@pytest.mark.parametrize("current", ["18888123", ""])
def test_a_change_is_filed_and_its_present_dnis_may_be_left_out_when_plain(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk, current: str
) -> None:
    data = typed(estate, "change", dnis="18888124", outbound_caller_id=NEW_ID, current_dnis=current)
    assert signed_in(staff).post(NEW, data).status_code == 302
    line = Line.objects.get()
    assert (line.current_dnis, line.current_caller_id) == ("18888123", OLD_ID)
    assert (line.dnis, line.outbound_caller_id) == ("18888124", NEW_ID)


@pytest.mark.parametrize(
    ("kind", "line", "field", "sentence"),
    [
        ("unassign", {"dnis": ""}, "dnis", "Enter the DNIS that the sub account has now."),
        ("unassign", {"dnis": "18888999"}, "dnis", "18888999 is not among the trunks of Adatum Logistics"),
        ("unassign", {"dnis": "18888123", "trunk": ""}, "trunk", "Choose the trunk."),
        ("change", {"dnis": "18888124", "current_dnis": "77777"}, "current_dnis", "77777 is not among"),
        ("change", {"dnis": "188", "current_dnis": "18888123"}, "dnis", "A DNIS has 5 to 8 digits"),
        (
            "change",
            {"dnis": "18888123", "current_dnis": "18888123", "outbound_caller_id": OLD_ID},
            "dnis",
            "Nothing would change",
        ),
        (
            "change",
            {"dnis": "18888124", "current_dnis": "18888123", "outbound_caller_id": "anonymous"},
            "outbound_caller_id",
            "",
        ),
        ("change", {"dnis": "18888124", "current_dnis": "18\x00"}, "current_dnis", "ull character"),
    ],
)
def test_a_problem_is_shown_beside_its_field(
    signed_in: SignedIn,
    staff: User,
    estate: cast.Estate,
    present: ListedTrunk,
    kind: str,
    line: dict[str, Any],
    field: str,
    sentence: str,
) -> None:
    response = signed_in(staff).post(NEW, typed(estate, kind, **line))
    content = response.content.decode()
    assert response.status_code == 422
    assert not TrunkRequest.objects.exists()
    assert f'href="#id_lines-0-{field}"' in content
    assert f'id="id_lines-0-{field}_error"' in content
    assert sentence in content
    assert f'name="kind" value="{kind}" checked' in content


def test_a_change_leads_to_no_other_trunk_from_which_there_is_no_way_back(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    line = {"trunk": estate.other_trunk.pk, "dnis": "90001777", "current_dnis": "18888123"}
    response = signed_in(staff).post(NEW, typed(estate, "change", **line))
    assert response.status_code == 422
    content = response.content.decode()
    assert 'id="id_lines-0-trunk_error"' in content
    assert "18888123 does not begin with 90001, the prefix of this trunk" in content


@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_without_a_sub_account_the_lines_are_checked_all_the_same(
    signed_in: SignedIn, staff: User, estate: cast.Estate, kind: str
) -> None:
    response = signed_in(staff).post(NEW, typed(estate, kind, dnis="18888123") | {"sub_account": ""})
    content = response.content.decode()
    assert response.status_code == 422
    assert 'href="#id_sub_account"' in content
    assert f'href="#id_lines-0-{"dnis" if kind == "unassign" else "current_dnis"}"' in content
    assert "Choose the sub account to see which trunks it has." in content


@pytest.mark.parametrize("kind", ["assign", "unassign"])
def test_what_was_typed_for_another_kind_is_not_looked_at_and_stays(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk, kind: str
) -> None:
    client = signed_in(staff)
    dnis = "18888001" if kind == "assign" else "18888123"
    hidden = {"current_dnis": "9\x00"} | ({"outbound_caller_id": "<b>\x00"} if kind == "unassign" else {})
    content = client.post(NEW, typed(estate, kind, dnis=dnis, **hidden) | {"reason": ""}).content.decode()
    assert "There is a problem" in content
    assert "ull character" not in content
    assert 'value="9' in content
    assert client.post(NEW, typed(estate, kind, dnis=dnis, **hidden)).status_code == 302


def test_a_line_with_nothing_but_another_kinds_value_is_blank(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    data = typed(estate, "unassign", dnis="18888123") | {"lines-1-outbound_caller_id": "+1"}
    assert signed_in(staff).post(NEW, data).status_code == 302
    assert Line.objects.count() == 1


def test_an_unassignment_sent_twice_is_one_request(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    client = signed_in(staff)
    first, second = (client.post(NEW, typed(estate, "unassign", dnis="18888123")) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert TrunkRequest.objects.count() == 1


def test_another_master_keeps_the_kind_and_the_present_dnis(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    data = typed(estate, "change", current_dnis="70003001") | {"master": estate.foreign_master.pk}
    content = signed_in(staff).post(f"{NEW}form/", data).content.decode()
    assert 'name="kind" value="change" checked' in content
    assert 'value="70003001"' in content


def test_a_change_is_amended_in_the_same_form(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    trunk_request = to_change(estate, staff)
    client = signed_in(staff)
    address = f"{page_of(trunk_request)}amend/"
    content = client.get(address).content.decode()
    for text in ('value="change" checked', 'value="18888123"', 'value="18888124"', f'value="{NEW_ID}"'):
        assert text in content
    data = typed(estate, "unassign", dnis="18888123") | {"version": trunk_request.version}
    assert client.post(address, data).status_code == 302
    trunk_request.refresh_from_db()
    assert (trunk_request.kind, trunk_request.lines.get().dnis) == ("unassign", "18888123")


@pytest.mark.parametrize("count", [1, 30])
@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_the_number_of_queries_does_not_grow_with_the_lines(
    signed_in: SignedIn,
    staff: User,
    estate: cast.Estate,
    django_assert_num_queries: DjangoAssertNumQueries,
    kind: str,
    count: int,
) -> None:
    data = typed(estate, kind) | {"reason": ""}
    for number in range(count):
        listed(estate.sub, str(18888100 + number))
        data |= {f"lines-{number}-trunk": estate.trunk.pk, f"lines-{number}-dnis": str(18888100 + number)}
        data |= {f"lines-{number}-current_dnis": str(18888100 + number)}
    client = signed_in(staff)
    with django_assert_num_queries(19 if kind == "unassign" else 20):
        assert client.post(NEW, data).status_code == 422


def test_the_summary_calls_the_fields_as_the_page_does_and_keeps_to_its_order(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    line = {"current_dnis": "99999", "trunk": "", "dnis": "1", "outbound_caller_id": "x"}
    content = signed_in(staff).post(NEW, typed(estate, "change", **line)).content.decode()
    summary = content.split('id="problems"')[1].split("</ul>")[0]
    names = ["Present DNIS", "Master trunk", "New DNIS", "New caller ID"]
    places = [summary.index(f"Line 1, {name}:") for name in names]
    assert places == sorted(places)
    content = signed_in(staff).post(NEW, typed(estate, "unassign", dnis="99999")).content.decode()
    assert "Line 1, DNIS to remove:" in content
