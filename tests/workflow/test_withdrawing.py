"""Withdrawing a request before it reached Zoom."""

import pytest

from tests import cast
from trunks import audit
from trunks.models import LineState, TrunkRequest, User
from trunks.workflow import filing, review
from trunks.workflow.errors import Invalid, Refused, Stale

pytestmark = pytest.mark.sqlite


def test_who_filed_it_withdraws_it_with_a_comment(trunk_request: TrunkRequest, staff: User) -> None:
    filing.withdraw(trunk_request, actor=staff, version=1, comment="Not needed any more.")
    trunk_request.refresh_from_db()
    assert (trunk_request.state, trunk_request.version) == ("withdrawn", 2)
    event = audit.history(trunk_request).last()
    assert event is not None
    assert (event.action, event.actor, event.comment) == (
        "request.withdrawn",
        staff,
        "Not needed any more.",
    )
    assert (event.before, event.after) == ({"state": "pending"}, {"state": "withdrawn"})


def test_who_approved_it_takes_the_approval_back(trunk_request: TrunkRequest, supervisor: User) -> None:
    cast.approved(trunk_request, supervisor)
    filing.withdraw(trunk_request, actor=supervisor, version=2)
    assert trunk_request.state == "withdrawn"
    assert [line.hold for line in trunk_request.lines.all()] == [""]


def test_what_was_sent_back_can_be_withdrawn(
    trunk_request: TrunkRequest, staff: User, supervisor: User
) -> None:
    review.send_back(trunk_request, actor=supervisor, version=1, comment="Why?")
    filing.withdraw(trunk_request, actor=staff, version=2)
    assert trunk_request.state == "withdrawn"


@pytest.mark.parametrize("who", ["second_staff", "supervisor", "administrator", "superuser", "stranger"])
def test_nobody_else_withdraws_it(
    who: str, trunk_request: TrunkRequest, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(Refused, match="Only the person who filed the request, or approved it") as caught:
        filing.withdraw(trunk_request, actor=request.getfixturevalue(who), version=1)
    assert caught.value.who == "Stella Staff"
    trunk_request.refresh_from_db()
    assert trunk_request.state == "pending"


def test_a_comment_that_cannot_be_kept_is_refused_beside_its_field(
    trunk_request: TrunkRequest, staff: User
) -> None:
    with pytest.raises(Invalid) as caught:
        filing.withdraw(trunk_request, actor=staff, version=1, comment="a\x00b")
    assert set(caught.value.problems) == {"comment"}


def test_twice_is_once(trunk_request: TrunkRequest, staff: User) -> None:
    filing.withdraw(trunk_request, actor=staff, version=1)
    with pytest.raises(Stale, match=r"Stella Staff withdrew the request on .* is now: Withdrawn\."):
        filing.withdraw(trunk_request, actor=staff, version=1)
    assert [event.action for event in audit.history(trunk_request)] == [
        "request.filed",
        "request.withdrawn",
    ]


def test_what_was_sent_to_zoom_can_no_longer_be_withdrawn(
    trunk_request: TrunkRequest, staff: User, supervisor: User
) -> None:
    cast.approved(trunk_request, supervisor)
    trunk_request.lines.update(state=LineState.UNKNOWN)
    with pytest.raises(Stale):
        filing.withdraw(trunk_request, actor=staff, version=2)
    trunk_request.refresh_from_db()
    assert trunk_request.state == "approved"
