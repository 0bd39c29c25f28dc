"""A request at which the worker breaks each time: later and later, and its page says so."""

from collections.abc import Callable

import pytest

from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, states
from trunks.models import TrunkRequest, clock
from trunks.workflow import sweeping
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import settle
from trunks.zoom.client import ZoomClient

pytestmark = pytest.mark.sqlite
TIMES = "That has happened {} times; the workers' log says why."


def broken(*_: object) -> None:
    raise ZeroDivisionError


def waits_after_loss(filed: TrunkRequest) -> float:
    """Let the lease run out, sweep, and return how many seconds the request is put off for."""
    let_pass(filed)
    sweeping.sweep()
    filed.refresh_from_db()
    assert filed.next_attempt_at
    return (filed.next_attempt_at - clock.read()).total_seconds()


def six_losses(
    monkeypatch: pytest.MonkeyPatch, filed: TrunkRequest, work: Callable[[int], object], state: str
) -> list[float]:
    """Have the worker break six times at `work`, and return what the request, in `state`, waited each time."""
    waits = []
    with monkeypatch.context() as patch:
        patch.setattr(ZoomClient, "list_trunks", broken)
        for _ in range(6):
            with pytest.raises(ZeroDivisionError):
                work(filed.pk)
            waits.append(waits_after_loss(filed))
            assert filed.state == state
            let_pass(filed)
    return waits


def test_a_request_at_which_workers_break_is_taken_up_later_and_later(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = six_losses(monkeypatch, filed, provision, "approved")
    assert waits[0] <= 1, "a worker may be killed"
    assert waits[1] < waits[3] < waits[5]
    assert filed.waiting_for == f"The worker was lost before it sent anything. {TIMES.format(6)}"
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])


def test_an_id_that_is_too_long_to_be_kept_is_said_and_loses_no_worker(
    zoom: Zoom, filed: TrunkRequest
) -> None:
    zoom.in_console(zoom.trunk.prefix + "111", "")
    zoom.sandbox.assigned(zoom.sub.zoom_id)[0].id = "9" * 201
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert "an id has more than 200 characters" in filed.waiting_for


def test_an_unconfirmed_request_at_which_workers_break_is_read_later_and_later(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.sandbox.fault("drop", method="POST", path="/sip_trunk/trunks$", apply="before")
    provision(filed.pk)
    let_pass(filed)
    waits = six_losses(monkeypatch, filed, settle, "unconfirmed")
    assert waits[0] <= 1
    assert waits[1] < waits[3] < waits[5]
    assert filed.waiting_for == f"The worker was lost while it read Zoom's list. {TIMES.format(6)}"
    settle(filed.pk)
    assert states(filed) == ("done", ["assigned"])
