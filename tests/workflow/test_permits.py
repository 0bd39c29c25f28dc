"""The permit: spent once, given back when nothing happened, worth nothing when what it rests on has fallen."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from tests import cast
from tests.together import together
from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, states
from trunks import audit
from trunks.models import Decision, LineState, Permit, RoleGrant, State, TrunkRequest, User
from trunks.workflow import filing, permits, provisioning, review, sweeping
from trunks.workflow.claims import claim_approved
from trunks.workflow.transitions import mark

pytestmark = pytest.mark.sqlite


def fresh(trunk_request: TrunkRequest) -> TrunkRequest:
    return TrunkRequest.objects.get(pk=trunk_request.pk)


def comment_of_last(trunk_request: TrunkRequest) -> str:
    event = audit.history(trunk_request).last()
    assert event is not None
    return str(event.comment)


def test_carrying_out_spends_the_permit(zoom: Zoom, staff: User, supervisor: User) -> None:
    approved = zoom.approved(staff, supervisor, "18888777")
    assert approved.permits.get().spent_at is None
    provisioning.provision(approved.pk)
    assert states(approved) == ("done", ["assigned"])
    assert approved.permits.get().spent_on == "claim 1"


def test_a_permit_used_twice_does_nothing_the_second_time(zoom: Zoom, staff: User, supervisor: User) -> None:
    approved = zoom.approved(staff, supervisor, "18888777")
    provisioning.provision(approved.pk)
    # By hand, in the database: as if it had never been carried out.
    zoom.in_console("18888777", None)
    TrunkRequest.objects.filter(pk=approved.pk).update(state=State.APPROVED)
    mark(approved.lines.all(), LineState.NOT_SENT, hold="held")
    provisioning.provision(approved.pk)
    assert states(approved) == ("sent_back", ["not_sent"])
    assert zoom.assigned() == {}
    assert comment_of_last(approved) == permits.NONE_LEFT


def test_a_permit_of_another_content_is_worth_nothing(zoom: Zoom, staff: User, supervisor: User) -> None:
    approved = zoom.approved(staff, supervisor, "18888777")
    Permit.objects.update(content_digest="0" * 64)
    provisioning.provision(approved.pk)
    assert (states(approved), zoom.assigned()) == (("sent_back", ["not_sent"]), {})


def test_a_policy_changed_behind_the_portal_stops_it_before_anything_is_sent(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    approved = zoom.approved(staff, supervisor, "18888777")
    TrunkRequest.objects.filter(pk=approved.pk).update(policy={"needed": 1})
    provisioning.provision(approved.pk)
    assert (states(approved), zoom.assigned()) == (("sent_back", ["not_sent"]), {})
    assert "policy kept with the request" in comment_of_last(approved)


@pytest.mark.parametrize("how", ["revoked", "deactivated"])
def test_an_approver_who_is_supervisor_no_more_sends_it_back_to_its_people(
    zoom: Zoom, staff: User, supervisor: User, how: str
) -> None:
    approved = zoom.approved(staff, supervisor, "18888777")
    if how == "revoked":
        RoleGrant.objects.filter(user=supervisor).delete()
    else:
        User.objects.filter(pk=supervisor.pk).update(is_active=False)
    provisioning.provision(approved.pk)
    assert (states(approved), zoom.assigned()) == (("sent_back", ["not_sent"]), {})
    assert comment_of_last(approved) == (
        "Since it was approved, Sam Supervisor ceased to be supervisor for the master account,"
        " so it needs a new approval."
    )


def test_what_came_back_to_its_people_can_be_approved_again(
    zoom: Zoom, staff: User, supervisor: User, second_supervisor: User
) -> None:
    approved = zoom.approved(staff, supervisor, "18888777")
    RoleGrant.objects.filter(user=supervisor).delete()
    provisioning.provision(approved.pk)
    assert approved.permits.get().spent_on == "sent back"
    sent_back = fresh(approved)
    draft = zoom.draft("18888779")
    filing.amend(sent_back, draft, actor=staff, version=sent_back.version)
    waiting = fresh(approved)
    review.approve(waiting, actor=second_supervisor, version=waiting.version)
    provisioning.provision(approved.pk)
    assert states(approved) == ("done", ["assigned"])


def test_the_day_counts_on_which_the_permit_is_spent_and_not_that_on_which_the_worker_began(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = timezone.now()
    RoleGrant.objects.filter(user=supervisor).update(ends_on=today.date())
    first, second = (zoom.approved(staff, supervisor, dnis) for dnis in ("18888777", "18888778"))
    provisioning.provision(first.pk)
    monkeypatch.setattr(timezone, "now", lambda: today + timedelta(days=1))
    provisioning.provision(second.pk)
    assert (fresh(first).state, fresh(second).state) == ("done", "sent_back")
    assert "ceased to be supervisor" in comment_of_last(second)


def test_of_three_approvals_for_two_one_may_fall(
    zoom: Zoom, staff: User, supervisor: User, second_supervisor: User
) -> None:
    approved = zoom.approved(staff, supervisor, "18888777")
    other = Decision.objects.create(
        trunk_request=approved,
        verdict="approve",
        decided_by=second_supervisor,
        filed_by=staff,
        decided_at=approved.changed_at,
        content_version=1,
        content_digest=approved.content_digest,
        policy_digest=approved.policy_digest,
    )
    approved.permits.get().decisions.add(other)
    RoleGrant.objects.filter(user=supervisor).delete()
    provisioning.provision(approved.pk)
    assert states(approved)[0] == "done"


def test_half_of_a_change_is_finished_whoever_has_left(zoom: Zoom, staff: User, supervisor: User) -> None:
    approved = zoom.approved(staff, supervisor, "18888777")
    RoleGrant.objects.filter(user=supervisor).delete()
    TrunkRequest.objects.filter(pk=approved.pk).update(kind="change")
    approved.lines.update(phase="assign", current_dnis="18888700")
    assert permits.spend(fresh(approved)) == ""
    assert permits.spend(fresh(approved)) == permits.NONE_LEFT


def test_a_limit_at_zoom_gives_the_permit_back(zoom: Zoom, staff: User, supervisor: User) -> None:
    approved = zoom.approved(staff, supervisor, "18888777")
    zoom.sandbox.fault("429", path="sip_trunk")
    provisioning.provision(approved.pk)
    assert states(approved)[0] == "approved"
    assert approved.permits.get().spent_at is None
    let_pass(approved)
    provisioning.provision(approved.pk)
    assert states(approved)[0] == "done"


def test_a_worker_that_dies_after_the_claim_does_not_strand_the_request(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    approved = zoom.approved(staff, supervisor, "18888777")
    zoom.lose_worker(approved, "trunks.workflow.provisioning.ask_for_list")
    assert approved.permits.get().spent_at is not None
    let_pass(approved)
    sweeping.sweep()
    assert (fresh(approved).state, approved.permits.get().spent_at) == ("approved", None)
    let_pass(approved)
    provisioning.provision(approved.pk)
    assert states(approved)[0] == "done"


def test_a_retry_gets_a_new_permit_under_the_same_decisions(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    approved = zoom.approved(staff, supervisor, "18888777")
    provisioning.provision(approved.pk)
    TrunkRequest.objects.filter(pk=approved.pk).update(state=State.FAILED)
    zoom.in_console("18888777", None)
    mark(approved.lines.all(), LineState.REFUSED, hold="")
    again = provisioning.retry(fresh(approved), actor=staff, version=fresh(approved).version)
    first, second = again.permits.all()
    assert (first.ground, second.ground) == ("approval", "retry")
    assert list(first.decisions.all()) == list(second.decisions.all())
    assert (first.spent_at is None, second.spent_at is None) == (False, True)
    provisioning.provision(approved.pk)
    assert states(approved)[0] == "done"


def test_a_retry_after_the_approver_left_goes_back_to_its_people(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    approved = zoom.approved(staff, supervisor, "18888777")
    Permit.objects.update(spent_at=approved.changed_at)
    TrunkRequest.objects.filter(pk=approved.pk).update(state=State.FAILED)
    RoleGrant.objects.filter(user=supervisor).delete()
    provisioning.retry(fresh(approved), actor=staff, version=fresh(approved).version)
    provisioning.provision(approved.pk)
    assert (states(approved)[0], zoom.assigned()) == ("sent_back", {})


@pytest.mark.django_db(transaction=True)
def test_two_claims_at_once_spend_one_permit(estate: cast.Estate, staff: User, supervisor: User) -> None:
    for number in range(10):
        filed = filing.file(cast.draft(estate.sub, estate.trunk, f"18888{number:03}"), actor=staff)
        review.approve(filed, actor=supervisor, version=1)
        claims = together(partial(claim_approved, filed.pk), partial(claim_approved, filed.pk))
        taken = [claim for claim in claims if claim is not None]
        assert len(taken) == 1, claims
        assert filed.permits.get().spent_on == "claim 1"
        TrunkRequest.objects.filter(pk=filed.pk).update(state=State.DONE)
