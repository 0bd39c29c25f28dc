"""Approvals by several: who counts, how often, for which content, under which policy, and what two do at once."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests import cast
from tests.together import together
from trunks import audit, dispatch
from trunks.models import Permit, Role, RoleGrant, State, TrunkRequest, User
from trunks.workflow import deciders, filing, permits, policy, quorum, review
from trunks.workflow.errors import Refused, Stale

pytestmark = pytest.mark.sqlite

Filing = Callable[..., TrunkRequest]


def fresh(trunk_request: TrunkRequest) -> TrunkRequest:
    """Return the request as a page of somebody else would load it."""
    return TrunkRequest.objects.get(pk=trunk_request.pk)


def approve(trunk_request: TrunkRequest, actor: User) -> TrunkRequest:
    """Have somebody approve from a page that was loaded just now."""
    now = fresh(trunk_request)
    return review.approve(now, actor=User.objects.get(pk=actor.pk), version=now.version)


@pytest.fixture
def third_supervisor(db: None) -> User:
    return cast.person("Sid Supervisor", Role.SUPERVISOR)


@pytest.fixture
def for_two(estate: cast.Estate, staff: User) -> TrunkRequest:
    """Return a pending request that takes two approvals."""
    cast.policy(estate.master, approvals=2)
    return filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=staff)


def test_a_request_that_takes_two_stays_pending_after_the_first(
    for_two: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    first = approve(for_two, supervisor)
    assert (first.state, first.approved_by, quorum.of(first).words) == ("pending", None, "1 of 2 approvals")
    assert not Permit.objects.exists()
    event = audit.history(first).last()
    assert event is not None
    assert (event.action, event.after["approvals"]) == ("request.approval_given", "1 of 2")
    last = approve(for_two, second_supervisor)
    assert (last.state, last.approved_by) == ("approved", second_supervisor)
    permit = Permit.objects.get()
    assert set(permit.decisions.all()) == set(last.decisions.all())
    assert (permit.needed, permit.spent_at, permit.content_digest) == (2, None, last.content_digest)
    assert {one.policy_digest for one in last.decisions.all()} == {last.policy_digest, permit.policy_digest}


def test_the_same_supervisor_twice_does_not_count_twice(
    for_two: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    approve(for_two, supervisor)
    with pytest.raises(Refused, match="already approved it") as caught:
        approve(for_two, supervisor)
    assert caught.value.who == str(second_supervisor)
    assert (fresh(for_two).state, for_two.decisions.count()) == ("pending", 1)
    event = audit.history(for_two).last()
    assert event is not None
    assert (event.action, event.after["action"]) == ("request.action_refused", "approve")


def test_a_second_click_that_was_read_before_the_first_was_written_is_told_who_was_first(
    for_two: TrunkRequest, supervisor: User
) -> None:
    read_before = fresh(for_two)
    approve(for_two, supervisor)
    with pytest.raises(Stale):
        review.approve(read_before, actor=supervisor, version=read_before.version)
    assert for_two.decisions.count() == 1
    assert not audit.history(for_two).filter(action="action.refused").exists()


def test_three_take_three(
    estate: cast.Estate, staff: User, supervisor: User, second_supervisor: User, third_supervisor: User
) -> None:
    cast.policy(estate.master, approvals=3)
    filed = filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=staff)
    states = [approve(filed, who).state for who in (supervisor, second_supervisor, third_supervisor)]
    assert states == ["pending", "pending", "approved"]


@pytest.mark.parametrize(("verb", "state"), [("deny", "denied"), ("send_back", "sent_back")])
def test_one_who_says_no_ends_it_at_once_even_after_their_own_approval(
    for_two: TrunkRequest, supervisor: User, verb: str, state: str
) -> None:
    approve(for_two, supervisor)
    now = fresh(for_two)
    getattr(review, verb)(now, actor=supervisor, version=now.version, comment="On second thoughts, no.")
    assert fresh(for_two).state == state


def test_amending_voids_the_approvals_of_the_old_content(
    estate: cast.Estate, for_two: TrunkRequest, staff: User, supervisor: User, second_supervisor: User
) -> None:
    approve(for_two, supervisor)
    now = fresh(for_two)
    filing.amend(now, cast.draft(estate.sub, estate.trunk, "18888124"), actor=staff, version=now.version)
    assert quorum.of(fresh(for_two)).words == "0 of 2 approvals"
    [vote] = quorum.votes(fresh(for_two))
    assert "void: it was for version 1" in vote.void
    assert approve(for_two, second_supervisor).state == "pending"
    assert approve(for_two, supervisor).state == "approved"


def test_an_approval_can_be_taken_back_before_the_last_one_and_given_again(
    for_two: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    given = approve(for_two, supervisor)
    review.take_back(given, actor=supervisor, version=given.version)
    assert quorum.of(fresh(for_two)).words == "0 of 2 approvals"
    assert [vote.void for vote in quorum.votes(fresh(for_two))] == ["taken back"]
    assert approve(for_two, second_supervisor).state == "pending"
    last = approve(for_two, supervisor)
    assert last.state == "approved"
    with pytest.raises(Stale):
        review.take_back(last, actor=supervisor, version=last.version)


def test_only_who_gave_an_approval_takes_it_back(
    for_two: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    given = approve(for_two, supervisor)
    with pytest.raises(Refused, match="given no approval of it"):
        review.take_back(given, actor=second_supervisor, version=given.version)


def test_an_approval_of_somebody_who_is_supervisor_no_more_does_not_count(
    for_two: TrunkRequest, supervisor: User, second_supervisor: User, third_supervisor: User
) -> None:
    approve(for_two, supervisor)
    RoleGrant.objects.filter(user=supervisor).delete()
    assert approve(for_two, second_supervisor).state == "pending"
    assert "no longer a supervisor" in quorum.votes(fresh(for_two))[0].void
    assert approve(for_two, third_supervisor).state == "approved"


def test_each_of_several_approvers_may_still_stop_it(
    for_two: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    approve(for_two, supervisor)
    approved = approve(for_two, second_supervisor)
    assert policy.may(supervisor, "withdraw", approved)
    filing.withdraw(approved, actor=supervisor, version=approved.version)
    assert Permit.objects.get().spent_on == "withdrawn"
    assert permits.spend(fresh(for_two)) == permits.NONE_LEFT


def test_a_policy_that_is_weakened_after_filing_weakens_nothing_that_is_filed(
    estate: cast.Estate, for_two: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    cast.policy(estate.master, approvals=1)
    now = quorum.of(fresh(for_two))
    assert (now.needed, now.stricter) == (2, False)
    assert approve(for_two, supervisor).state == "pending"
    assert approve(for_two, second_supervisor).state == "approved"


def test_a_policy_that_is_made_stricter_counts_for_what_is_not_approved_yet(
    estate: cast.Estate, trunk_request: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    cast.policy(estate.master, first_trunk_approvals=2)
    now = quorum.of(fresh(trunk_request))
    assert (now.needed, now.stricter) == (2, True)
    assert now.reason == "It takes 2 approvals, because it is the first trunk of the sub account."
    assert approve(trunk_request, supervisor).state == "pending"
    assert approve(trunk_request, second_supervisor).state == "approved"
    assert Permit.objects.get().needed == 2


def test_amending_takes_a_new_snapshot_of_the_policy(
    estate: cast.Estate, for_two: TrunkRequest, staff: User
) -> None:
    cast.policy(estate.master, approvals=1)
    before = for_two.policy_digest
    draft = replace(filing.draft_of(for_two), reason="Said better")
    filing.amend(fresh(for_two), draft, actor=staff, version=1)
    now = fresh(for_two)
    assert (now.approvals_needed, now.policy["version"]) == (1, 2)
    assert now.policy_digest != before
    event = audit.history(for_two).last()
    assert event is not None
    assert (event.before["approvals_needed"], event.after["approvals_needed"]) == (2, 1)


def test_a_snapshot_that_was_changed_behind_the_portal_is_not_approved(
    for_two: TrunkRequest, supervisor: User
) -> None:
    weaker = for_two.policy | {"needed": 1}
    TrunkRequest.objects.filter(pk=for_two.pk).update(policy=weaker, approvals_needed=1)
    with pytest.raises(Refused, match="policy kept with the request"):
        approve(for_two, supervisor)
    assert (fresh(for_two).state, for_two.decisions.count()) == ("pending", 0)


def test_a_request_from_before_policies_takes_one_approval(
    trunk_request: TrunkRequest, supervisor: User
) -> None:
    from_before = {"policy": {}, "policy_digest": TrunkRequest._meta.get_field("policy_digest").default}
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(**from_before)
    assert approve(trunk_request, supervisor).state == "approved"


def test_the_page_tells_how_many_it_takes_and_why(
    estate: cast.Estate, staff: User, for_two: TrunkRequest
) -> None:
    assert quorum.of(for_two).reason == "It takes 2 approvals."
    cast.policy(estate.master, change_approvals=2, many_lines=1, many_lines_approvals=3)
    draft = cast.draft(estate.sub, estate.trunk, "18888201", "18888202")
    assert quorum.of(filing.file(draft, actor=staff)).reason == (
        "It takes 3 approvals, because it has 2 lines."
    )


@pytest.mark.django_db(transaction=True)
def test_two_last_votes_at_once_give_exactly_one_provisioning(
    estate: cast.Estate,
    staff: User,
    supervisor: User,
    second_supervisor: User,
    third_supervisor: User,
    rung: list[tuple[str, int]],
) -> None:
    cast.policy(estate.master, approvals=2)
    for number in range(10):
        filed = filing.file(cast.draft(estate.sub, estate.trunk, f"18888{number:03}"), actor=staff)
        approve(filed, third_supervisor)
        results = together(
            partial(review.approve, fresh(filed), actor=supervisor, version=2),
            partial(review.approve, fresh(filed), actor=second_supervisor, version=2),
        )
        assert sorted(type(result).__name__ for result in results) == ["Stale", "TrunkRequest"], results
        assert (fresh(filed).state, filed.decisions.count(), filed.permits.count()) == ("approved", 2, 1)
        assert rung == [(dispatch.PROVISION, filed.pk)]
        rung.clear()


@pytest.mark.django_db(transaction=True)
def test_two_first_votes_at_once_do_not_make_a_quorum_behind_each_other(
    estate: cast.Estate, staff: User, supervisor: User, second_supervisor: User
) -> None:
    cast.policy(estate.master, approvals=2)
    for number in range(10):
        filed = filing.file(cast.draft(estate.sub, estate.trunk, f"18888{number:03}"), actor=staff)
        results = together(
            partial(review.approve, fresh(filed), actor=supervisor, version=1),
            partial(review.approve, fresh(filed), actor=second_supervisor, version=1),
        )
        assert sorted(type(result).__name__ for result in results) == ["Stale", "TrunkRequest"], results
        assert (fresh(filed).state, filed.decisions.count()) == (State.PENDING, 1)


@pytest.mark.django_db(transaction=True)
def test_taking_back_and_the_last_vote_at_once_never_approve_with_one(
    estate: cast.Estate, staff: User, supervisor: User, second_supervisor: User
) -> None:
    cast.policy(estate.master, approvals=2)
    for number in range(10):
        filed = filing.file(cast.draft(estate.sub, estate.trunk, f"18888{number:03}"), actor=staff)
        approve(filed, supervisor)
        together(
            partial(review.take_back, fresh(filed), actor=supervisor, version=2),
            partial(review.approve, fresh(filed), actor=second_supervisor, version=2),
        )
        counted = len(quorum.counted(fresh(filed)))
        assert (fresh(filed).state, counted) in {("pending", 0), ("approved", 2)}


def test_the_hour_of_filing_is_kept_and_not_asked_again(for_two: TrunkRequest) -> None:
    assert for_two.policy["facts"]["at"] <= timezone.now().isoformat()


def test_an_approval_is_void_once_the_request_is_sent_back(
    for_two: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    approve(for_two, supervisor)
    now = fresh(for_two)
    review.send_back(now, actor=second_supervisor, version=now.version, comment="Which site?")
    assert [vote.void for vote in quorum.votes(fresh(for_two))] == ["void: the request was sent back", ""]


@pytest.mark.django_db
def test_who_is_still_needed_is_found_out_for_many_as_for_few(
    for_two: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    """A filed request asks it for its letters, and the page of who has approved for the names on it."""
    approve(for_two, supervisor)
    counts = []
    for more in range(2):
        with CaptureQueriesContext(connection) as queries:
            left = deciders.remaining(fresh(for_two))
        assert len(left) == 1 + 10 * more
        counts.append(len(queries))
        for number in range(10):
            cast.person(f"Supervisor {more} {number}", Role.SUPERVISOR)
    assert counts[0] == counts[1]
