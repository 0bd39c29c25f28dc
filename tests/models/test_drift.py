"""Which differences between Zoom's lists and the portal's last word are drift, and which are not."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from tests import cast
from trunks import numbers
from trunks.models import (
    Hold,
    Kind,
    Line,
    LineState,
    ListedTrunk,
    Phase,
    State,
    SubAccount,
    TrunkRequest,
    User,
)
from trunks.models.drift import ALARMING, MISSED_DAYS, CallerIdKey, Drift, drifting, listed_as, unread

pytestmark = pytest.mark.sqlite

DONE = datetime.now(UTC).replace(microsecond=0) - timedelta(days=10)
READ = DONE + timedelta(hours=1)
CALLER_ID = "+14155550100"


@pytest.fixture(autouse=True)
def _read(estate: cast.Estate) -> None:
    SubAccount.objects.update(trunks_read_at=READ)


def listed(sub: SubAccount, dnis: str = "18888001", **values: Any) -> ListedTrunk:
    seen = {
        "first_seen_at": values.pop("first_seen_at", DONE),
        "last_seen_at": values.pop("last_seen_at", READ),
    }
    zoom_id = values.pop("zoom_id", f"own-{dnis}")
    return ListedTrunk.objects.create(
        master=sub.master, sub_account=sub, zoom_id=zoom_id, dnis=dnis, **seen, **values
    )


def gone(sub: SubAccount, dnis: str = "18888001", **values: Any) -> ListedTrunk:
    return listed(sub, dnis, last_seen_at=DONE, gone_at=values.pop("gone_at", READ), **values)


def word(
    estate: cast.Estate,
    staff: User,
    state: LineState = LineState.ASSIGNED,
    *,
    dnis: str = "18888001",
    kind: Kind = Kind.ASSIGN,
    ended: datetime = DONE,
    request_state: State = State.DONE,
    **values: Any,
) -> Line:
    """Return the line of a request that has ended with `state`."""
    trunk_request = TrunkRequest.objects.create(
        master=estate.master,
        sub_account=estate.sub,
        kind=kind,
        state=request_state,
        filed_by=staff,
        filed_at=DONE,
        changed_at=ended,
        content_digest="",
    )
    has_it = kind != Kind.UNASSIGN and values.pop("holds", False)
    line: Line = trunk_request.lines.create(
        master=estate.master,
        position=1,
        trunk=estate.trunk,
        prefix=dnis[:5],
        dnis=dnis,
        state=state,
        hold=Hold.ASSIGNED if has_it else Hold.NONE,
        current_dnis=values.pop("current_dnis", "" if kind == Kind.ASSIGN else dnis),
        **values,
    )
    return line


def found(estate: cast.Estate, *kinds: Drift) -> list[tuple[str, str]]:
    """Return what drifts. Both quicker questions must find the same of it: that for what is alarming at many accounts
    at once, and that for what was not filed here, which gives no row a verdict."""
    accounts = SubAccount.objects.filter(master=estate.master)

    def ask(wanted: list[Drift], **how: bool) -> list[tuple[str, str]]:
        rows: Any = drifting(accounts, wanted, **how).order_by("dnis", "pk")
        return [(row.dnis, row.drift) for row in rows]

    wanted = list(kinds or Drift)
    told = ask(wanted)
    alarming = [row for row in told if row[1] in ALARMING]
    assert ask([kind for kind in wanted if kind in ALARMING], many=True) == alarming
    assert ask([Drift.NOT_FILED]) == [row for row in ask(list(Drift)) if row[1] == Drift.NOT_FILED]
    return told


def test_what_was_assigned_and_vanished_is_missing(estate: cast.Estate, staff: User) -> None:
    line = word(estate, staff)
    row = gone(estate.sub)
    [drifted] = drifting(SubAccount.objects.all(), ALARMING)
    assert drifted == row
    assert (getattr(drifted, "drift"), getattr(drifted, "word")) == (Drift.MISSING, line.pk)  # noqa: B009


def test_what_the_portal_itself_removed_is_not_missing(estate: cast.Estate, staff: User) -> None:
    word(estate, staff)
    word(estate, staff, LineState.UNASSIGNED, kind=Kind.UNASSIGN)
    gone(estate.sub)
    assert found(estate) == []


@pytest.mark.parametrize("kind", [Kind.UNASSIGN, Kind.CHANGE])
def test_nor_is_what_it_may_have_removed_before_people_gave_up(
    estate: cast.Estate, staff: User, kind: Kind
) -> None:
    word(estate, staff)
    to = "18888001" if kind == Kind.UNASSIGN else "18888002"
    word(estate, staff, LineState.GIVEN_UP, kind=kind, dnis=to, current_dnis="18888001", phase=Phase.REMOVE)
    gone(estate.sub)
    assert found(estate) == []
    word(estate, staff)
    assert found(estate) == [("18888001", Drift.MISSING)], "it was assigned again since"


def test_what_is_there_although_a_removal_was_given_up_is_judged_by_the_word_before(
    estate: cast.Estate, staff: User
) -> None:
    word(estate, staff, outbound_caller_id=CALLER_ID)
    word(estate, staff, LineState.GIVEN_UP, kind=Kind.UNASSIGN, phase=Phase.REMOVE)
    listed(estate.sub, outbound_caller_id="+14155550199")
    assert found(estate) == [("18888001", Drift.DIFFERENT)]


def test_what_is_listed_under_another_id_now_is_not_missing_and_of_two_that_went_the_later_tells(
    estate: cast.Estate, staff: User
) -> None:
    word(estate, staff)
    gone(estate.sub, zoom_id="a", gone_at=READ - timedelta(minutes=1))
    later = gone(estate.sub, zoom_id="b")
    assert [row.pk for row in drifting(SubAccount.objects.all(), ALARMING)] == [later.pk]
    gone(estate.sub, zoom_id="c")
    assert len(found(estate)) == 1
    listed(estate.sub, zoom_id="d")
    assert found(estate) == []


@pytest.mark.parametrize(
    ("wanted", "shown", "drifts"),
    [
        (CALLER_ID, "+14155550199", True),
        (CALLER_ID, CALLER_ID, False),
        (CALLER_ID, "14155550100", False),
        (CALLER_ID, "0014155550100", False),
        (CALLER_ID, " +1 (415) 555-0100", False),
        (CALLER_ID, None, False),
        (CALLER_ID, "", False),
        ("", CALLER_ID, False),
        ("0100", "100", True),
        ("+34600123456", "+0034600123456", True),
        ("+34600123456", "sip:+34600123456@192.0.2.1", False),
        ("+34600123456", "sip:+34999123456@192.0.2.1", True),
        ("+34600123456", "tel:+34600123456", False),
        ("+34600123456", "+34600\N{ZERO WIDTH SPACE}123456", False),
        ("+34600123456", "\N{LEFT-TO-RIGHT EMBEDDING}0034600123456\N{POP DIRECTIONAL FORMATTING}", False),
        ("+34600123456", "+34600\N{NON-BREAKING HYPHEN}123456", False),
        ("+34600123456", "withheld", True),
    ],
)
def test_another_caller_id_is_different_unless_zoom_reports_none(
    estate: cast.Estate, staff: User, wanted: str, shown: str | None, drifts: bool
) -> None:
    word(estate, staff, outbound_caller_id=wanted)
    listed(estate.sub, outbound_caller_id=shown)
    assert found(estate) == ([("18888001", Drift.DIFFERENT)] if drifts else [])
    if wanted and shown:
        assert drifts is (numbers.caller_id_key(wanted) != numbers.caller_id_key(shown))


PIECES = [
    *"0123456789+ -;:@<>?._é",
    "00",
    "sip:",
    "SIPS:",
    "tel:",
    ";ext=7",
    "\n",
    "\u00a0",
    "\u200b",
    "\u202a",
]


def test_the_database_reads_a_caller_id_as_the_portal_does(estate: cast.Estate) -> None:
    dice = random.Random(7)  # noqa: S311  # no secret
    texts = ["".join(dice.choices(PIECES, k=dice.randint(0, 12))) for _ in range(3000)]
    seen = {"first_seen_at": DONE, "last_seen_at": READ, "master": estate.master, "sub_account": estate.sub}
    ListedTrunk.objects.bulk_create(
        ListedTrunk(zoom_id=str(n), outbound_caller_id=text, **seen) for n, text in enumerate(texts)
    )
    read = ListedTrunk.objects.annotate(key=CallerIdKey("outbound_caller_id"))
    keys = dict(read.values_list("outbound_caller_id", "key"))
    assert keys == {text: numbers.caller_id_key(text) for text in texts}


def test_what_vanished_long_ago_is_missed_no_more(estate: cast.Estate, staff: User) -> None:
    word(estate, staff, ended=cast.LONG_AGO)
    day = datetime.now(UTC) - timedelta(days=MISSED_DAYS)
    row = gone(estate.sub, gone_at=day + timedelta(minutes=5))
    assert found(estate) == [("18888001", Drift.MISSING)]
    ListedTrunk.objects.filter(pk=row.pk).update(gone_at=day - timedelta(minutes=5))
    assert found(estate) == []


def test_what_was_unassigned_and_is_listed_is_still_there(estate: cast.Estate, staff: User) -> None:
    word(estate, staff)
    word(estate, staff, LineState.UNASSIGNED, kind=Kind.UNASSIGN)
    listed(estate.sub)
    assert found(estate) == [("18888001", Drift.STILL_THERE)]


def test_a_change_assigns_one_dnis_and_unassigns_the_other(estate: cast.Estate, staff: User) -> None:
    word(estate, staff, kind=Kind.CHANGE, dnis="18888002", current_dnis="18888001", phase=Phase.ASSIGN)
    listed(estate.sub, "18888001")
    gone(estate.sub, "18888002")
    assert found(estate) == [("18888001", Drift.STILL_THERE), ("18888002", Drift.MISSING)]


def test_a_change_that_was_restored_left_the_old_values(estate: cast.Estate, staff: User) -> None:
    values: Any = {"current_dnis": "18888001", "current_caller_id": CALLER_ID, "phase": Phase.RESTORE}
    word(
        estate,
        staff,
        LineState.REFUSED,
        kind=Kind.CHANGE,
        dnis="18888002",
        request_state=State.FAILED,
        **values,
    )
    row = listed(estate.sub, outbound_caller_id=CALLER_ID)
    assert found(estate) == []
    ListedTrunk.objects.filter(pk=row.pk).update(outbound_caller_id="+14155550199")
    assert found(estate) == [("18888001", Drift.DIFFERENT)]


def test_a_change_of_the_caller_id_alone_unassigns_nothing(estate: cast.Estate, staff: User) -> None:
    word(estate, staff, kind=Kind.CHANGE, outbound_caller_id=CALLER_ID, phase=Phase.ASSIGN)
    listed(estate.sub, outbound_caller_id=CALLER_ID)
    assert found(estate) == []


def test_a_line_that_has_the_dnis_has_the_last_word_whatever_was_filed_after_it(
    estate: cast.Estate, staff: User
) -> None:
    word(estate, staff, holds=True)  # by a retry, after the other had ended
    word(estate, staff, LineState.UNASSIGNED, kind=Kind.UNASSIGN)
    listed(estate.sub)
    assert found(estate) == []


def test_one_dnis_at_two_sub_accounts_of_a_master_is_twice(estate: cast.Estate, staff: User) -> None:
    word(estate, staff)
    mine, other = listed(estate.sub), listed(estate.other_sub)
    listed(estate.foreign_sub)
    assert found(estate) == [("18888001", Drift.TWICE)] * 2
    assert list(listed_as([mine])) == [mine, other]
    SubAccount.objects.filter(pk=estate.other_sub.pk).update(trunks_problem="Zoom is in trouble.")
    assert found(estate) == []


def test_one_dnis_twice_at_one_sub_account_is_twice(estate: cast.Estate, staff: User) -> None:
    word(estate, staff)
    listed(estate.sub)
    again = listed(estate.sub, zoom_id="own-again")
    listed(estate.sub, "18888002", zoom_id="nobody's")
    assert found(estate) == [("18888001", Drift.TWICE)] * 2 + [("18888002", Drift.NOT_FILED)]
    assert len(drifting(SubAccount.objects.all(), ALARMING, many=True)) == 2
    ListedTrunk.objects.filter(pk=again.pk).update(last_seen_at=DONE)
    assert found(estate, *ALARMING) == [], "the newest list does not show it"
    ListedTrunk.objects.filter(pk=again.pk).update(last_seen_at=READ, gone_at=READ)
    assert found(estate, *ALARMING) == []


def test_so_it_is_where_no_line_is_about_it(estate: cast.Estate) -> None:
    listed(estate.sub)
    listed(estate.sub, zoom_id="own-again")
    found = [getattr(row, "drift") for row in drifting(SubAccount.objects.all(), ALARMING, many=True)]  # noqa: B009
    assert found == [Drift.TWICE] * 2


def test_what_is_to_be_gone_is_still_there_however_often(estate: cast.Estate, staff: User) -> None:
    word(estate, staff, LineState.UNASSIGNED, kind=Kind.UNASSIGN)
    listed(estate.sub)
    listed(estate.sub, zoom_id="own-again")
    assert found(estate) == [("18888001", Drift.STILL_THERE)] * 2


def test_a_dnis_of_two_master_accounts_is_no_drift(estate: cast.Estate, staff: User) -> None:
    word(estate, staff)
    listed(estate.sub)
    listed(estate.foreign_sub)
    assert found(estate) == []


def test_what_no_request_assigned_is_not_filed_here_and_alarms_nobody(
    estate: cast.Estate, staff: User
) -> None:
    listed(estate.sub, "18888001")
    gone(estate.sub, "18888002")
    word(estate, staff, LineState.REFUSED, request_state=State.FAILED)
    assert found(estate) == [("18888001", Drift.NOT_FILED)]
    assert found(estate, *ALARMING) == []


def test_what_zoom_refused_and_lists_afterwards_is_to_be_looked_into(
    estate: cast.Estate, staff: User
) -> None:
    refused = word(estate, staff, LineState.REFUSED, request_state=State.FAILED)
    row = listed(estate.sub, first_seen_at=READ)
    [drifted] = drifting(SubAccount.objects.all(), ALARMING)
    assert drifted == row
    assert (getattr(drifted, "drift"), getattr(drifted, "word")) == (Drift.REFUSED, refused.pk)  # noqa: B009
    ListedTrunk.objects.update(gone_at=READ)
    assert found(estate) == []


def test_a_change_that_was_undone_was_refused_its_new_dnis(estate: cast.Estate, staff: User) -> None:
    values: dict[str, Any] = {"kind": Kind.CHANGE, "phase": Phase.RESTORE, "current_dnis": "18888002"}
    word(estate, staff, LineState.REFUSED, request_state=State.FAILED, **values)
    listed(estate.sub, "18888001", first_seen_at=READ)
    listed(estate.sub, "18888002")
    assert found(estate) == [("18888001", Drift.REFUSED)]


@pytest.mark.parametrize(
    "values",
    [
        {"state": LineState.NOT_SENT},
        {"ended": READ + timedelta(seconds=1)},
        {"kind": Kind.UNASSIGN, "phase": Phase.REMOVE},
    ],
    ids=["not sent", "listed before", "not removed"],
)
def test_what_was_there_before_or_was_not_refused_is_not_filed_here(
    estate: cast.Estate, staff: User, values: dict[str, Any]
) -> None:
    word(estate, staff, **({"state": LineState.REFUSED, "request_state": State.FAILED} | values))
    listed(estate.sub, first_seen_at=READ)
    assert found(estate) == [("18888001", Drift.NOT_FILED)]


def test_what_was_given_up_may_have_come_from_here(estate: cast.Estate, staff: User) -> None:
    word(estate, staff, LineState.GIVEN_UP, request_state=State.FAILED)
    listed(estate.sub)
    assert found(estate) == []


def test_a_leading_zero_makes_another_dnis(estate: cast.Estate, staff: User) -> None:
    word(estate, staff, dnis="0123456")
    listed(estate.sub, "123456")
    gone(estate.sub, "0123456")
    assert found(estate) == [("0123456", Drift.MISSING), ("123456", Drift.NOT_FILED)]


@pytest.mark.parametrize(
    "state", [State.PENDING, State.SENT_BACK, State.APPROVED, State.APPLYING, State.UNCONFIRMED]
)
def test_what_an_open_request_is_about_is_no_drift(estate: cast.Estate, staff: User, state: State) -> None:
    word(estate, staff)
    gone(estate.sub)
    listed(estate.sub, "18888002")
    assert len(found(estate)) == 2
    word(estate, staff, LineState.NOT_SENT, request_state=state)
    word(
        estate,
        staff,
        LineState.NOT_SENT,
        dnis="18888003",
        current_dnis="18888002",
        kind=Kind.CHANGE,
        request_state=State.PENDING,
    )
    assert found(estate) == []


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_a_list_that_was_read_within_the_quiet_period_after_the_word_says_nothing(
    estate: cast.Estate, staff: User, beyond: int
) -> None:
    ended = READ - timedelta(seconds=settings.QUIET_SECONDS + beyond)
    word(estate, staff, ended=ended, outbound_caller_id=CALLER_ID)
    gone(estate.sub)
    word(estate, staff, LineState.UNASSIGNED, dnis="18888002", kind=Kind.UNASSIGN, ended=ended)
    listed(estate.sub, "18888002")
    word(estate, staff, dnis="18888003", ended=ended, outbound_caller_id=CALLER_ID)
    listed(estate.sub, "18888003", outbound_caller_id="+14155550199")
    assert len(found(estate)) == (3 if beyond > 0 else 0)


def test_what_the_newest_list_does_not_show_is_not_claimed_before_it_is_gone(
    estate: cast.Estate, staff: User
) -> None:
    word(estate, staff, LineState.UNASSIGNED, kind=Kind.UNASSIGN)
    listed(estate.sub, last_seen_at=READ - timedelta(seconds=30))
    assert found(estate) == []


@pytest.mark.parametrize(
    "values", [{"trunks_problem": "Zoom is in trouble."}, {"trunks_read_at": None}, {"gone_at": READ}]
)
def test_nothing_is_claimed_of_a_sub_account_that_was_not_read_or_is_gone(
    estate: cast.Estate, staff: User, values: dict[str, Any]
) -> None:
    word(estate, staff)
    gone(estate.sub)
    listed(estate.sub, "18888002")
    SubAccount.objects.filter(pk=estate.sub.pk).update(**values)
    assert found(estate) == []
    assert list(unread(SubAccount.objects.filter(gone_at=None))) == (
        [estate.sub] if "gone_at" not in values else []
    )


def test_a_row_without_a_dnis_is_none_of_it(estate: cast.Estate) -> None:
    listed(estate.sub, "")
    listed(estate.other_sub, "")
    assert found(estate) == []
