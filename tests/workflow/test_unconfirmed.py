"""What becomes of a write without a clear answer, or whose line the list lacks: always what Zoom's list shows."""

import json
import logging
from typing import Any

import pytest
from pytest_django import Settings

from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, states
from trunks import audit
from trunks.models import Attempt, Line, Role, RoleGrant, TrunkRequest, User
from trunks.workflow import errors, reconcile, settling, sweeping
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import settle
from trunks.zoom.client import ZoomClient
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite
CALLER_ID = "+14155550100"
TRUNKS = "/sip_trunk/trunks$"


@pytest.fixture
def filed(zoom: Zoom, staff: User, supervisor: User) -> TrunkRequest:
    """Return an approved request with one line, 777."""
    return zoom.approved(staff, supervisor, zoom.trunk.prefix + "777", caller_id=CALLER_ID)


def posts(zoom: Zoom) -> int:
    return len(zoom.sandbox.calls_of("POST", "sip_trunk/trunks"))


def settle_in_time(trunk_request: TrunkRequest, looks: int = 2) -> None:
    """Let the quiet period pass and have Zoom's list read `looks` times, far enough apart."""
    for _ in range(looks):
        let_pass(trunk_request)
        settle(trunk_request.pk)


DOUBTFUL = [
    ("drop", {}),
    ("500", {}),
    ("502", {}),
    ("503", {}),
    ("504", {}),
    ("html", {}),
    ("broken_json", {}),
    ("half_body", {}),
    ("hang", {"seconds": 3.0}),
]


@pytest.mark.parametrize(("kind", "more"), DOUBTFUL)
def test_a_write_without_a_clear_answer_that_did_happen_is_found_in_the_list(
    zoom: Zoom, filed: TrunkRequest, kind: str, more: dict[str, Any]
) -> None:
    zoom.sandbox.fault(kind, method="POST", path=TRUNKS, apply="before", **more)
    provision(filed.pk)
    assert states(filed) == ("unconfirmed", ["unknown"])
    settle_in_time(filed, looks=1)
    assert states(filed) == ("done", ["assigned"])
    assert posts(zoom) == 1
    assert zoom.assigned() == {zoom.trunk.prefix + "777": 1}


@pytest.mark.parametrize(("kind", "more"), DOUBTFUL)
def test_a_write_without_a_clear_answer_that_did_not_happen_is_sent_again_after_two_looks(
    zoom: Zoom, filed: TrunkRequest, kind: str, more: dict[str, Any]
) -> None:
    zoom.sandbox.fault(kind, method="POST", path=TRUNKS, apply="never", **more)
    provision(filed.pk)
    settle_in_time(filed, looks=1)
    assert states(filed) == ("unconfirmed", ["unknown"])
    settle_in_time(filed, looks=1)
    assert states(filed) == ("approved", ["not_sent"])
    assert posts(zoom) == 1
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    assert zoom.assigned() == {zoom.trunk.prefix + "777": 1}


def test_zooms_list_is_not_asked_before_the_quiet_period_is_over(zoom: Zoom, filed: TrunkRequest) -> None:
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS)
    provision(filed.pk)
    reads = len(zoom.sandbox.calls)
    settle(filed.pk)
    assert len(zoom.sandbox.calls) == reads


def test_absence_within_the_quiet_period_proves_nothing(
    zoom: Zoom, filed: TrunkRequest, supervisor: User
) -> None:
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(filed.pk)
    filed.refresh_from_db()
    for _ in range(3):
        reconcile.check_now(filed, actor=supervisor)
        settle(filed.pk)
        assert states(filed) == ("unconfirmed", ["unknown"])
        assert filed.absent_at is None


def test_two_looks_right_after_each_other_count_as_one(
    zoom: Zoom, filed: TrunkRequest, supervisor: User
) -> None:
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(filed.pk)
    settle_in_time(filed, looks=1)
    reconcile.check_now(filed, actor=supervisor)
    settle(filed.pk)
    assert states(filed) == ("unconfirmed", ["unknown"])


def test_without_a_quiet_period_absence_takes_two_looks_all_the_same(
    zoom: Zoom, filed: TrunkRequest, settings: Settings
) -> None:
    settings.QUIET_SECONDS = 0
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(filed.pk)
    settle(filed.pk)
    assert states(filed) == ("unconfirmed", ["unknown"])
    settle(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])


def test_a_write_that_lands_after_the_first_look_is_found_by_the_second(
    zoom: Zoom, filed: TrunkRequest
) -> None:
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(filed.pk)
    settle_in_time(filed, looks=1)
    zoom.in_console(zoom.trunk.prefix + "777", CALLER_ID)
    settle_in_time(filed, looks=1)
    assert states(filed) == ("done", ["assigned"])
    assert posts(zoom) == 1


def test_three_sends_that_never_happened_end_the_request(zoom: Zoom, filed: TrunkRequest) -> None:
    zoom.sandbox.fault("503", method="POST", path=TRUNKS, times=0)
    for _ in range(3):
        provision(filed.pk)
        settle_in_time(filed)
    assert states(filed) == ("failed", ["refused"])
    assert posts(zoom) == 3
    assert filed.lines.get().hold == ""
    assert "Sent 3 times" in filed.lines.get().detail


def test_what_zoom_accepted_but_never_lists_is_not_sent_again(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0, 0.0))
    zoom.sandbox.switch("list_delay", "600")
    provision(filed.pk)
    assert states(filed) == ("unconfirmed", ["unknown"])
    settle_in_time(filed, looks=3)
    assert states(filed) == ("failed", ["refused"])
    assert "accepted the call" in filed.lines.get().detail
    assert posts(zoom) == 1


