"""What becomes of a request when Zoom does not answer, lies, or refuses: always what Zoom's list shows."""

import json
import logging
from itertools import count
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, states
from trunks import audit
from trunks.models import Attempt, Line, Role, RoleGrant, TrunkRequest, User
from trunks.workflow import connecting, errors, reading, reconcile, settling, sweeping
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import settle
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import ServerError, ZoomError
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


@pytest.mark.parametrize("kind", ["500", "drop", "html", "empty_object", "hang"])
def test_zoom_down_before_anything_was_sent_means_waiting_and_saying_so(
    zoom: Zoom, filed: TrunkRequest, kind: str
) -> None:
    zoom.sandbox.fault(kind, method="GET", path=TRUNKS)
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert filed.waiting_for
    assert filed.next_attempt_at
    assert posts(zoom) == 0
    let_pass(filed)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])


def test_zoom_not_there_at_all_means_waiting_and_saying_so(
    zoom: Zoom, filed: TrunkRequest, settings: Settings
) -> None:
    address, settings.ZOOM_API_URL = settings.ZOOM_API_URL, "http://127.0.0.1:9/v2"
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert "cannot be reached" in filed.waiting_for
    settings.ZOOM_API_URL = address
    let_pass(filed)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("retry_after", ["seconds", "http-date", "iso", "absent", "absurd"])
