"""A table as many requests: what it comes to, and all that is wrong with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests import cast
from trunks import tables
from trunks.models import Kind, ListedTrunk, SubAccount, TrunkRequest, User
from trunks.workflow import filing, importing
from trunks.workflow.importing import Common, Plan, Trouble

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


def rows_of(*lines: str, head: str = "sub_account,dnis") -> list[tables.Row]:
    text = "\n".join([head, *lines])
    return tables.read(text, importing.COLUMNS, needed=importing.NEEDED, most=importing.MOST_ROWS)


def plan_of(
    estate: cast.Estate, actor: User, *lines: str, head: str = "sub_account,dnis", **common: Any
) -> Plan:
    found = Common(estate.master, **({"reason": "They grow.", "ticket": "CHG-1"} | common))
    return importing.plan(rows_of(*lines, head=head), found, actor=actor)


def told(plan: Plan) -> list[tuple[int, str, str]]:
    return [(trouble.row, trouble.column, trouble.text) for trouble in plan.troubles]


def listed(sub: SubAccount, dnis: str, caller_id: str | None = "") -> None:
    ListedTrunk.objects.create(
        master=sub.master,
        sub_account=sub,
        zoom_id=f"of-{dnis}",
        dnis=dnis,
        outbound_caller_id=caller_id,
        first_seen_at=timezone.now(),
        last_seen_at=timezone.now(),
    )


def test_rows_of_one_sub_account_become_one_request(estate: cast.Estate, staff: User) -> None:
    SubAccount.objects.filter(pk=estate.other_sub.pk).update(number="4711")
    plan = plan_of(
        estate,
        staff,
        "Adatum Logistics,18888001,+14155550100,",
        "4711,90001002,,",
        "adatum-account-id,90001001,,Backup trunk",
        "adatum-account-id,18888003,,268",
        head="Customer,DNIS,Caller ID,Master trunk",
    )
    assert plan.troubles == []
    first, second = plan.planned
    assert (first.draft.sub_account, first.rows) == (estate.sub, (2, 4, 5))
    assert [(line.trunk, line.dnis, line.outbound_caller_id) for line in first.draft.lines] == [
        (estate.trunk, "18888001", "+14155550100"),
        (estate.other_trunk, "90001001", ""),
        (estate.trunk, "18888003", ""),
    ]
    assert (second.draft.sub_account, second.rows) == (estate.other_sub, (3,))
    assert (first.draft.reason, first.draft.ticket, first.draft.kind) == ("They grow.", "CHG-1", Kind.ASSIGN)
    assert (plan.lines, len(plan.waiting)) == (4, 2)
    assert not TrunkRequest.objects.exists(), "looking at it files nothing"


def test_a_row_can_say_its_own_reason_ticket_and_kind(estate: cast.Estate, staff: User) -> None:
    listed(estate.sub, "18888007")
    listed(estate.sub, "18888008")
    plan = plan_of(
        estate,
        staff,
        "Adatum Logistics,18888001,,,,",
        "Adatum Logistics,18888002,assign,Another site,CHG-2,",
        "Adatum Logistics,18888007,UNASSIGN,,,",
        "Adatum Logistics,18888009,change,,,18888008",
        head="sub_account,dnis,kind,reason,ticket,present dnis",
    )
    assert plan.troubles == []
    drafts = [one.draft for one in plan.planned]
    assert [(draft.kind, draft.reason, draft.ticket) for draft in drafts] == [
        ("assign", "They grow.", "CHG-1"),
        ("assign", "Another site", "CHG-2"),
        ("unassign", "They grow.", "CHG-1"),
        ("change", "They grow.", "CHG-1"),
    ]
    assert [draft.lines[0].current_dnis for draft in drafts] == ["", "", "18888007", "18888008"]
    assert plan.planned[3].kind_label == Kind.CHANGE.label


def test_more_lines_than_zoom_takes_become_several_requests(estate: cast.Estate, staff: User) -> None:
    plan = plan_of(estate, staff, *(f"Adatum Logistics,18888{n:03}" for n in range(65)))
    assert plan.troubles == []
    assert [len(one.draft.lines) for one in plan.planned] == [30, 30, 5]
    assert plan.planned[1].rows[0] == 32


def test_every_problem_of_every_row_is_said_at_once(estate: cast.Estate, staff: User) -> None:
    filing.file(cast.draft(estate.other_sub, estate.trunk, "18888050"), actor=staff)
    plan = plan_of(
        estate,
        staff,
        ",18888001,",
        "Nobody,18888002,12 34",
        "Tailspin Toys,70003222,",
        "Adatum Logistics,18888050,",
        "Adatum Logistics,77777001,",
        "Adatum Logistics,1888800a,x",
        "Adatum Logistics,,",
        "Adatum Logistics,18888001,,surplus",
        head="sub_account,dnis,caller id",
    )
    nobody = "Northwind has no sub account with the Zoom id, account number or name"
    assert told(plan) == [
        (2, "sub_account", "Enter the sub account: its Zoom id, account number or name."),
        (2, "dnis", "18888001 stands in row 9 as well."),
        (3, "sub_account", f"{nobody} Nobody."),
        (3, "outbound_caller_id", "Write the caller ID without spaces or punctuation, such as +14155550100."),
        (4, "sub_account", f"{nobody} Tailspin Toys."),
        (4, "trunk", "No trunk of Northwind has a prefix with which 70003222 begins."),
        (5, "dnis", f"18888050 is taken by {ref()} for Fourth Coffee (waiting for a decision)."),
        (6, "trunk", "No trunk of Northwind has a prefix with which 77777001 begins."),
        (7, "dnis", "A DNIS is written with the digits 0 to 9 only: no spaces, signs or other characters."),
        (7, "outbound_caller_id", "A caller ID is an E.164 number such as +14155550100, or digits only."),
        (8, "dnis", "Enter a DNIS."),
        (9, "", "There are more cells than columns."),
        (9, "dnis", "18888001 stands in row 2 as well."),
    ]


def test_of_a_dnis_that_is_no_number_nothing_is_said_of_trunks(estate: cast.Estate, staff: User) -> None:
    plan = plan_of(estate, staff, "Adatum Logistics,=77777", "Adatum Logistics,seven")
    assert {(row, name) for row, name, _ in told(plan)} == {(2, "dnis"), (3, "dnis")}


def ref() -> str:
    return TrunkRequest.objects.get().reference


def test_a_dnis_twice_in_one_request_is_said_at_the_later_row(estate: cast.Estate, staff: User) -> None:
    plan = plan_of(estate, staff, "Adatum Logistics,18888001", "Adatum Logistics,18888001")
    assert told(plan) == [(3, "dnis", "18888001 is in an earlier line already.")]


def test_of_very_many_rows_with_one_dnis_some_are_named(estate: cast.Estate, staff: User) -> None:
    lines = [f"Adatum Logistics,18888001,CHG-{n}" for n in range(8)]
    plan = plan_of(estate, staff, *lines, head="sub_account,dnis,ticket")
    words = [text for _, _, text in told(plan)]
    assert words[0] == "18888001 stands in row 3, 4, 5, 6, 7 and others as well."
    assert words[-1] == "18888001 stands in row 2, 3, 4, 5, 6 and others as well."
    few = plan_of(estate, staff, *lines[:6], head="sub_account,dnis,ticket")
    assert told(few)[5][2] == "18888001 stands in row 2, 3, 4, 5, 6 as well."


def test_what_one_request_frees_another_of_the_table_cannot_have(estate: cast.Estate, staff: User) -> None:
    """Filed one after the other the second would be refused; so the look says so as well."""
    listed(estate.sub, "18888008")
    plan = plan_of(
        estate,
        staff,
        "Adatum Logistics,18888008,unassign",
        "Fourth Coffee,18888008,assign",
        head="sub_account,dnis,kind",
    )
    assert (2, "dnis", "18888008 stands in row 3 as well.") in told(plan)
    assert (3, "dnis", "18888008 is already assigned to Adatum Logistics at Zoom.") in told(plan)


def test_what_the_form_asks_for_once_is_said_once(estate: cast.Estate, staff: User) -> None:
    lines = ("Adatum Logistics,18888001,", "Fourth Coffee,18888002,", "Fourth Coffee,18888003,Because.")
    past = timezone.now() - timedelta(days=1)
    plan = plan_of(estate, staff, *lines, head="sub_account,dnis,reason", reason="", not_before=past)
    assert [(row, column) for row, column, _ in told(plan)] == [(0, "reason"), (0, "not_before")]


def test_a_reason_of_a_row_that_is_too_long_is_its_own_problem(estate: cast.Estate, staff: User) -> None:
    plan = plan_of(estate, staff, f"Adatum Logistics,18888001,{'x' * 2001}", head="sub_account,dnis,reason")
    assert told(plan) == [(2, "reason", "At most 2000 characters; this has 2001.")]


def test_names_that_are_not_one_thing_are_asked_for_more_exactly(estate: cast.Estate, staff: User) -> None:
    cast.sub_account(estate.master, "another-adatum", "Adatum Logistics")
    cast.master_trunk(estate.master, "269", "HQ trunk", "18888999", "192.0.2.9")
    plan = plan_of(
        estate,
        staff,
        "Adatum Logistics,18888001,268",
        "fourth-coffee-account-id,18888002,HQ trunk",
        "fourth-coffee-account-id,18888003,",
        "fourth-coffee-account-id,18888004,No such trunk",
        "fourth-coffee-account-id,90001001,,rent",
        head="sub_account,dnis,trunk,kind",
    )
    assert told(plan) == [
        (2, "sub_account", "2 sub accounts are called Adatum Logistics: write the Zoom id."),
        (3, "trunk", "2 trunks are called HQ trunk: write the Zoom id."),
        (4, "trunk", "2 trunks of Northwind have the prefix 18888: name one (HQ trunk, HQ trunk)."),
        (5, "trunk", "Northwind has no trunk with the Zoom id or name No such trunk."),
        (6, "kind", importing.NO_KIND),
    ]
    for number in (270, 271):
        cast.master_trunk(estate.master, str(number), f"Trunk {number}", f"18888{number}", "192.0.2.9")
    [(_, _, words)] = told(plan_of(estate, staff, "Fourth Coffee,18888003"))
    assert words == "4 trunks of Northwind have the prefix 18888: name one (HQ trunk, HQ trunk, Trunk 270 …)."
    SubAccount.objects.filter(zoom_id="another-adatum").update(gone_at=timezone.now())
    assert plan_of(estate, staff, "Adatum Logistics,90001001").troubles == [], "one of them is there no more"


def test_what_is_gone_is_found_and_said_to_be_gone(estate: cast.Estate, staff: User) -> None:
    SubAccount.objects.filter(pk=estate.sub.pk).update(gone_at=timezone.now())
    plan = plan_of(estate, staff, "Adatum Logistics,18888001")
    gone = "Adatum Logistics is no longer among the sub accounts at Zoom."
    assert told(plan) == [(2, "sub_account", gone)]


def test_a_leading_zero_that_a_spreadsheet_took_away_is_missed(estate: cast.Estate, staff: User) -> None:
    cast.master_trunk(estate.master, "269", "London trunk", "02079000", "192.0.2.9")
    [(_, _, words)] = told(plan_of(estate, staff, "Adatum Logistics,2079123"))
    assert words.endswith("With a 0 before it one has: spreadsheet programs take leading zeros away.")


def test_a_table_of_too_many_requests_is_divided(estate: cast.Estate, staff: User) -> None:
    lines = (f"Adatum Logistics,18888{n:03},CHG-{n}" for n in range(101))
    plan = plan_of(estate, staff, *lines, head="sub_account,dnis,ticket")
    assert plan.troubles == [
        Trouble(0, "table", "At most 100 requests at once; this table makes 101. Split it.")
    ]
    assert plan.planned == []


@pytest.mark.parametrize("rows", [10, 40])
def test_looking_takes_as_many_queries_for_few_rows_of_a_request_as_for_many(
    estate: cast.Estate, staff: User, django_assert_max_num_queries: Any, rows: int
) -> None:
    lines = [f"Adatum Logistics,18888{n:03},CHG-{n % 2}" for n in range(rows)]
    assert staff.grants
    with django_assert_max_num_queries(10):
        plan_of(estate, staff, *lines, head="sub_account,dnis,ticket")
