"""A row of Zoom's list that is there before all its values are, and rows that are none of the portal's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.workflow.conftest import Zoom
from tests.workflow.test_meanwhile import refuse_once
from tests.workflow.test_removing import NEW, OLD, TRUNKS, at_zoom, settle_in_time, to_change
from tests.workflow.timing import states
from trunks.models import MasterTrunk, TrunkRequest, User
from trunks.workflow import estate
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import settle
from trunks.zoom.client import ZoomClient
from trunks.zoom.types import Trunk
from trunks.zoom.wire import Answer, Wire

pytestmark = pytest.mark.sqlite
BY_DEFAULT = "+10000000000"


def made_up(monkeypatch: pytest.MonkeyPatch, make: Callable[[Trunk], Trunk]) -> list[bool]:
    """Have lists show what `make` makes of each row, until the answer is emptied."""
    real, on = ZoomClient.list_trunks, [True]

    def lists(*who: Any) -> list[Trunk]:
        return [make(row) if on else row for row in real(*who)]

    monkeypatch.setattr(ZoomClient, "list_trunks", lists)
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))
    return on


def with_another_caller_id(row: Trunk) -> Trunk:
    return replace(row, outbound_caller_id=BY_DEFAULT if row.outbound_caller_id == NEW else OLD)


def through_another_trunk(row: Trunk) -> Trunk:
    return replace(row, sip_server_address="sip2.northwind.example") if row.outbound_caller_id == NEW else row


@pytest.fixture
def change(zoom: Zoom, staff: User, supervisor: User) -> TrunkRequest:
    """Return an approved change of the caller ID of what the portal assigned with OLD."""
    dnis = zoom.trunk.prefix + "777"
    provision(zoom.approved(staff, supervisor, dnis, caller_id=OLD).pk)
    return to_change(zoom, staff, supervisor, dnis, dnis)


def test_a_caller_id_that_the_list_shows_later_is_waited_for(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = made_up(monkeypatch, with_another_caller_id)
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777", caller_id=NEW)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    assert "other values so far" in trunk_request.waiting_for
    later.clear()
    TrunkRequest.objects.update(next_attempt_at=None)
    settle(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])


def test_a_change_is_not_taken_back_because_of_it(
    zoom: Zoom, change: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was called failed although the new values were in place."""
    later = made_up(monkeypatch, with_another_caller_id)
    provision(change.pk)
    assert states(change) == ("unconfirmed", ["unknown"])
    assert change.lines.get().phase == "assign"
    later.clear()
    settle_in_time(change, looks=1)
    assert states(change) == ("done", ["assigned"])
    assert at_zoom(zoom) == {zoom.trunk.prefix + "777": NEW}
    assert len(zoom.sandbox.calls_of("POST", "sip_trunk/trunks")) == 2


def test_other_values_that_stay_are_believed_after_the_quiet_period(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up(monkeypatch, with_another_caller_id)
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777", caller_id=NEW)
    provision(trunk_request.pk)
    settle_in_time(trunk_request, looks=1)
    assert states(trunk_request) == ("failed", ["different"])
    assert BY_DEFAULT in trunk_request.lines.get().detail


def test_a_caller_id_of_which_the_list_hides_digits_is_not_assigned_again(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old values were put back with the caller ID +1415*****00, in these very characters."""
    real = Wire.send

    def masks(*args: Any, **options: Any) -> Answer:
        answer = real(*args, **options)
        return replace(answer, text=answer.text.replace(OLD, OLD[:5] + "*****" + OLD[-2:]))

    monkeypatch.setattr(Wire, "send", masks)
    dnis = zoom.trunk.prefix + "777"
    zoom.in_console(dnis, OLD)
    assert estate.sync(zoom.master.pk)
    change = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "888")
    refuse_once(zoom)
    provision(change.pk)
    assert states(change) == ("failed", ["refused"])
    assert at_zoom(zoom) == {dnis: ""}
    assert "is not known and could not be set" in change.lines.get().detail


def test_a_row_of_somebody_else_does_not_stand_for_the_other_lines_of_a_refused_call(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One was assigned by hand right before the call, which Zoom refused: the other was called the bad one."""
    taken, free = zoom.trunk.prefix + "771", zoom.trunk.prefix + "772"
    trunk_request = zoom.approved(staff, supervisor, taken, free, caller_id=NEW)
    refuse_once(zoom)
    zoom.before_post(monkeypatch, lambda: zoom.in_console(taken, OLD))
    provision(trunk_request.pk)
    settle_in_time(trunk_request)
    assert states(trunk_request)[0] == "approved"
    provision(trunk_request.pk)
    assert states(trunk_request) == ("partial", ["different", "assigned"])
    assert at_zoom(zoom) == {taken: OLD, free: NEW}


@pytest.mark.parametrize("spelling", ['"{}"', "{}@zoom"])
def test_a_dnis_in_a_spelling_that_nobody_knows_is_not_taken_for_absent(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    """It was sent three times, and assigned three times."""
    odd = made_up(monkeypatch, lambda row: replace(row, dnis=spelling.format(row.dnis)))
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    dnis = zoom.trunk.prefix + "777"
    trunk_request = zoom.approved(staff, supervisor, dnis)
    provision(trunk_request.pk)
    settle_in_time(trunk_request, looks=3)
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    assert f"which may be {dnis}" in trunk_request.waiting_for
    assert len(zoom.sandbox.calls_of("POST", TRUNKS)) == 1
    odd.clear()
    settle_in_time(trunk_request)
    assert states(trunk_request) == ("done", ["assigned"])


@pytest.mark.parametrize("prefixed", [True, False])
def test_a_dnis_without_its_leading_zero_may_be_the_one_unless_a_trunk_has_its_prefix(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, prefixed: bool
) -> None:
    MasterTrunk.objects.filter(pk=zoom.trunk.pk).update(dnis="09001123")
    zoom.trunk.refresh_from_db()
    if prefixed:
        MasterTrunk.objects.exclude(pk=zoom.trunk.pk).update(dnis="90017000")
    row = Trunk("9", "", "", "9001777", "0", None)
    monkeypatch.setattr(ZoomClient, "list_trunks", lambda *_: [row])
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))
    trunk_request = zoom.approved(staff, supervisor, "09001777")
    provision(trunk_request.pk)
    sent = bool(zoom.sandbox.calls_of("POST", TRUNKS))
    assert sent is prefixed
    assert (
        "which may be 09001777" in TrunkRequest.objects.get(pk=trunk_request.pk).waiting_for
    ) is not prefixed


@pytest.mark.parametrize("prefix", ["70009", ""])
def test_a_row_under_the_id_of_a_trunk_of_another_prefix_is_not_that_trunks(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    """Both trunks have one address, which does not tell them apart either; of one prefix the id is all there is."""
    other = MasterTrunk.objects.exclude(pk=zoom.trunk.pk)[0]
    same = {"dnis": f"{prefix or zoom.trunk.prefix}123", "sip_server_address": zoom.trunk.sip_server_address}
    MasterTrunk.objects.filter(pk=other.pk).update(**same)
    made_up(monkeypatch, lambda row: replace(row, id=other.zoom_id))
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    provision(trunk_request.pk)
    if not prefix:
        settle_in_time(trunk_request)
    assert states(trunk_request) == (("done", ["assigned"]) if prefix else ("failed", ["different"]))
