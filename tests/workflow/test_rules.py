"""What may be asked for: each rule, and everything that is wrong at once."""

from dataclasses import replace

import pytest

from tests import cast
from trunks.models import Kind, ListedTrunk, MasterTrunk, TrunkRequest, User, clock
from trunks.workflow import drafts, filing, rules
from trunks.workflow.errors import Problems

pytestmark = pytest.mark.sqlite


def listed(estate: cast.Estate, dnis: str) -> ListedTrunk:
    """Return a row that says that Zoom lists `dnis` for the other sub account."""
    return ListedTrunk.objects.create(
        master=estate.master,
        sub_account=estate.other_sub,
        zoom_id="4711",
        dnis=dnis,
        first_seen_at=cast.LONG_AGO,
        last_seen_at=cast.LONG_AGO,
    )


def test_a_good_draft_has_no_problem(estate: cast.Estate) -> None:
    assert rules.problems(cast.draft(estate.sub, estate.trunk, "18888123", caller_id="+14155550100")) == {}


@pytest.mark.parametrize("reason", ["", " \t\r\n", "\u00a0\u3000", "\u200b\u2060\ufeff", "\u202e \u0301"])
def test_a_reason_of_which_nothing_can_be_seen_is_none(estate: cast.Estate, reason: str) -> None:
    draft = replace(cast.draft(estate.sub, estate.trunk, "18888123"), reason=reason)
    assert set(rules.problems(draft)) == {"reason"}


@pytest.mark.parametrize(
    "reason", ["7", "مرحبا", "Call \u202a+1 415 555 0100\u202c", "\u200b😀", "e\u0301", "."]
)
def test_a_reason_in_any_script_is_one(estate: cast.Estate, reason: str) -> None:
    assert rules.problems(replace(cast.draft(estate.sub, estate.trunk, "18888123"), reason=reason)) == {}


def test_everything_that_is_wrong_is_said_at_once(estate: cast.Estate) -> None:
    lines = [
        filing.LineDraft(None, "", "x"),
        filing.LineDraft(estate.trunk, "90001123"),
        filing.LineDraft(estate.foreign_trunk, "70003555", "1" * 33),
    ]
    draft = filing.Draft(None, "paint", " \n", "C" * 61, lines)
    assert set(rules.problems(draft)) == {"sub_account", "kind", "reason", "ticket"}
    found = rules.problems(replace(draft, sub_account=estate.sub))
    assert set(found) == {
        "kind",
        "reason",
        "ticket",
        "lines-0-trunk",
        "lines-0-dnis",
        "lines-0-outbound_caller_id",
        "lines-1-dnis",
        "lines-2-trunk",
        "lines-2-outbound_caller_id",
    }


@pytest.mark.parametrize(
    "dnis",
    [
        *("", "1888", "188881234", "18888 12", "+1888812", "-1888812", "90001123", "18888\x00", "18888123\n"),
        *("18888１２３", "١٨٨٨٨١٢٣", "<b>18888</b>", "18888" * 1000),  # full-width digits
    ],
)
def test_a_bad_dnis_stands_beside_its_field(estate: cast.Estate, dnis: str) -> None:
    found = rules.problems(cast.draft(estate.sub, estate.trunk, "18888123", dnis))
    assert set(found) == {"lines-1-dnis"}


@pytest.mark.parametrize("caller_id", ["+1415\r\n5550100", "1415\x00", "1" * 33, "Northwind", "<i>1</i>"])
def test_a_bad_caller_id_stands_beside_its_field(estate: cast.Estate, caller_id: str) -> None:
    found = rules.problems(cast.draft(estate.sub, estate.trunk, "18888123", caller_id=caller_id))
    assert set(found) == {"lines-0-outbound_caller_id"}


def test_the_prefix_is_that_of_the_chosen_trunk(estate: cast.Estate) -> None:
    assert rules.problems(cast.draft(estate.sub, estate.other_trunk, "90001123")) == {}
    found = rules.problems(cast.draft(estate.sub, estate.other_trunk, "18888123"))
    assert found == {"lines-0-dnis": ["The DNIS must begin with 90001, the prefix of the chosen trunk."]}


def test_a_trunk_of_another_master_is_refused(estate: cast.Estate) -> None:
    found = rules.problems(cast.draft(estate.sub, estate.foreign_trunk, "70003555"))
    assert "another master account" in found["lines-0-trunk"][0]


def test_a_trunk_that_is_gone_is_refused(estate: cast.Estate) -> None:
    MasterTrunk.objects.filter(pk=estate.trunk.pk).update(gone_at=clock.now())
    estate.trunk.refresh_from_db()
    found = rules.problems(cast.draft(estate.sub, estate.trunk, "18888123"))
    assert "no longer among" in found["lines-0-trunk"][0]


def test_a_sub_account_that_is_gone_is_refused(estate: cast.Estate) -> None:
    estate.sub.gone_at = cast.LONG_AGO
    found = rules.problems(cast.draft(estate.sub, estate.trunk, "18888123"))
    assert found == {"sub_account": ["Adatum Logistics is no longer among the sub accounts at Zoom."]}


def test_thirty_lines_are_taken_and_thirty_one_are_not(estate: cast.Estate) -> None:
    numbers = [f"18888{number:03}" for number in range(31)]
    assert rules.problems(cast.draft(estate.sub, estate.trunk, *numbers[:30])) == {}
    found = rules.problems(cast.draft(estate.sub, estate.trunk, *numbers))
    assert found == {"__all__": ["Zoom takes at most 30 lines in one request; this has 31."]}