def test_a_rate_limit_is_a_release_and_not_a_failure(
    zoom: Zoom, filed: TrunkRequest, method: str, retry_after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[float] = []
    monkeypatch.setattr("trunks.turns.slow_down", lambda _master, _label, seconds: paused.append(seconds))
    zoom.sandbox.fault("429", method=method, path=TRUNKS, retry_after=retry_after)
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert (filed.tries, filed.sends) == (0, 0)
    assert paused
    assert paused[0] <= 3601
    let_pass(filed, 7200)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    assert zoom.assigned() == {zoom.trunk.prefix + "777": 1}


def test_a_daily_limit_is_believed_for_a_day(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[float] = []
    monkeypatch.setattr("trunks.turns.slow_down", lambda _master, _label, seconds: paused.append(seconds))
    zoom.sandbox.fault("429", method="POST", path=TRUNKS, limit="daily", retry_after="absurd")
    provision(filed.pk)
    assert states(filed)[0] == "approved"
    assert 3601 < paused[0] <= 86401


def test_refused_credentials_keep_the_request_waiting_until_they_are_mended(
    zoom: Zoom, filed: TrunkRequest, rung: list[tuple[str, int]]
) -> None:
    secret = zoom.master.client_secret
    zoom.master.client_secret = "wrong"
    zoom.master.save()
    zoom.sandbox.fault("unauthorized", times=0)
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert "refuses the portal's credentials" in filed.waiting_for
    zoom.sandbox.clear_faults()
    rung.clear()
    connecting.connect(
        name=zoom.master.name,
        account_id=zoom.master.zoom_id,
        client_id=zoom.master.client_id,
        client_secret=secret,
        actor=None,
        why="test",
    )
    assert ("trunks.tasks.provision", filed.pk) in rung
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_token_refused_without_a_word_of_zooms_keeps_the_request_waiting(
    zoom: Zoom, filed: TrunkRequest, status: int
) -> None:
    zoom.sandbox.fault("unauthorized", path=TRUNKS)
    zoom.sandbox.fault("html", path="/oauth/token", status=status)
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert "refuses the portal's credentials" in filed.waiting_for


def test_credentials_refused_at_the_write_leave_the_line_unsent(zoom: Zoom, filed: TrunkRequest) -> None:
    zoom.sandbox.fault("unauthorized", method="POST", path=TRUNKS, times=2)
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert (filed.sends, filed.lines.get().sends) == (0, 0)


@pytest.mark.parametrize("fault", [{"kind": "503"}, {"kind": "html"}, {"kind": "503", "status": 302}])
@pytest.mark.parametrize("lines", [1, 2])
def test_a_token_that_cannot_be_had_for_the_write_leaves_the_lines_unsent(
    zoom: Zoom, staff: User, supervisor: User, fault: dict[str, Any], lines: int
) -> None:
    dnis = [f"{zoom.trunk.prefix}77{end}" for end in range(lines)]
    trunk_request = zoom.approved(staff, supervisor, *dnis)
    zoom.sandbox.fault("unauthorized", method="POST", path=TRUNKS)
    zoom.sandbox.fault(**fault, path="/oauth/token")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"] * lines)
    assert trunk_request.sends == 0
    assert not trunk_request.one_by_one
    let_pass(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"] * lines)


def test_an_account_that_zoom_does_not_know_fails_the_request_with_zooms_words(
    zoom: Zoom, filed: TrunkRequest
) -> None:
    zoom.remove_account()
    provision(filed.pk)
    assert states(filed) == ("failed", ["refused"])
    line = filed.lines.get()
    assert "does not know this account" in line.detail
    assert "code 2001" in line.detail
    assert line.hold == ""


def test_an_account_that_vanishes_between_list_and_write_fails_the_request(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.before_post(monkeypatch, zoom.remove_account)
    provision(filed.pk)
    assert states(filed) == ("failed", ["refused"])


def test_one_line_that_zoom_refuses_ends_refused_with_the_reason(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.before_post(monkeypatch, zoom.remove_trunk)
    provision(filed.pk)
    assert states(filed) == ("failed", ["refused"])
    assert "Invalid parameter: sip_trunks." in filed.lines.get().detail
    assert posts(zoom) == 1


def test_a_refusal_that_cannot_be_checked_is_unconfirmed(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.before_post(monkeypatch, zoom.remove_trunk)
    zoom.sandbox.fault("500", method="GET", path=TRUNKS, skip=1)
    provision(filed.pk)
    assert states(filed) == ("unconfirmed", ["unknown"])


def bad_in_the_middle(zoom: Zoom, staff: User, supervisor: User) -> TrunkRequest:
    """Return an approved request of three lines, of which Zoom refuses the second as a DNIS somebody has."""
    zoom.sandbox.switch("duplicate_dnis", "refuse")
    dnis = [zoom.trunk.prefix + end for end in ("771", "772", "773")]
    trunk_request = zoom.approved(staff, supervisor, *dnis)
    zoom.in_console(dnis[1], "", account=zoom.other_sub)
    return trunk_request


def test_one_bad_line_does_not_take_the_others_down(zoom: Zoom, staff: User, supervisor: User) -> None:
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown"] * 3)
    settle_in_time(trunk_request)
    assert states(trunk_request) == ("approved", ["not_sent"] * 3)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("partial", ["assigned", "refused", "assigned"])
    assert set(zoom.assigned().values()) == {1}


def test_a_refusal_that_applied_the_good_lines_all_the_same_doubles_none(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    zoom.sandbox.switch("partial", "yes")
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    provision(trunk_request.pk)
    settle_in_time(trunk_request)
    assert states(trunk_request) == ("partial", ["assigned", "refused", "assigned"])
    assert "Invalid parameter" in trunk_request.lines.all()[1].detail
    assert set(zoom.assigned().values()) == {1}


def test_lines_sent_one_by_one_go_on_after_one_is_unconfirmed(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    provision(trunk_request.pk)
    settle_in_time(trunk_request)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown", "not_sent", "not_sent"])
    settle_in_time(trunk_request, looks=1)
    assert states(trunk_request) == ("approved", ["assigned", "not_sent", "not_sent"])
    provision(trunk_request.pk)
    assert states(trunk_request) == ("partial", ["assigned", "refused", "assigned"])
    assert set(zoom.assigned().values()) == {1}


def test_two_dnis_on_one_trunk_where_the_second_replaces_the_first_do_not_chase_each_other(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))
    zoom.sandbox.switch("second_assignment", "replace")
    dnis = [zoom.trunk.prefix + end for end in ("771", "772")]
    trunk_request = zoom.approved(staff, supervisor, *dnis)
    provision(trunk_request.pk)
    settle_in_time(trunk_request, looks=3)
    assert states(trunk_request) == ("partial", ["refused", "assigned"])
    assert posts(zoom) == 1


def test_a_line_that_a_later_call_displaced_is_not_called_assigned(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))
    zoom.sandbox.switch("second_assignment", "replace")
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    provision(trunk_request.pk)
    settle_in_time(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown", "refused", "assigned"])
    settle_in_time(trunk_request)
    assert states(trunk_request) == ("partial", ["refused", "refused", "assigned"])
    assert list(zoom.assigned()) == [trunk_request.lines.all()[2].dnis]


@pytest.mark.parametrize("answer", ["clear", "lost"])
def test_a_line_that_was_there_already_and_is_displaced_by_another_is_not_called_there(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))
    zoom.sandbox.switch("second_assignment", "replace")
    dnis = [zoom.trunk.prefix + end for end in ("771", "772")]
    zoom.in_console(dnis[0], "")
    trunk_request = zoom.approved(staff, supervisor, *dnis)
    if answer == "lost":
        zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(trunk_request.pk)
    for _ in range(3):
        settle_in_time(trunk_request)
        provision(trunk_request.pk)
    state, lines = states(trunk_request)
    at_zoom = set(zoom.assigned())
    shown = {
        number for number, line in zip(dnis, lines, strict=True) if line in ("assigned", "already_there")
    }
    assert (state, shown) == ("partial", at_zoom)


def test_what_was_there_already_and_is_removed_in_the_console_meanwhile_is_not_sent(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    """Somebody has removed it on purpose, while another line of the request was unconfirmed."""
    there, other = (zoom.trunk.prefix + end for end in ("771", "772"))
    zoom.in_console(there, "")
    trunk_request = zoom.approved(staff, supervisor, there, other)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["already_there", "unknown"])
    zoom.in_console(there, None)
    settle_in_time(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("partial", ["refused", "assigned"])
    assert "does not show it any more" in trunk_request.lines.all()[0].detail
    assert zoom.assigned() == {other: 1}


def test_a_list_that_only_seems_to_have_lost_a_line_costs_it_nothing(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    provision(trunk_request.pk)
    settle_in_time(trunk_request)
    real, reads = reading.read_list, count(1)

    def lagging(*args: Any) -> list[Trunk]:
        rows = real(*args)
        return [] if next(reads) == 4 else rows

    monkeypatch.setattr("trunks.workflow.provisioning.read_list", lagging)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown", "refused", "unknown"])
    settle_in_time(trunk_request, looks=1)
    assert states(trunk_request) == ("partial", ["assigned", "refused", "assigned"])


@pytest.mark.parametrize("failing", [ServerError("down"), None])
def test_the_last_look_at_all_lines_may_come_later(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, failing: ZoomError | None
) -> None:
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    provision(trunk_request.pk)
    settle_in_time(trunk_request)
    real, reads = reading.read_list, count(1)

    def broken(*args: Any) -> list[Trunk]:
        if failing and next(reads) == 4:
            raise failing
        return real(*args)

    monkeypatch.setattr("trunks.workflow.provisioning.read_list", broken)
    provision(trunk_request.pk)
    if failing:
        assert states(trunk_request) == ("unconfirmed", ["unknown", "refused", "assigned"])
        assert "cannot be read" in trunk_request.waiting_for
        settle_in_time(trunk_request, looks=1)
    assert states(trunk_request) == ("partial", ["assigned", "refused", "assigned"])


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


# --- claims ---------------------------------------------------------------------------------------------------------


def test_a_worker_lost_before_sending_puts_the_request_back(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.die_at(monkeypatch, "trunks.workflow.provisioning.read_list")
    with pytest.raises(zoom.Killed):
        provision(filed.pk)
    assert states(filed) == ("applying", ["not_sent"])
    monkeypatch.undo()
    let_pass(filed)
    sweeping.sweep()
    assert states(filed) == ("approved", ["not_sent"])


@pytest.mark.parametrize("applied", [True, False])
def test_a_worker_lost_after_sending_leaves_it_unconfirmed_and_then_true(
    zoom: Zoom, filed: TrunkRequest, applied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = "trunks.workflow.sending._note" if applied else "trunks.zoom.client.ZoomClient.assign_trunks"
    zoom.die_at(monkeypatch, where)
    with pytest.raises(zoom.Killed):
        provision(filed.pk)
    assert states(filed) == ("applying", ["unknown"])
    monkeypatch.undo()
    let_pass(filed)
    sweeping.sweep()
    assert states(filed)[0] == "unconfirmed"
    settle_in_time(filed)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    assert zoom.assigned() == {zoom.trunk.prefix + "777": 1}


def test_a_lease_that_runs_is_not_taken_back(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.die_at(monkeypatch, "trunks.workflow.provisioning.read_list")
    with pytest.raises(zoom.Killed):
        provision(filed.pk)
    sweeping.sweep()
    assert states(filed)[0] == "applying"


def test_a_worker_that_comes_back_late_is_shut_out_before_it_sends(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stall() -> None:
        let_pass(filed)
        sweeping.sweep()

    zoom.before(monkeypatch, "trunks.workflow.sending._intend", stall)
    provision(filed.pk)
    assert posts(zoom) == 0
    assert states(filed) == ("approved", ["not_sent"])


def test_a_worker_whose_lease_ran_out_between_intent_and_call_does_not_send(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.before(
        monkeypatch,
        "trunks.zoom.client.ZoomClient.assign_trunks",
        lambda: zoom.lose_lease(monkeypatch, filed),
    )
    provision(filed.pk)
    assert posts(zoom) == 0
    assert states(filed)[0] == "applying"
    monkeypatch.undo()
    sweeping.sweep()
    settle_in_time(filed)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    assert posts(zoom) == 1


def test_a_worker_that_comes_back_late_does_not_overwrite_what_another_settled(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another_settles() -> None:
        monkeypatch.undo()
        let_pass(filed)
        sweeping.sweep()
        settle_in_time(filed, looks=1)

    zoom.before(monkeypatch, "trunks.workflow.sending._note", another_settles)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    settled = [event for event in audit.history(filed) if event.action == "provisioning.settled"]
    assert len(settled) == 1


def test_a_worker_that_comes_back_late_adds_no_words_to_lines_that_another_settled(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    zoom.sandbox.switch("partial", "yes")

    def another_settles() -> None:
        let_pass(trunk_request)
        sweeping.sweep()
        settle_in_time(trunk_request)

    zoom.before(monkeypatch, "trunks.workflow.sending._refused", another_settles)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("partial", ["assigned", "refused", "assigned"])
    assert [line.detail for line in trunk_request.lines.all()][::2] == ["", ""]


def test_a_late_reader_of_an_unconfirmed_request_is_shut_out(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(filed.pk)
    let_pass(filed)

    def another_settles() -> None:
        monkeypatch.undo()
        let_pass(filed)
        settle(filed.pk)

    zoom.before(monkeypatch, "trunks.workflow.reconcile.write_findings", another_settles)
    settle(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    assert Attempt.objects.filter(trunk_request=filed, outcome="another worker has taken over").count() == 1


def test_two_requests_for_one_sub_account_are_carried_out_after_each_other(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, rung: list[tuple[str, int]]
) -> None:
    first = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")
    second = zoom.approved(staff, supervisor, zoom.trunk.prefix + "772")
    zoom.before(monkeypatch, "trunks.zoom.client.ZoomClient.assign_trunks", lambda: provision(second.pk))
    rung.clear()
    provision(first.pk)
    assert states(first)[0] == "done"
    assert states(second)[0] == "approved"
    assert ("trunks.tasks.provision", second.pk) in rung
    provision(second.pk)
    assert states(second)[0] == "done"


def test_a_request_waits_while_an_earlier_write_to_its_sub_account_could_still_land(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    first = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")
    second = zoom.approved(staff, supervisor, zoom.trunk.prefix + "772")
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS)
    provision(first.pk)
    provision(second.pk)
    assert states(second)[0] == "approved"
    let_pass(first)
    provision(second.pk)
    assert states(second)[0] == "done"


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


def test_an_outcome_that_cannot_be_recorded_is_not_taken_for_one(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OperationalError("disk full")

    monkeypatch.setattr("trunks.audit._append", full)
    with pytest.raises(OperationalError):
        provision(filed.pk)
    assert posts(zoom) == 0
    assert states(filed) == ("approved", ["not_sent"])


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
