"""Approvals on behalf of a supervisor: how they count, when they fall, and who is told."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from tests import cast, outbox
from tests.together import together
from tests.workflow.test_delegating import again, approve, approve_for, lend, loaded
from trunks import audit
from trunks.models import Decision, Delegation, LineState, Permit, State, TrunkRequest, User
from trunks.workflow import deciders, delegating, filing, people, permits, policy, quorum, review
from trunks.workflow.errors import Refused, Stale

pytestmark = pytest.mark.sqlite


def test_a_supervisor_and_who_stands_in_count_once(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User
) -> None:
    loaded(trunk_request, approvals_needed=2)
    lend(supervisor, second_staff)
    approve(trunk_request, supervisor)
    with pytest.raises(Refused, match="on behalf of Sam Supervisor, for whom you decide"):
        approve(trunk_request, second_staff)
    assert quorum.of(loaded(trunk_request)).missing == 1


def test_nor_the_other_way_round(trunk_request: TrunkRequest, supervisor: User, second_staff: User) -> None:
    approve_for(supervisor, trunk_request, second_staff, needed=2)
    with pytest.raises(Refused, match="Stan Staff has already approved it on your behalf"):
        approve(trunk_request, supervisor)


def test_two_who_stand_in_for_one_count_once(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User, manager: User
) -> None:
    lend(supervisor, manager)
    approve_for(supervisor, trunk_request, second_staff, needed=2)
    with pytest.raises(Refused, match="on behalf of Sam Supervisor"):
        approve(trunk_request, manager)


def test_one_who_stands_in_for_two_counts_once(
    trunk_request: TrunkRequest, supervisor: User, second_supervisor: User, second_staff: User
) -> None:
    lend(second_supervisor, second_staff)
    approve_for(supervisor, trunk_request, second_staff, needed=2)
    with pytest.raises(Refused, match="You have already approved it"):
        approve(trunk_request, second_staff)


def test_who_stands_in_for_two_speaks_for_the_one_not_heard_yet(
    trunk_request: TrunkRequest, supervisor: User, second_supervisor: User, second_staff: User
) -> None:
    loaded(trunk_request, approvals_needed=2)
    lend(supervisor, second_staff)
    lend(second_supervisor, second_staff)
    approve(trunk_request, supervisor)
    approve(trunk_request, second_staff)
    assert [one.voice for one in quorum.counted(loaded(trunk_request))] == [supervisor, second_supervisor]
    assert loaded(trunk_request).state == State.APPROVED


@pytest.mark.parametrize("decides", ["supervisor", "second_supervisor", "second_staff", "manager"])
def test_who_is_left_after_an_approval_are_those_who_are_not_spoken_for(
    trunk_request: TrunkRequest,
    supervisor: User,
    second_supervisor: User,
    second_staff: User,
    manager: User,
    decides: str,
    request: pytest.FixtureRequest,
) -> None:
    """One stands in for both, one for the first alone, and the second supervisor for the first as well."""
    loaded(trunk_request, approvals_needed=3)
    for giver, receiver in (
        (supervisor, manager),
        (second_supervisor, manager),
        (supervisor, second_staff),
        (supervisor, second_supervisor),
    ):
        lend(giver, receiver)
    approve(trunk_request, request.getfixturevalue(decides))
    row = loaded(trunk_request)
    left = [user for user in deciders.able(row) if not deciders.spoken_for(user, row)]
    assert deciders.remaining(row) == left
    assert 0 < len(left) < 4


def test_the_database_allows_one_approval_in_one_right(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User
) -> None:
    row = {
        "trunk_request": trunk_request,
        "verdict": "approve",
        "filed_by": trunk_request.filed_by,
        "decided_at": cast.LONG_AGO,
        "content_version": 1,
        "content_digest": trunk_request.content_digest,
    }
    Decision.objects.create(decided_by=supervisor, **row)
    for wrong in ({"on_behalf_of": supervisor}, {"on_behalf_of": trunk_request.filed_by}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Decision.objects.create(decided_by=second_staff, **wrong, **row)


def test_a_supervisor_and_who_stands_in_at_once_give_one_approval(
    transactional_db: None, trunk_request: TrunkRequest, supervisor: User, second_staff: User
) -> None:
    loaded(trunk_request, approvals_needed=2)
    lend(supervisor, second_staff)
    together(lambda: approve(trunk_request, supervisor), lambda: approve(trunk_request, second_staff))
    assert len(quorum.counted(loaded(trunk_request))) == 1
    assert Permit.objects.count() == 0


def test_a_delegation_that_is_ended_meanwhile_decides_nothing(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page and the first look are over; the delegation ends right before the decision is written."""
    made = lend(supervisor, second_staff)
    found = quorum.of

    def ended_first(row: TrunkRequest) -> quorum.Quorum:
        Delegation.objects.filter(pk=made.pk).update(ended_at=timezone.now())
        return found(row)

    monkeypatch.setattr(quorum, "of", ended_first)
    with pytest.raises(Stale, match="has ended meanwhile"):
        approve(trunk_request, second_staff)
    assert trunk_request.decisions.count() == 0
    assert loaded(trunk_request).state == State.PENDING


