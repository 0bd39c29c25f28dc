"""What people are told while some approvals are there and others are missing, and how long it may wait."""

import pytest

from tests import outbox
from trunks.models import State, Topic, TrunkRequest, User
from trunks.workflow import occasions, review, waiting


@pytest.fixture
def half(trunk_request: TrunkRequest, supervisor: User, second_supervisor: User) -> TrunkRequest:
    """Return a request that has one of its two approvals; the letters about it are not sent yet."""
    outbox.silence()
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(approvals_needed=2)
    trunk_request.refresh_from_db()
    return review.approve(trunk_request, actor=supervisor, version=1)


def to() -> list[str]:
    return sorted(letter.to[0] for letter in outbox.deliver())


def test_the_first_approval_tells_those_who_are_still_needed(
    half: TrunkRequest, second_supervisor: User
) -> None:
    [letter] = outbox.deliver()
    assert letter.to == [second_supervisor.email]
    assert letter.subject.startswith("Another approval is needed: 1 trunk for Adatum Logistics")
    assert "Sam Supervisor approved it; it needs other approvals as well." in letter.body


def test_the_first_approval_does_not_restart_the_clock(half: TrunkRequest, supervisor: User) -> None:
    row = TrunkRequest.objects.get(pk=half.pk)
    assert (row.state, row.changed_at) == (State.PENDING, row.filed_at)
    review.take_back(row, actor=supervisor, version=2)
    assert TrunkRequest.objects.get(pk=half.pk).changed_at == row.filed_at
    assert waiting.remind_at(row) == waiting.remind_at(half)


def test_whoever_has_approved_is_not_reminded(half: TrunkRequest, second_supervisor: User) -> None:
    outbox.deliver()
    occasions.note_once(Topic.REMINDER, half, "reminder:1", {})
    assert to() == [second_supervisor.email]
