"""What drifts between Zoom's lists and the portal's last word: what is missing, and what is still there."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import cast
from tests.models import listing
from tests.models.listing import CALLER_ID, READ, found, gone, listed, word
from trunks.models import Kind, LineState, ListedTrunk, Phase, State, SubAccount, User
from trunks.models.drift import ALARMING, MISSED_DAYS, Drift, drifting

pytestmark = pytest.mark.sqlite
read = listing.read


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


def test_a_leading_zero_makes_another_dnis(estate: cast.Estate, staff: User) -> None:
    word(estate, staff, dnis="0123456")
    listed(estate.sub, "123456")
    gone(estate.sub, "0123456")
    assert found(estate) == [("0123456", Drift.MISSING), ("123456", Drift.NOT_FILED)]
