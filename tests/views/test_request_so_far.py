"""What the request page says has been done so far, and what comes next: never more than is true."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests import cast
from tests.conftest import SignedIn
from tests.views.test_request_page import address, forced, shown
from trunks.models import Heartbeat, RoleGrant, State, TrunkRequest, User, clock
from trunks.workflow import review, stopping


def test_an_open_request_says_that_who_filed_it_is_deactivated(
    signed_in: SignedIn, trunk_request: TrunkRequest, supervisor: User, staff: User
) -> None:
    client = signed_in(supervisor)
    assert "deactivated" not in shown(client, trunk_request)
    User.objects.filter(pk=staff.pk).update(is_active=False)
    content = shown(client, trunk_request)
    assert (
        "Stella Staff, who filed it, is deactivated. The request stays as it is, and others decide" in content
    )
    content = shown(client, forced(trunk_request, State.SENT_BACK))
    assert "Stella Staff, who filed it, is deactivated, so nobody can amend it." in content
    assert "others decide" not in content
    assert "Withdraw the request" in content
    content = shown(client, forced(trunk_request, State.APPROVED))
    assert "Stella Staff, who filed it, is deactivated. The request stays as it is.</p>" in content
    User.objects.filter(pk=staff.pk).update(is_active=True)
    RoleGrant.objects.filter(user=staff).delete()
    content = shown(client, forced(trunk_request, State.SENT_BACK))
    assert "who filed it, may no longer file for this master account, so nobody can amend it." in content
    assert "Withdraw the request" in content
    forced(trunk_request, State.PENDING)
    review.deny(trunk_request, actor=supervisor, version=1, comment="No.")
    assert 'id="filer-gone"' not in shown(client, trunk_request)


def test_what_waits_for_its_change_window_says_that_and_not_that_a_worker_is_next(
    signed_in: SignedIn, trunk_request: TrunkRequest, supervisor: User
) -> None:
    cast.approved(trunk_request, supervisor)
    Heartbeat.objects.create(name=Heartbeat.WORKER, at=clock.now())
    client = signed_in(supervisor)
    assert "A worker takes it up next." in client.get(address(trunk_request)).content.decode()
    TrunkRequest.objects.update(not_before=timezone.now() + timedelta(days=1))
    content = client.get(address(trunk_request)).content.decode()
    assert "It waits for its change window." in content
    assert "A worker takes it up next." not in content


@pytest.mark.parametrize("state", ["assigned", "already_there", "unassigned"])
def test_what_is_done_in_part_does_not_say_that_nothing_has_been_done(
    signed_in: SignedIn, trunk_request: TrunkRequest, supervisor: User, state: str
) -> None:
    cast.approved(trunk_request, supervisor)
    Heartbeat.objects.create(name=Heartbeat.WORKER, at=clock.now())
    client = signed_in(supervisor)
    assert "Nothing has been done at Zoom yet." in shown(client, trunk_request)
    trunk_request.lines.update(state=state)
    content = shown(client, trunk_request)
    assert "Nothing has been done at Zoom yet." not in content
    assert "A worker takes up next what is not done yet." in content
    stopping.stop(actor=supervisor, reason="Looking into it")
    content = shown(client, trunk_request)
    assert "Not all of it is done yet. The lines below say what is at Zoom already." in content
    assert "A worker takes up next" not in content


def test_a_retry_for_a_customer_without_a_trunk_does_not_say_that_nothing_has_been_done(
    signed_in: SignedIn, trunk_request: TrunkRequest, supervisor: User
) -> None:
    cast.approved(trunk_request, supervisor)
    TrunkRequest.objects.update(kind="change")
    trunk_request.lines.update(phase="remove", current_dnis="18888001", without_trunk=True)
    content = shown(signed_in(supervisor), trunk_request)
    assert "The customer is without a trunk:" in content
    assert "Nothing has been done at Zoom yet." not in content


def test_a_change_that_the_stop_has_caught_half_done_does_not_say_that_nothing_has_been_done(
    signed_in: SignedIn, trunk_request: TrunkRequest, supervisor: User
) -> None:
    cast.approved(trunk_request, supervisor)
    client = signed_in(supervisor)
    stopping.stop(actor=supervisor, reason="Looking into it")
    content = shown(client, trunk_request)
    assert "Nothing has been done at Zoom yet." in content
    TrunkRequest.objects.update(kind="change")
    trunk_request.lines.update(phase="assign", current_dnis="18888001")
    content = shown(client, trunk_request)
    assert "Nothing has been done at Zoom yet." not in content
    assert "The change is between its two steps" in content
    assert "Nothing is sent until two supervisors start writing again." in content