def test_a_request_without_lines_is_none(estate: cast.Estate) -> None:
    assert rules.problems(cast.draft(estate.sub, estate.trunk)) == {"__all__": ["Add at least one line."]}


AGAIN = ["18888123 is in an earlier line already."]


def test_the_same_dnis_twice_is_told_once_at_the_later_line(estate: cast.Estate) -> None:
    found = rules.problems(cast.draft(estate.sub, estate.trunk, "18888123", "18888124", "18888123"))
    assert found == {"lines-2-dnis": AGAIN}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([("123", "123"), ("123", "123")], {"lines-1-current_dnis": AGAIN}),
        ([("123", "124"), ("123", "125")], {"lines-1-current_dnis": AGAIN}),
        ([("124", "123"), ("125", "123")], {"lines-1-dnis": AGAIN}),
        ([("123", "123"), ("124", "123")], {"lines-1-dnis": AGAIN}),
        ([("124", "123"), ("123", "123")], {"lines-1-dnis": AGAIN}),
        ([("123", "124"), ("124", "123")], {}),
    ],
)
def test_of_changes_neither_the_old_nor_the_new_dnis_may_come_twice(
    estate: cast.Estate, lines: list[tuple[str, str]], said: Problems
) -> None:
    asked = [drafts.LineDraft(estate.trunk, f"18888{new}", "", f"18888{old}") for old, new in lines]
    draft = replace(cast.draft(estate.sub, estate.trunk), kind=Kind.CHANGE, lines=asked)
    assert rules.problems(draft, executing=True) == said


def test_two_lines_left_empty_are_not_the_same_dnis_twice(estate: cast.Estate) -> None:
    found = rules.problems(cast.draft(estate.sub, estate.trunk, "", ""))
    assert found == {"lines-0-dnis": ["Enter a DNIS."], "lines-1-dnis": ["Enter a DNIS."]}


def test_a_dnis_that_zoom_lists_names_the_sub_account_that_has_it(estate: cast.Estate) -> None:
    listed(estate, "18888123")
    found = rules.problems(cast.draft(estate.sub, estate.trunk, "18888123"))
    assert found == {"lines-0-dnis": ["18888123 is already assigned to Fourth Coffee at Zoom."]}


def test_a_dnis_that_vanished_at_zoom_is_free(estate: cast.Estate) -> None:
    row = listed(estate, "18888123")
    ListedTrunk.objects.filter(pk=row.pk).update(gone_at=clock.now())
    assert rules.problems(cast.draft(estate.sub, estate.trunk, "18888123")) == {}


def test_while_executing_the_own_list_is_no_obstacle_but_that_of_others_is(estate: cast.Estate) -> None:
    listed(estate, "18888123")
    mine = cast.draft(estate.other_sub, estate.trunk, "18888123")
    assert set(rules.problems(mine)) == {"lines-0-dnis"}
    assert rules.problems(mine, executing=True) == {}
    assert set(rules.problems(cast.draft(estate.sub, estate.trunk, "18888123"), executing=True)) == {
        "lines-0-dnis"
    }


def test_a_dnis_that_is_held_names_the_request_that_holds_it(
    estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    found = rules.problems(cast.draft(estate.other_sub, estate.trunk, "18888123"))
    assert found == {
        "lines-0-dnis": [
            f"18888123 is taken by {trunk_request.reference} for Adatum Logistics (waiting for a decision)."
        ]
    }


def test_a_request_that_is_amended_does_not_stand_in_its_own_way(
    estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    draft = drafts.draft_of(trunk_request)
    assert set(rules.problems(draft)) == {"lines-0-dnis"}
    assert rules.problems(draft, amending=trunk_request) == {}


def test_another_master_has_a_numbering_of_its_own(estate: cast.Estate, trunk_request: TrunkRequest) -> None:
    twin = cast.master_trunk(estate.foreign_master, "701", "Same prefix", "18888999", "192.0.2.71")
    assert rules.problems(cast.draft(estate.foreign_sub, twin, "18888123")) == {}


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("reason", "x" * 2001),
        ("reason", "a\x00b"),
        ("reason", "In place of \u202e32188881"),
        ("reason", "   "),
        ("ticket", "x" * 61),
        ("ticket", "\x00"),
    ],
)
def test_a_bad_text_stands_beside_its_field(estate: cast.Estate, field: str, text: str) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888123")
    assert set(rules.problems(replace(draft, **{field: text}))) == {field}  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["", "paint", "ASSIGN", "assign "])
def test_a_kind_that_cannot_be_carried_out_is_refused(estate: cast.Estate, kind: str) -> None:
    draft = replace(cast.draft(estate.sub, estate.trunk, "18888123"), kind=kind)
    assert set(rules.problems(draft)) == {"kind"}


def test_only_staff_for_the_master_account_can_file(
    estate: cast.Estate, staff: User, supervisor: User, other_staff: User
) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888123")
    assert filing.problems(draft, actor=staff) == {}
    for outsider in (supervisor, other_staff):
        found = filing.problems(draft, actor=outsider)
        assert found == {"sub_account": ["Only staff for Northwind can file requests for its sub accounts."]}


def test_the_draft_of_a_request_is_what_was_filed(estate: cast.Estate, staff: User) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888124", "18888123", caller_id="1234")
    assert drafts.draft_of(filing.file(draft, actor=staff)) == draft
