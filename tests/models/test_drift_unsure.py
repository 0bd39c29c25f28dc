"""What no list can tell yet, and what is about to change: nothing is claimed of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from tests import cast
from tests.models import listing
from tests.models.listing import CALLER_ID, READ, found, gone, listed, word
from trunks.models import Kind, LineState, State, SubAccount, User
from trunks.models.drift import unread

pytestmark = pytest.mark.sqlite
read = listing.read


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