def test_a_delegation_that_is_ended_between_look_and_lock_decides_nothing(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = lend(supervisor, second_staff)
    found = deciders.on_behalf_of

    def ended_after(user: User, row: TrunkRequest) -> User | None:
        behalf = found(user, row)
        Delegation.objects.filter(pk=made.pk).update(ended_at=timezone.now())
        return behalf

    monkeypatch.setattr(deciders, "on_behalf_of", ended_after)
    row = loaded(trunk_request)
    with pytest.raises(Stale, match="has ended meanwhile"):
        review.deny(row, actor=again(second_staff), version=1, comment="No")


def test_what_was_approved_stands_when_the_delegation_is_over(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User
) -> None:
    made = approve_for(supervisor, trunk_request, second_staff)
    delegating.end(made, actor=supervisor)
    assert permits.spend(loaded(trunk_request)) == ""


@pytest.mark.parametrize("who", ["supervisor", "second_staff"])
def test_what_was_approved_falls_with_either_of_the_two(
    trunk_request: TrunkRequest,
    supervisor: User,
    second_staff: User,
    administrator: User,
    who: str,
    request: pytest.FixtureRequest,
) -> None:
    approve_for(supervisor, trunk_request, second_staff)
    people.deactivate(request.getfixturevalue(who), actor=administrator)
    assert "Sam Supervisor ceased to be supervisor" in permits.spend(loaded(trunk_request))


def test_the_supervisor_can_take_back_what_was_given_on_their_behalf(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User
) -> None:
    approve_for(supervisor, trunk_request, second_staff, needed=2)
    review.take_back(loaded(trunk_request), actor=supervisor, version=2)
    assert quorum.counted(loaded(trunk_request)) == []


def test_either_of_the_two_can_stop_what_was_approved(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User
) -> None:
    approve_for(supervisor, trunk_request, second_staff)
    assert policy.may(again(supervisor), "withdraw", loaded(trunk_request))
    assert policy.may(again(second_staff), "withdraw", loaded(trunk_request))


def test_only_deciding_is_lent(trunk_request: TrunkRequest, supervisor: User, manager: User) -> None:
    lend(supervisor, manager)
    trunk_request.lines.update(state=LineState.UNKNOWN)
    unconfirmed = loaded(trunk_request, state=State.UNCONFIRMED)
    for verb in ("check", "give_up"):
        assert not policy.may(again(manager), verb, unconfirmed)


@pytest.mark.parametrize("who", ["supervisor", "administrator"])
def test_who_gave_it_and_an_administrator_can_end_it_once(
    estate: cast.Estate, supervisor: User, second_staff: User, who: str, request: pytest.FixtureRequest
) -> None:
    made = lend(supervisor, second_staff)
    actor = request.getfixturevalue(who)
    delegating.end(made, actor=actor)
    with pytest.raises(Stale, match="ended already"):
        delegating.end(made, actor=actor)
    assert [event.action for event in audit.history(made)] == ["delegation.made", "delegation.ended"]


def test_nobody_else_can_end_it(estate: cast.Estate, supervisor: User, second_staff: User) -> None:
    made = lend(supervisor, second_staff)
    with pytest.raises(Refused, match="Only the supervisor who gave it"):
        delegating.end(made, actor=second_staff)


def test_who_stands_in_is_told_of_what_waits(
    estate: cast.Estate, staff: User, supervisor: User, second_staff: User
) -> None:
    lend(supervisor, second_staff)
    outbox.silence()
    filing.file(cast.draft(estate.sub, estate.trunk, "18888001"), actor=staff)
    assert sorted(letter.to[0] for letter in outbox.deliver()) == sorted(
        [supervisor.email, second_staff.email]
    )


def test_the_requester_reads_who_decided_on_whose_behalf(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User
) -> None:
    lend(supervisor, second_staff)
    outbox.silence()
    approve(trunk_request, second_staff)
    [letter] = outbox.deliver()
    assert letter.subject.startswith("Stan Staff, on behalf of Sam Supervisor, approved")


def test_standing_in_makes_nobody_more_who_could_satisfy_a_quorum(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User
) -> None:
    lend(supervisor, second_staff)
    assert "only Sam Supervisor could give one" in deciders.shortage(
        loaded(trunk_request, approvals_needed=2)
    )
