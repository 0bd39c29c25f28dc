"""Carrying out an approved request, against a sandbox over real HTTP."""

from dataclasses import replace

import pytest
from pytest_django import Settings

from tests import cast
from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, states
from trunks import audit, context
from trunks.models import Hold, Line, ListedTrunk, MasterTrunk, Role, RoleGrant, TrunkRequest, User
from trunks.workflow import errors, filing, provisioning, reconcile, sweeping
from trunks.workflow.provisioning import provision
from trunks.zoom.client import ZoomClient

pytestmark = pytest.mark.sqlite
CALLER_ID = "+14155550100"


def test_an_approved_request_is_assigned_and_proved_by_reading_back(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    dnis = zoom.trunk.prefix + "777"
    trunk_request = zoom.approved(staff, supervisor, dnis, caller_id=CALLER_ID)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])
    assert zoom.assigned() == {dnis: 1}
    assert [event.action for event in audit.history(trunk_request)] == [
        "request.filed",
        "request.approved",
        "provisioning.started",
        "provisioning.intended",
        "provisioning.answered",
        "provisioning.settled",
    ]
    intended, answered, _ = audit.history(trunk_request)[3:6]
    assert intended.after["sip_trunks"] == [
        {"trunk": zoom.trunk.zoom_id, "dnis": dnis, "outbound_caller_id": CALLER_ID}
    ]
    assert answered.tracking_id.startswith("v=2.0")
    calls = trunk_request.attempts.get().calls.values_list("method", "status")
    assert list(calls) == [("GET", 200), ("POST", 201), ("GET", 200)]


def test_the_dnis_of_a_done_request_stays_taken(zoom: Zoom, staff: User, supervisor: User) -> None:
    dnis = zoom.trunk.prefix + "777"
    trunk_request = zoom.approved(staff, supervisor, dnis)
    provision(trunk_request.pk)
    assert trunk_request.lines.get().hold == Hold.ASSIGNED
    assert ListedTrunk.objects.get(sub_account=zoom.sub, dnis=dnis).gone_at is None
    with pytest.raises(errors.Invalid, match=dnis):
        filing.file(zoom.draft(dnis, sub=zoom.other_sub), actor=staff)


@pytest.mark.parametrize(
    ("switch", "value", "line_state"),
    [
        ("trunk_id", "own", "assigned"),
        ("trunk_id", "master", "assigned"),
        ("assign_body", "empty", "assigned"),
        ("assign_body", "none204", "assigned"),
        ("list_caller_id", "no", "caller_id_not_reported"),
        ("second_assignment", "replace", "assigned"),
        ("second_assignment", "refuse", "assigned"),
        ("token_rule", "one", "assigned"),
        ("list_delay", "0.5", "assigned"),
    ],
)
def test_whatever_zoom_leaves_undocumented_the_trunk_is_assigned_once(
    zoom: Zoom, staff: User, supervisor: User, switch: str, value: str, line_state: str
) -> None:
    zoom.sandbox.switch(switch, value)
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777", caller_id=CALLER_ID)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", [line_state])
    assert zoom.assigned() == {zoom.trunk.prefix + "777": 1}


def test_a_task_delivered_again_does_nothing(zoom: Zoom, staff: User, supervisor: User) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    for _ in range(3):
        provision(trunk_request.pk)
    assert len(zoom.sandbox.calls_of("POST", "sip_trunk/trunks")) == 1


@pytest.mark.parametrize("state", ["pending", "denied", "withdrawn", "expired", "sent_back", "done"])
def test_only_an_approved_request_reaches_zoom(zoom: Zoom, staff: User, supervisor: User, state: str) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=state)
    before = len(zoom.sandbox.calls)
    provision(trunk_request.pk)
    assert len(zoom.sandbox.calls) == before


def test_what_is_there_already_with_the_same_values_is_adopted_without_a_call(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    dnis = zoom.trunk.prefix + "777"
    trunk_request = zoom.approved(staff, supervisor, dnis, caller_id=CALLER_ID)
    zoom.in_console(dnis, CALLER_ID)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["already_there"])
    assert zoom.sandbox.calls_of("POST", "sip_trunk/trunks") == []