def test_what_zoom_accepted_is_looked_for_soon_and_often(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch, supervisor: User
) -> None:
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))
    zoom.sandbox.switch("list_delay", "600")
    provision(filed.pk)
    filed.refresh_from_db()
    reconcile.check_now(filed, actor=supervisor)
    settle(filed.pk)
    assert states(filed) == ("unconfirmed", ["unknown"])
    zoom.sandbox.advance(700)
    reconcile.check_now(filed, actor=supervisor)
    settle(filed.pk)
    assert states(filed) == ("done", ["assigned"])


def test_an_accepted_write_whose_read_back_fails_is_unconfirmed_until_read(
    zoom: Zoom, filed: TrunkRequest
) -> None:
    zoom.sandbox.fault("500", method="GET", path=TRUNKS, skip=1)
    provision(filed.pk)
    assert states(filed) == ("unconfirmed", ["unknown"])
    assert "cannot be read" in filed.waiting_for
    settle_in_time(filed, looks=1)
    assert states(filed) == ("done", ["assigned"])


def test_a_failing_list_decides_nothing_and_is_read_at_growing_intervals(
    zoom: Zoom, filed: TrunkRequest
) -> None:
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(filed.pk)
    zoom.sandbox.fault("500", method="GET", path=TRUNKS, times=0)
    waits = []
    for _ in range(4):
        settle_in_time(filed, looks=1)
        filed.refresh_from_db()
        attempt = Attempt.objects.filter(trunk_request=filed).latest("id")
        assert filed.next_attempt_at
        assert attempt.ended_at
        waits.append((filed.next_attempt_at - attempt.ended_at).total_seconds())
    assert states(filed) == ("unconfirmed", ["unknown"])
    assert waits[0] < waits[2] < waits[3]


@pytest.mark.parametrize(
    ("limit", "least", "most"), [("qps", 0.5, 5), ("daily", 290, settling.LONGEST_BACKOFF)]
)
def test_a_rate_limit_that_keeps_from_reading_is_no_failure_either(
    zoom: Zoom, filed: TrunkRequest, limit: str, least: float, most: float
) -> None:
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(filed.pk)
    TrunkRequest.objects.filter(pk=filed.pk).update(tries=6)  # by which it would be put off for two minutes
    zoom.sandbox.fault(
        "429", method="GET", path=TRUNKS, limit=limit, retry_after="absurd" if limit == "daily" else "absent"
    )
    settle_in_time(filed, looks=1)
    assert (states(filed)[0], filed.tries) == ("unconfirmed", 6)
    attempt = Attempt.objects.filter(trunk_request=filed).latest("id")
    assert filed.next_attempt_at
    assert attempt.ended_at
    assert least <= (filed.next_attempt_at - attempt.ended_at).total_seconds() <= most


def bad_in_the_middle(zoom: Zoom, staff: User, supervisor: User) -> TrunkRequest:
    """Return an approved request of three lines, of which Zoom refuses the second as a DNIS somebody has."""
    zoom.sandbox.switch("duplicate_dnis", "refuse")
    dnis = [zoom.trunk.prefix + end for end in ("771", "772", "773")]
    trunk_request = zoom.approved(staff, supervisor, *dnis)
    zoom.in_console(dnis[1], "", account=zoom.other_sub)
    return trunk_request


def test_a_list_with_a_row_of_which_zoom_hides_the_dnis_proves_no_absence(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ZoomClient.list_trunks
    row = Trunk("1", "", "", "", "", None)
    monkeypatch.setattr(ZoomClient, "list_trunks", lambda *who: [*real(*who), row])
    provision(filed.pk)
    filed.refresh_from_db()
    assert (filed.state, posts(zoom)) == ("approved", 0)
    assert "without its DNIS" in filed.waiting_for


def test_check_now_is_for_the_requester_and_supervisors_and_recorded(
    zoom: Zoom, filed: TrunkRequest, staff: User, second_staff: User, rung: list[tuple[str, int]]
) -> None:
    with pytest.raises(errors.Stale):
        reconcile.check_now(filed, actor=staff)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS)
    provision(filed.pk)
    filed.refresh_from_db()
    with pytest.raises(errors.Refused):
        reconcile.check_now(filed, actor=second_staff)
    rung.clear()
    reconcile.check_now(filed, actor=staff)
    assert rung == [("trunks.tasks.settle", filed.pk)]
    assert audit.history(filed).last().action == "request.checked"  # type: ignore[union-attr]


def test_the_sweep_rings_for_what_is_due_and_for_nothing_else(
    zoom: Zoom, filed: TrunkRequest, staff: User, supervisor: User, rung: list[tuple[str, int]]
) -> None:
    rung.clear()
    assert sweeping.sweep() == 1
    assert rung == [("trunks.tasks.provision", filed.pk)]
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS)
    provision(filed.pk)
    rung.clear()
    assert sweeping.sweep() == 0
    let_pass(filed)
    assert sweeping.sweep() == 1
    assert rung == [("trunks.tasks.settle", filed.pk)]


def test_no_call_holds_a_secret_or_a_token(
    zoom: Zoom, filed: TrunkRequest, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        provision(filed.pk)
    kept = json.dumps([list(call) for call in zoom.calls_kept()], default=str) + caplog.text
    assert zoom.master.client_secret not in kept
    assert "Bearer" not in kept


def test_people_without_grants_can_neither_retry_nor_check(
    zoom: Zoom, filed: TrunkRequest, supervisor: User
) -> None:
    RoleGrant.objects.filter(user=supervisor, role=Role.SUPERVISOR).delete()
    with pytest.raises(errors.Refused):
        reconcile.check_now(filed, actor=User.objects.get(pk=supervisor.pk))
    assert Line.objects.filter(trunk_request=filed, state="not_sent").count() == 1
