"""Workers while writing to Zoom is stopped: they heed it at every point, and go on by themselves."""

import pytest
from django.db import DatabaseError

from tests import cast
from tests.workflow import test_stopping
from tests.workflow.conftest import Zoom
from tests.workflow.test_stopping import REASON
from tests.workflow.timing import let_pass, states
from trunks import audit, dispatch
from trunks.models import TrunkRequest, User, WriteStop, clock
from trunks.workflow import (
    claims,
    filing,
    preview,
    provisioning,
    reconcile,
    ringing,
    speaking,
    stopping,
    sweeping,
)
from trunks.workflow.provisioning import provision

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
stop = test_stopping.stop


def test_an_approved_request_is_not_taken_up_while_writing_is_stopped(
    zoom: Zoom, staff: User, supervisor: User, second_supervisor: User, rung: list[tuple[str, int]]
) -> None:
    stop = stopping.stop(actor=supervisor, reason=REASON)
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    assert not trunk_request.attempts.exists()
    rung.clear()
    assert sweeping.sweep() == 0
    assert rung == []
    stopping.ask_to_start(stop, actor=supervisor)
    stopping.confirm_start(stop, actor=second_supervisor)
    assert rung == [(dispatch.PROVISION, trunk_request.pk)]
    provision(trunk_request.pk)
    assert states(trunk_request)[0] == "done"


def test_a_request_met_by_the_stop_is_released_unsent_and_goes_on_by_itself(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    second_supervisor: User,
    monkeypatch: pytest.MonkeyPatch,
    rung: list[tuple[str, int]],
) -> None:
    dnis = zoom.trunk.prefix + "777"
    trunk_request = zoom.approved(staff, supervisor, dnis)
    # At the last instant: the intent is committed and the client has been told to send.
    zoom.before_post(monkeypatch, lambda: stopping.stop(actor=supervisor, reason=REASON))
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    assert trunk_request.waiting_for == f"Writing to Zoom was stopped by Sam Supervisor: {REASON}"
    assert (trunk_request.tries, trunk_request.sends, trunk_request.lines.get().sends) == (0, 0, 0)
    assert zoom.sandbox.calls_of("POST", "sip_trunk/trunks") == []
    assert [event.action for event in audit.history(trunk_request)][-1] == "provisioning.halted"
    stop = WriteStop.objects.get()
    stopping.ask_to_start(stop, actor=supervisor)
    rung.clear()
    stopping.confirm_start(stop, actor=second_supervisor)
    assert rung == [(dispatch.PROVISION, trunk_request.pk)]
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])
    assert zoom.assigned() == {dnis: 1}


def test_a_worker_that_cannot_look_does_not_send(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")

    def broken(**_: object) -> None:
        raise DatabaseError("the connection is gone")

    with monkeypatch.context() as cut_off:
        zoom.before_post(cut_off, lambda: cut_off.setattr(stopping, "_STOPPED", broken))
        provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    assert "could not be looked up" in trunk_request.waiting_for
    assert zoom.sandbox.calls_of("POST", "sip_trunk/trunks") == []
    let_pass(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request)[0] == "done"


def test_a_worker_that_cannot_look_does_not_take_a_request_up(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")

    def broken(**_: object) -> None:
        raise DatabaseError("the connection is gone")

    monkeypatch.setattr(claims, "_FREE_TO_BEGIN", broken)
    with pytest.raises(DatabaseError):
        provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])


def test_reading_goes_on_while_writing_is_stopped(zoom: Zoom, staff: User, supervisor: User) -> None:
    dnis = zoom.trunk.prefix + "777"
    trunk_request = zoom.approved(staff, supervisor, dnis)
    zoom.lose_worker(trunk_request, "trunks.workflow.sending._keep_answer")
    stopping.stop(actor=supervisor, reason=REASON)
    let_pass(trunk_request)
    sweeping.sweep()
    let_pass(trunk_request)
    assert ringing.ready().filter(pk=trunk_request.pk).exists()
    reconcile.settle(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])
    assert preview.zoom_now(trunk_request).problem == ""


def test_retrying_and_approving_stay_possible_and_send_nothing(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    dnis = zoom.trunk.prefix + "771"
    trunk_request = zoom.approved(staff, supervisor, dnis, caller_id="+14155550100")
    zoom.in_console(dnis, "+14155550199")
    provision(trunk_request.pk)
    stopping.stop(actor=supervisor, reason=REASON)
    trunk_request.refresh_from_db()
    provisioning.retry(trunk_request, actor=staff, version=trunk_request.version)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    assert zoom.sandbox.calls_of("POST", "sip_trunk/trunks") == []


def test_no_client_of_the_workflow_writes_past_the_stop(zoom: Zoom, supervisor: User) -> None:
    stopping.stop(actor=supervisor, reason=REASON)
    with (
        speaking.client_for(zoom.master) as client,
        pytest.raises(stopping.Halted, match=REASON),
    ):
        client.unassign_trunk(zoom.sub.zoom_id, "268")
    assert zoom.sandbox.calls_of("DELETE", "sip_trunk/trunks") == []


def test_a_stop_halfway_through_a_change_halts_it_and_it_goes_on_where_it_was(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    second_supervisor: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = zoom.trunk.prefix + "777", zoom.trunk.prefix + "778"
    provision(zoom.approved(staff, supervisor, old).pk)
    line = filing.LineDraft(zoom.trunk, new, "", old)
    draft = filing.Draft(zoom.sub, "change", "Customer asked", "", [line])
    change = cast.approved(filing.file(draft, actor=staff), supervisor)
    zoom.before_post(monkeypatch, lambda: stopping.stop(actor=supervisor, reason=REASON))
    provision(change.pk)
    assert states(change) == ("approved", ["not_sent"])
    assert zoom.assigned() == {}
    assert list(TrunkRequest.objects.all().halfway()) == [change]
    stop = WriteStop.objects.get()
    stopping.ask_to_start(stop, actor=supervisor)
    stopping.confirm_start(stop, actor=second_supervisor)
    provision(change.pk)
    assert states(change) == ("done", ["assigned"])
    assert zoom.assigned() == {new: 1}
    assert list(TrunkRequest.objects.all().halfway()) == []


def test_starting_again_leaves_the_grace_period_alone(
    trunk_request: TrunkRequest, supervisor: User, second_supervisor: User, rung: list[tuple[str, int]]
) -> None:
    stop = stopping.stop(actor=supervisor, reason=REASON)
    cast.approved(trunk_request, supervisor)
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(next_attempt_at=clock.after(60))
    stopping.ask_to_start(stop, actor=supervisor)
    rung.clear()
    stopping.confirm_start(stop, actor=second_supervisor)
    assert rung == []