def test_what_is_there_with_another_caller_id_is_a_conflict_and_never_overwritten(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    dnis = zoom.trunk.prefix + "777"
    trunk_request = zoom.approved(staff, supervisor, dnis, caller_id=CALLER_ID)
    zoom.in_console(dnis, "+14155550199")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("failed", ["different"])
    assert "+14155550199" in trunk_request.lines.get().detail
    assert zoom.sandbox.calls_of("POST", "sip_trunk/trunks") == []


def test_a_row_whose_own_id_is_that_of_another_master_trunk_is_known_by_its_address(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = MasterTrunk.objects.exclude(sip_server_address=zoom.trunk.sip_server_address)[0]
    real = ZoomClient.list_trunks
    monkeypatch.setattr(
        ZoomClient, "list_trunks", lambda *who: [replace(row, id=other.zoom_id) for row in real(*who)]
    )
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777", caller_id=CALLER_ID)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])


def test_one_conflict_among_three_lines_leaves_the_request_partly_done(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    dnis = [zoom.trunk.prefix + end for end in ("771", "772", "773")]
    trunk_request = zoom.approved(staff, supervisor, *dnis, caller_id=CALLER_ID)
    zoom.in_console(dnis[1], "+14155550199")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("partial", ["assigned", "different", "assigned"])
    assert [line.hold for line in trunk_request.lines.all()] == ["assigned", "", "assigned"]
    assert trunk_request.attempts.get().outcome == "2 assigned, Zoom shows other values for 1"


def test_all_lines_of_a_request_go_in_one_call(zoom: Zoom, staff: User, supervisor: User) -> None:
    dnis = [f"{zoom.trunk.prefix}{number:03d}" for number in range(700, 730)]
    trunk_request = zoom.approved(staff, supervisor, *dnis)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"] * 30)
    assert len(zoom.sandbox.calls_of("POST", "sip_trunk/trunks")) == 1


def test_the_grace_period_keeps_workers_away(
    zoom: Zoom, staff: User, supervisor: User, settings: Settings, rung: list[tuple[str, int]]
) -> None:
    settings.GRACE_SECONDS = 60
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    assert rung == []
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])


def test_content_changed_behind_the_approval_is_given_back(zoom: Zoom, staff: User, supervisor: User) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    Line.objects.filter(trunk_request=trunk_request).update(dnis=zoom.trunk.prefix + "778")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("sent_back", ["not_sent"])
    assert "not the content that was approved" in trunk_request.waiting_for
    assert zoom.assigned() == {}


def test_a_trunk_that_is_gone_sends_the_request_back_with_the_reason(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    MasterTrunk.objects.filter(pk=zoom.trunk.pk).update(gone_at=trunk_request.filed_at)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("sent_back", ["not_sent"])
    assert "no longer among the master account's trunks" in trunk_request.waiting_for
    assert trunk_request.approved_by is None


def test_a_partly_done_request_whose_world_moved_ends_as_it_stands(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    dnis = [zoom.trunk.prefix + end for end in ("771", "772")]
    trunk_request = zoom.approved(staff, supervisor, *dnis, caller_id=CALLER_ID)
    zoom.in_console(dnis[1], "+14155550199")
    provision(trunk_request.pk)
    trunk_request.refresh_from_db()
    provisioning.retry(trunk_request, actor=supervisor, version=trunk_request.version)
    MasterTrunk.objects.filter(pk=zoom.trunk.pk).update(gone_at=trunk_request.filed_at)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("partial", ["assigned", "not_sent"])


def test_a_worker_that_comes_back_late_takes_no_line_back_that_another_has_sent(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    dnis = [zoom.trunk.prefix + end for end in ("771", "772")]
    trunk_request = zoom.approved(staff, supervisor, *dnis, caller_id=CALLER_ID)
    zoom.in_console(dnis[1], "+14155550199")
    provision(trunk_request.pk)
    zoom.in_console(dnis[1], None)
    trunk_request.refresh_from_db()
    provisioning.retry(trunk_request, actor=supervisor, version=trunk_request.version)
    MasterTrunk.objects.filter(pk=zoom.trunk.pk).update(gone_at=trunk_request.filed_at)

    def another_takes_over() -> None:
        MasterTrunk.objects.filter(pk=zoom.trunk.pk).update(gone_at=None)
        let_pass(trunk_request)
        sweeping.sweep()
        zoom.sandbox.fault("drop", method="POST", apply="never")
        provision(trunk_request.pk)
        assert states(trunk_request) == ("unconfirmed", ["assigned", "unknown"])

    zoom.before(monkeypatch, "trunks.workflow.settling.refuse_rest", another_takes_over)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["assigned", "unknown"])


def test_retry_sends_what_failed_and_nothing_else(zoom: Zoom, staff: User, supervisor: User) -> None:
    dnis = [zoom.trunk.prefix + end for end in ("771", "772")]
    trunk_request = zoom.approved(staff, supervisor, *dnis, caller_id=CALLER_ID)
    zoom.in_console(dnis[1], "+14155550199")
    provision(trunk_request.pk)
    zoom.in_console(dnis[1], None)
    trunk_request.refresh_from_db()
    provisioning.retry(trunk_request, actor=staff, version=trunk_request.version)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned", "assigned"])
    assert zoom.assigned() == {dnis[0]: 1, dnis[1]: 1}
    second = zoom.sandbox.calls_of("POST", "sip_trunk/trunks")[1]
    assert [item["dnis"] for item in second.body["sip_trunks"]] == [dnis[1]]


def test_retry_is_refused_when_somebody_took_the_dnis_meanwhile(
    zoom: Zoom, staff: User, second_staff: User, supervisor: User
) -> None:
    dnis = zoom.trunk.prefix + "771"
    trunk_request = zoom.approved(staff, supervisor, dnis, caller_id=CALLER_ID)
    zoom.in_console(dnis, "+14155550199")
    provision(trunk_request.pk)
    zoom.in_console(dnis, None)
    ListedTrunk.objects.filter(dnis=dnis).update(gone_at=trunk_request.filed_at)
    filing.file(zoom.draft(dnis, sub=zoom.other_sub), actor=second_staff)
    trunk_request.refresh_from_db()
    with pytest.raises(errors.Refused, match="taken one of the DNIS"):
        provisioning.retry(trunk_request, actor=supervisor, version=trunk_request.version)
    assert states(trunk_request)[0] == "failed"
    refused = audit.history(trunk_request).last()
    assert refused is not None
    assert (refused.action, refused.after["action"]) == ("request.action_refused", "retry")


def test_a_done_request_cannot_be_retried(zoom: Zoom, staff: User, supervisor: User) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    provision(trunk_request.pk)
    trunk_request.refresh_from_db()
    with pytest.raises(errors.Stale, match="Done"):
        provisioning.retry(trunk_request, actor=supervisor, version=trunk_request.version)


def test_staff_without_the_role_any_more_cannot_retry_their_own(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777", caller_id=CALLER_ID)
    zoom.in_console(zoom.trunk.prefix + "777", "+14155550199")
    provision(trunk_request.pk)
    trunk_request.refresh_from_db()
    RoleGrant.objects.filter(user=staff, role=Role.STAFF).delete()
    with pytest.raises(errors.Refused):
        provisioning.retry(trunk_request, actor=User.objects.get(pk=staff.pk), version=trunk_request.version)


def test_what_a_worker_does_bears_the_id_of_the_web_request_that_asked_for_it(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    """Whoever rings, and however late; one that Zoom leaves unconfirmed goes on under that of who asks for a look."""
    filed = filing.file(zoom.draft(zoom.trunk.prefix + "777"), actor=staff)
    with context.bound(context.Context("the-click")):
        cast.approved(filed, supervisor)
    zoom.sandbox.fault("drop", method="POST", path="/sip_trunk/trunks$", apply="before")
    with context.bound(context.Context("a-task")):
        provision(filed.pk)
        assert context.current().request_id == "a-task"
    let_pass(filed)
    filed.refresh_from_db()
    with context.bound(context.Context("another-click")):
        reconcile.check_now(filed, actor=supervisor)
    with context.bound(context.Context("a-sweep")):
        reconcile.settle(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    ids = {event.action: event.request_id for event in audit.history(filed)}
    assert ids == {
        "request.filed": "",
        **dict.fromkeys(("request.approved", "provisioning.started", "provisioning.intended"), "the-click"),
        **dict.fromkeys(("provisioning.answered", "provisioning.unconfirmed"), "the-click"),
        **dict.fromkeys(("request.checked", "provisioning.settled"), "another-click"),
    }
