"""What Zoom lists and no request has assigned: whether it is to be looked into."""

from datetime import timedelta
from typing import Any

import pytest

from tests import cast
from tests.models import listing
from tests.models.listing import READ, found, gone, listed, word
from trunks.models import Kind, LineState, ListedTrunk, Phase, State, SubAccount, User
from trunks.models.drift import ALARMING, Drift, drifting

pytestmark = pytest.mark.sqlite
read = listing.read


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
