"""What others do at Zoom, by the portal or without it, between the steps and the runs of a request."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from tests import cast
from tests.workflow import test_removing
from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import OLD, TRUNKS, at_zoom, settle_in_time, to_change, to_unassign
from tests.workflow.timing import carry_out_in_time, let_pass, provision_twice, states
from trunks import access, audit
from trunks.actions import Action
from trunks.models import Delivery, Line, Notice, Topic, TrunkRequest, User, clock
from trunks.workflow import (
    errors,
    estate,
    filing,
    listing,
    provisioning,
    reconcile,
    speaking,
    spreading,
    sweeping,
    webhooks,
)
from trunks.workflow.provisioning import provision
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite
dnis = test_removing.dnis


def refuse_once(zoom: Zoom) -> None:
    """Have Zoom say no to the next assignment."""
    zoom.sandbox.fault("html", method="POST", path=TRUNKS, status=400, apply="never")


def retry(trunk_request: TrunkRequest, supervisor: User) -> None:
    trunk_request.refresh_from_db()
    provisioning.retry(trunk_request, actor=supervisor, version=trunk_request.version)


# --- a retry of the lines that failed, when those that did not have been removed since --------------------


@pytest.fixture
def partly(zoom: Zoom, staff: User, supervisor: User) -> TrunkRequest:
    """Return a request whose line 771 was there, and was unassigned by another since; Zoom has refused 772."""
    there, refused = (zoom.trunk.prefix + end for end in ("771", "772"))
    zoom.in_console(there, "")
    trunk_request = zoom.approved(staff, supervisor, there, refused)
    refuse_once(zoom)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("partial", ["already_there", "refused"])
    let_pass(trunk_request)
    removal = to_unassign(zoom, staff, supervisor, there)
    provision(removal.pk)
    assert states(removal) == ("done", ["unassigned"])
    let_pass(removal)
    return trunk_request


def test_what_another_request_has_removed_is_not_sent_again_by_a_retry_of_other_lines(
    zoom: Zoom, supervisor: User, partly: TrunkRequest
) -> None:
    retry(partly, supervisor)
    refuse_once(zoom)
    provision(partly.pk)
    for _ in range(2):
        settle_in_time(partly)
        provision(partly.pk)
    assert states(partly) == ("partial", ["already_there", "refused"])
    assert at_zoom(zoom) == {}


def test_nor_does_the_end_of_the_retry_take_its_dnis_back(
    zoom: Zoom, staff: User, supervisor: User, partly: TrunkRequest
) -> None:
    """Nothing would ever let go of it, since no list shows it and then does not."""
    retry(partly, supervisor)
    provision(partly.pk)
    assert states(partly)[0] == "done"
    assert list(Line.objects.exclude(hold="").values_list("dnis", flat=True)) == [zoom.trunk.prefix + "772"]
    filing.file(zoom.draft(zoom.trunk.prefix + "771", sub=zoom.other_sub), actor=staff)


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_nor_is_it_in_the_way_when_another_customer_has_it(
    zoom: Zoom, staff: User, supervisor: User, partly: TrunkRequest, answer: str
) -> None:
    theirs = filing.file(zoom.draft(zoom.trunk.prefix + "771", sub=zoom.other_sub), actor=staff)
    provision(cast.approved(theirs, supervisor).pk)
    retry(partly, supervisor)
    if answer == "no":
        refuse_once(zoom)
    provision(partly.pk)
    expected = ("done", "assigned") if answer == "yes" else ("partial", "refused")
    assert states(partly) == (expected[0], ["already_there", expected[1]])
    assert at_zoom(zoom) == ({zoom.trunk.prefix + "772": ""} if answer == "yes" else {})


@pytest.mark.parametrize("by", ["unassign", "change", "portal and console"])
def test_a_change_is_not_retried_in_place_of_what_another_request_has_removed_since(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, by: str
) -> None:
    """The customer would have a trunk more than anybody asked for."""
    first = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "888")
    refuse_once(zoom)
    provision(first.pk)
    assert at_zoom(zoom) == {dnis: OLD}
    for earlier in TrunkRequest.objects.all():
        let_pass(earlier)
    third = zoom.trunk.prefix + "999"
    if by == "change":
        other = to_change(zoom, staff, supervisor, dnis, third)
    else:
        other = to_unassign(zoom, staff, supervisor, dnis)
    if by == "portal and console":
        zoom.in_console(dnis, None)
        provision_twice(other)
    else:
        provision(other.pk)
    assert states(other)[0] == "done"
    let_pass(other)
    retry(first, supervisor)
    provision_twice(first)
    assert states(first) == ("failed", ["different"])
    assert f"{dnis} was removed by {other} since" in first.lines.get().detail
    assert set(at_zoom(zoom)) == ({third} if by == "change" else set())
    assert not first.lines.exclude(hold="", removing=False).exists()


def test_a_worker_lost_after_it_found_everything_there_leaves_nothing_to_be_checked(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    number = zoom.trunk.prefix + "771"
    zoom.in_console(number, "")
    trunk_request = zoom.approved(staff, supervisor, number)
    zoom.lose_worker(trunk_request, "trunks.workflow.settling.settle")
    let_pass(trunk_request)
    sweeping.sweep()
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["already_there"])


# --- the alarm: when it ends, and when it begins --------------------


@pytest.fixture
def lost(zoom: Zoom, staff: User, supervisor: User, dnis: str) -> TrunkRequest:
    """Return a change that has removed the DNIS, and of which Zoom has refused the new values and the old ones."""
    change = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "888")
    for _ in range(4):
        refuse_once(zoom)
    carry_out_in_time(change)
    assert states(change) == ("failed", ["refused"])
    assert list(access.without_trunk_for(supervisor)) == [change]
    return change


def test_an_alarm_that_has_ended_does_not_come_back_when_the_trunk_is_removed_on_purpose(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, lost: TrunkRequest
) -> None:
    zoom.in_console(dnis, OLD)
    let_pass(lost)
    assert estate.sync(zoom.master.pk)
    removal = to_unassign(zoom, staff, supervisor, dnis)
    provision(removal.pk)
    assert states(removal) == ("done", ["unassigned"])
    assert list(access.without_trunk_for(supervisor)) == []


def test_a_list_that_may_be_older_than_the_removal_does_not_end_the_alarm_for_good(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, lost: TrunkRequest, settings: Settings
) -> None:
    settings.QUIET_SECONDS = 60
    listing.take_in(zoom.sub, [Trunk("268", "", "", dnis, "0", None)], clock.read())
    for seconds in (60, 61):
        listing.take_in(zoom.sub, [], clock.read() + timedelta(seconds=seconds))
    assert list(access.without_trunk_for(supervisor)) == [lost]


def test_a_sub_account_that_is_gone_misses_no_trunk(zoom: Zoom, supervisor: User, lost: TrunkRequest) -> None:
    zoom.remove_account()
    assert estate.sync(zoom.master.pk)
    assert list(access.without_trunk_for(supervisor)) == []


def test_a_retry_of_a_change_without_a_trunk_cannot_be_withdrawn(
    zoom: Zoom, staff: User, supervisor: User, lost: TrunkRequest
) -> None:
    """Nobody could retry it any more, and it would say that the customer's trunks stay as they are."""
    retry(lost, supervisor)
    with pytest.raises(errors.Stale):
        filing.withdraw(lost, actor=staff, version=lost.version)
    provision(lost.pk)
    assert states(lost) == ("done", ["assigned"])


