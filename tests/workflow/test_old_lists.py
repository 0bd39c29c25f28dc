"""A list that is older than one that was read before: it settles no request that has sent nothing yet."""

from __future__ import annotations

from typing import Any

import pytest
from requests import PreparedRequest

from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import NEW, TRUNKS, at_zoom, to_change, to_unassign
from tests.workflow.timing import let_pass, provision_twice, states
from trunks.models import TrunkRequest, User
from trunks.workflow import provisioning, reconcile
from trunks.workflow.provisioning import provision
from trunks.zoom.wire import Answer, Wire

pytestmark = pytest.mark.sqlite


class Lists:
    """Zoom's lists as they come; one can be kept, to come again in place of the next one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._real, self._last, self._kept = Wire.send, Answer(0, {}, ""), Answer(0, {}, "")
        self.old = 0

        def send(wire: Wire, request: PreparedRequest, *args: Any, **options: Any) -> Answer:
            return self._send(wire, request, *args, **options)

        monkeypatch.setattr(Wire, "send", send)

    def keep(self) -> None:
        self._kept = self._last

    def _send(self, wire: Wire, request: PreparedRequest, *args: Any, **options: Any) -> Answer:
        if request.method == "GET" and self.old:
            self.old -= 1
            return self._kept
        answer = self._real(wire, request, *args, **options)
        if request.method == "GET":
            self._last = answer
        return answer


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> Lists:
    return Lists(monkeypatch)


@pytest.fixture
def dnis(zoom: Zoom) -> str:
    return f"{zoom.trunk.prefix}777"


@pytest.fixture
def assigned(
    zoom: Zoom, staff: User, supervisor: User, lists: Lists, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> TrunkRequest:
    """Give a request that has assigned the DNIS, and keep the list of before."""
    trunk_request = zoom.approved(staff, supervisor, dnis)
    zoom.before_post(monkeypatch, lists.keep)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])
    return trunk_request


def by_an_old_list(lists: Lists, trunk_request: TrunkRequest) -> None:
    """Have a worker take the request up and meet an old list, and once more when its time has come."""
    lists.old = 1
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    assert "can be believed" in trunk_request.waiting_for
    assert trunk_request.tries == 0
    let_pass(trunk_request)
    provision(trunk_request.pk)


def test_a_trunk_that_was_assigned_a_moment_ago_is_not_taken_for_gone(
    zoom: Zoom, staff: User, supervisor: User, lists: Lists, dnis: str, assigned: TrunkRequest
) -> None:
    removal = to_unassign(zoom, staff, supervisor, dnis)
    by_an_old_list(lists, removal)
    assert states(removal) == ("done", ["unassigned"])
    assert removal.lines.get().detail == ""
    assert at_zoom(zoom) == {}


def test_nor_does_a_change_go_on_without_removing_it(
    zoom: Zoom, staff: User, supervisor: User, lists: Lists, dnis: str, assigned: TrunkRequest
) -> None:
    moved = f"{zoom.trunk.prefix}778"
    change = to_change(zoom, staff, supervisor, dnis, moved)
    by_an_old_list(lists, change)
    assert states(change) == ("done", ["assigned"])
    assert at_zoom(zoom) == {moved: NEW}


def test_a_trunk_that_is_gone_all_the_same_is_believed_to_be_when_a_list_can_tell(
    zoom: Zoom, staff: User, supervisor: User, lists: Lists, dnis: str, assigned: TrunkRequest
) -> None:
    removal = to_unassign(zoom, staff, supervisor, dnis)
    lists.old = 3
    provision(removal.pk)
    assert states(removal)[0] == "approved"
    for passed in (assigned, removal):
        let_pass(passed)
    provision_twice(removal)
    assert states(removal) == ("done", ["unassigned"])
    assert removal.lines.get().detail == "It was gone already."


@pytest.mark.parametrize("how", ["unassign", "change"])
def test_a_trunk_that_was_removed_a_moment_ago_is_not_taken_for_being_there_already(
    zoom: Zoom, staff: User, supervisor: User, lists: Lists, dnis: str, assigned: TrunkRequest, how: str
) -> None:
    lists.keep()
    moved = f"{zoom.trunk.prefix}778"
    removal = (
        to_unassign(zoom, staff, supervisor, dnis)
        if how == "unassign"
        else to_change(zoom, staff, supervisor, dnis, moved)
    )
    provision(removal.pk)
    assert states(removal)[0] == "done"
    again = zoom.approved(staff, supervisor, dnis)
    by_an_old_list(lists, again)
    assert states(again) == ("done", ["assigned"])
    assert zoom.assigned()[dnis] == 2, "assigned, removed, and assigned again"


def check_by_an_old_list(lists: Lists, trunk_request: TrunkRequest, supervisor: User) -> None:
    """Have somebody press *Check now* within the quiet period, and a worker meet an old list."""
    trunk_request.refresh_from_db()
    reconcile.check_now(trunk_request, actor=supervisor)
    lists.old = 1
    reconcile.settle(trunk_request.pk)
    assert lists.old == 0
    assert states(trunk_request) == ("unconfirmed", ["unknown"])


def settle_in_time(*requests: TrunkRequest) -> None:
    """Let the quiet periods pass, and have the last request read twice."""
    for _ in range(2):
        for passed in requests:
            let_pass(passed)
        reconcile.settle(requests[-1].pk)


@pytest.mark.parametrize("apply", ["before", "never"])
def test_checking_now_by_an_old_list_does_not_take_an_unanswered_removal_for_done(
    zoom: Zoom, staff: User, supervisor: User, lists: Lists, dnis: str, assigned: TrunkRequest, apply: str
) -> None:
    removal = to_unassign(zoom, staff, supervisor, dnis)
    zoom.sandbox.fault("drop", method="DELETE", path=TRUNKS, apply=apply)
    provision(removal.pk)
    check_by_an_old_list(lists, removal, supervisor)
    settle_in_time(assigned, removal)
    provision(removal.pk)
    assert states(removal) == ("done", ["unassigned"])
    assert at_zoom(zoom) == {}


@pytest.mark.parametrize("apply", ["before", "never"])
def test_nor_an_unanswered_assignment(
    zoom: Zoom, staff: User, supervisor: User, lists: Lists, dnis: str, assigned: TrunkRequest, apply: str
) -> None:
    lists.keep()
    removal = to_unassign(zoom, staff, supervisor, dnis)
    provision(removal.pk)
    assert states(removal)[0] == "done"
    again = zoom.approved(staff, supervisor, dnis)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply=apply)
    provision(again.pk)
    check_by_an_old_list(lists, again, supervisor)
    settle_in_time(assigned, removal, again)
    provision(again.pk)
    assert states(again) == ("done", ["assigned"])
    assert zoom.assigned()[dnis] == 2, "assigned, removed, and assigned again"


@pytest.fixture
def put_back(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    lists: Lists,
    dnis: str,
    assigned: TrunkRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> TrunkRequest:
    """Give a change that has assigned the old values again, and keep the list of before, without them."""
    let_pass(assigned)
    change = to_change(zoom, staff, supervisor, dnis, f"{zoom.trunk.prefix}778")
    zoom.sandbox.fault("html", method="POST", path=TRUNKS, status=400, apply="never")
    zoom.before_post(monkeypatch, lists.keep)
    provision(change.pk)
    assert states(change) == ("failed", ["refused"])
    assert list(at_zoom(zoom)) == [dnis]
    return change


def test_old_values_that_were_put_back_a_moment_ago_are_removed_by_a_retry(
    zoom: Zoom, supervisor: User, lists: Lists, put_back: TrunkRequest
) -> None:
    provisioning.retry(put_back, actor=supervisor, version=put_back.version)
    by_an_old_list(lists, put_back)
    assert states(put_back) == ("done", ["assigned"])
    assert at_zoom(zoom) == {f"{zoom.trunk.prefix}778": NEW}


def test_and_by_an_unassignment(
    zoom: Zoom, staff: User, supervisor: User, lists: Lists, dnis: str, put_back: TrunkRequest
) -> None:
    removal = to_unassign(zoom, staff, supervisor, dnis)
    by_an_old_list(lists, removal)
    assert states(removal) == ("done", ["unassigned"])
    assert at_zoom(zoom) == {}
