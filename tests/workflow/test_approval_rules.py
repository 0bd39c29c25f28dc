"""What a policy asks of a request: each condition, the highest number, and the words for it."""

from datetime import UTC, datetime, time
from typing import Any

import pytest

from tests import cast
from trunks.models import ApprovalPolicy, Hold, Kind, LineState, ListedTrunk, TrunkRequest, User
from trunks.workflow import filing
from trunks.workflow.approval_rules import Facts, assess, facts_of, sentences

pytestmark = pytest.mark.sqlite

TUESDAY = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SUNDAY = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PLAIN: dict[str, Any] = {
    "kind": Kind.ASSIGN,
    "lines": 1,
    "at": TUESDAY,
    "new_caller_ids": (),
    "first_trunk": False,
}


def policy(**rules: Any) -> ApprovalPolicy:
    return ApprovalPolicy(version=1, **rules)


def facts(**changes: Any) -> Facts:
    return Facts(**PLAIN | changes)


@pytest.mark.parametrize(
    ("rules", "changes", "why"),
    [
        ({"many_lines": 5, "many_lines_approvals": 2}, {"lines": 6}, "it has 6 lines"),
        (
            {"new_caller_id_approvals": 2},
            {"new_caller_ids": ("+1415",)},
            "the caller ID +1415 was not seen before for the sub account",
        ),
        ({"first_trunk_approvals": 2}, {"first_trunk": True}, "it is the first trunk of the sub account"),
        ({"unassign_approvals": 2}, {"kind": Kind.UNASSIGN}, "it takes trunks away"),
        ({"change_approvals": 2}, {"kind": Kind.CHANGE}, "it changes trunks"),
        (
            {"off_hours_approvals": 2},
            {"at": SUNDAY},
            "it was filed outside working hours (Sunday 10:00, UTC)",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_each_condition_raises_the_number_when_it_holds_and_not_otherwise(
    rules: dict[str, Any], changes: dict[str, Any], why: str
) -> None:
    assert assess(policy(**rules), facts(**changes)).needed == 2
    assert assess(policy(**rules), facts(**changes)).why == (why,)
    assert assess(policy(**rules), facts()).needed == 1
    assert assess(policy(**rules), facts()).why == ()


def test_the_highest_number_of_all_that_hold_counts() -> None:
    both = policy(change_approvals=2, many_lines=3, many_lines_approvals=3)
    found = assess(both, facts(kind=Kind.CHANGE, lines=4))
    assert (found.needed, found.why) == (3, ("it has 4 lines",))
    assert assess(policy(approvals=3, change_approvals=2), facts(kind=Kind.CHANGE)).needed == 3


def test_as_many_lines_as_the_limit_are_not_more() -> None:
    assert assess(policy(many_lines=5, many_lines_approvals=2), facts(lines=5)).needed == 1


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        (datetime(2026, 11, 24, 7, 0, tzinfo=UTC), True),  # 08:00 in Madrid
        (datetime(2026, 11, 24, 6, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 24, 16, 59, tzinfo=UTC), True),
        (datetime(2026, 11, 24, 17, 0, tzinfo=UTC), False),  # 18:00 is the end
        (datetime(2026, 7, 7, 6, 0, tzinfo=UTC), True),  # summer time
        (datetime(2026, 11, 29, 23, 30, tzinfo=UTC), False),  # Monday already in Madrid, before hours
        (datetime(2026, 11, 28, 10, 0, tzinfo=UTC), False),  # a Saturday
    ],
)
def test_working_hours_are_told_by_the_policy_s_own_zone(at: datetime, inside: bool) -> None:
    madrid = policy(off_hours_approvals=2, zone="Europe/Madrid")
    assert (assess(madrid, facts(at=at)).needed == 1) is inside


def test_what_nobody_noted_raises_nothing() -> None:
    strict = policy(new_caller_id_approvals=3, first_trunk_approvals=3)
    assert assess(strict, Facts(Kind.ASSIGN, 1, TUESDAY)).needed == 1


def test_a_policy_says_itself_in_plain_words() -> None:
    assert sentences(policy()) == ["Every request takes 1 approval."]
    told = sentences(
        policy(
            approvals=2,
            many_lines=1,
            many_lines_approvals=3,
            new_caller_id_approvals=3,
            off_hours_approvals=3,
            days="135",
            opens=time(7, 30),
        )
    )
    assert told == [
        "Every request takes 2 approvals.",
        "More than 1 line: 3 approvals.",
        "A caller ID not seen before for the sub account: 3 approvals.",
        "Filed outside Monday, Wednesday, Friday, 07:30 to 18:00 (UTC): 3 approvals.",
        "Where several of these hold, the highest number counts.",
    ]
    assert "Filed outside Monday to Friday, 08:00" in sentences(policy(off_hours_approvals=2))[1]


def listed(estate: cast.Estate, dnis: str, caller_id: str, *, gone: bool = False) -> None:
    ListedTrunk.objects.create(
        master=estate.master,
        sub_account=estate.sub,
        zoom_id=dnis,
        dnis=dnis,
        outbound_caller_id=caller_id,
        first_seen_at=cast.LONG_AGO,
        last_seen_at=cast.LONG_AGO,
        gone_at=cast.LONG_AGO if gone else None,
    )


def test_a_caller_id_is_known_however_it_is_spelled_and_though_it_is_gone(estate: cast.Estate) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888123", caller_id="+34600111222")
    assert facts_of(draft, TUESDAY).new_caller_ids == ("+34600111222",)
    listed(estate, "18888001", "0034600111222", gone=True)
    assert facts_of(draft, TUESDAY).new_caller_ids == ()
    assert facts_of(cast.draft(estate.other_sub, estate.trunk, "18888123", caller_id="+34600111222"), TUESDAY)


def test_what_was_carried_out_makes_a_caller_id_known_and_the_next_trunk_not_the_first(
    estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888124", caller_id="+14155550100")
    assert facts_of(draft, TUESDAY).first_trunk is True
    assert facts_of(draft, TUESDAY).new_caller_ids == ("+14155550100",)
    trunk_request.lines.update(state=LineState.ASSIGNED, hold=Hold.ASSIGNED)
    assert facts_of(draft, TUESDAY).first_trunk is False
    assert facts_of(draft, TUESDAY).new_caller_ids == ()


def test_a_listed_trunk_makes_the_next_one_not_the_first_and_a_gone_one_does_not(estate: cast.Estate) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888123")
    listed(estate, "18888001", "", gone=True)
    assert facts_of(draft, TUESDAY).first_trunk is True
    listed(estate, "18888002", "")
    assert facts_of(draft, TUESDAY).first_trunk is False


def test_taking_away_is_never_the_first_and_brings_no_caller_id(estate: cast.Estate) -> None:
    draft = filing.Draft(
        estate.sub, Kind.UNASSIGN, "Left", "", [filing.LineDraft(estate.trunk, "18888123", "+1415")]
    )
    found = facts_of(draft, TUESDAY)
    assert (found.first_trunk, found.new_caller_ids) == (False, ())


def test_without_a_sub_account_nothing_is_known_of_it(estate: cast.Estate) -> None:
    found = facts_of(filing.Draft(None, Kind.ASSIGN, "", "", []), TUESDAY)
    assert (found.first_trunk, found.new_caller_ids) == (None, None)


def test_facts_come_back_from_a_snapshot_as_they_were(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User
) -> None:
    found = Facts.of(trunk_request)
    assert found == Facts(
        Kind.ASSIGN, 1, datetime.fromisoformat(trunk_request.policy["facts"]["at"]), ("+14155550100",), True
    )
    trunk_request.policy = {}
    assert Facts.of(trunk_request) == Facts(Kind.ASSIGN, 1, trunk_request.filed_at)