def test_a_change_that_was_given_up_with_its_trunk_still_at_zoom_alarms_nobody(
    zoom: Zoom, staff: User, supervisor: User, administrator: User, dnis: str
) -> None:
    webhooks.add(name="Pager", url="https://pager.example.com/", topics=["lost"], actor=administrator)
    change = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "888")
    zoom.sandbox.fault("drop", method="DELETE", path=TRUNKS, apply="never")
    provision(change.pk)
    let_pass(change)
    change.refresh_from_db()
    reconcile.give_up(change, actor=supervisor, version=change.version, comment="Zoom cannot tell")
    assert list(access.without_trunk_for(supervisor)) == []
    spreading.spread_due()
    assert list(Delivery.objects.all()) == []
    assert not audit.history(change).filter(action=Action.NOTICE_SENT).exists()
    assert not Notice.objects.filter(occasion__topic=Topic.LOST).exists()


def test_old_values_whose_dnis_another_customer_has_got_are_not_assigned_again(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, lost: TrunkRequest
) -> None:
    let_pass(lost)
    theirs = cast.approved(filing.file(zoom.draft(dnis, sub=zoom.other_sub), actor=staff), supervisor)
    provision(theirs.pk)
    assert states(theirs)[0] == "done"
    retry(lost, supervisor)
    refuse_once(zoom)
    provision(lost.pk)
    assert states(lost) == ("failed", ["refused"])
    assert at_zoom(zoom) == {}
    assert f"{dnis} is taken by {theirs.reference}" in lost.lines.get().detail
    assert list(access.without_trunk_for(supervisor)) == [lost]


def test_old_values_that_are_asked_for_the_same_customer_are_assigned_again(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, lost: TrunkRequest
) -> None:
    let_pass(lost)
    filing.file(zoom.draft(dnis), actor=staff)
    retry(lost, supervisor)
    refuse_once(zoom)
    provision(lost.pk)
    assert states(lost) == ("failed", ["refused"])
    assert at_zoom(zoom) == {dnis: OLD}


# --- readings at the same time --------------------


def test_a_page_that_read_zoom_during_the_removal_does_not_end_the_alarm(
    zoom: Zoom, staff: User, supervisor: User, dnis: str
) -> None:
    change = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "888")
    for _ in range(4):
        refuse_once(zoom)
    # The page's answer, which still shows the trunk, is under way while the worker does all of its work.
    asked = clock.read() - timedelta(seconds=1)
    with speaking.client_for(zoom.master) as client:
        rows = client.list_trunks(zoom.sub.zoom_id)
    carry_out_in_time(change)
    listing.take_in(zoom.sub, rows, asked)
    assert states(change) == ("failed", ["refused"])
    assert list(access.without_trunk_for(supervisor)) == [change]


# --- old values of which Zoom's list does not show the caller ID --------------------


@pytest.mark.parametrize("assigned_by", ["portal", "console"])
def test_old_values_get_the_caller_id_with_which_the_portal_assigned_them(
    zoom: Zoom, staff: User, supervisor: User, assigned_by: str
) -> None:
    number = zoom.trunk.prefix + "777"
    zoom.sandbox.switch("list_caller_id", "no")
    if assigned_by == "portal":
        provision(zoom.approved(staff, supervisor, number, caller_id=OLD).pk)
    else:
        zoom.in_console(number, OLD)
        assert estate.sync(zoom.master.pk)
    change = to_change(zoom, staff, supervisor, number, zoom.trunk.prefix + "888")
    refuse_once(zoom)
    provision(change.pk)
    assert states(change) == ("failed", ["refused"])
    assert at_zoom(zoom) == {number: OLD if assigned_by == "portal" else ""}
    detail = change.lines.get().detail
    assert "The old values were assigned again." in detail
    assert ("is not known and could not be set" in detail) is (assigned_by == "console")
