"""What the fault schedules of `tests.faults` have found, each as the shortest plain case."""

import time

import pytest
from pytest_django import Settings

from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, states
from trunks.models import User
from trunks.workflow import claims, reconcile
from trunks.workflow.provisioning import provision

pytestmark = pytest.mark.sqlite
TRUNKS = "/sip_trunk/trunks$"


def test_the_quiet_period_begins_when_the_call_leaves_and_not_when_it_was_intended(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Seed 2253: between the two the worker may wait for its turn, or be stopped for less than its lease."""
    settings.LEASE_SECONDS = 600
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")

    def wait_long() -> None:
        let_pass(trunk_request, settings.QUIET_SECONDS + 1)
        monkeypatch.setattr(claims, "SOON_SECONDS", -1.0)  # as the worker's own clock tells

    zoom.before_post(monkeypatch, wait_long)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    trunk_request.refresh_from_db()
    reconcile.check_now(trunk_request, actor=supervisor)
    reconcile.settle(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    assert trunk_request.absent_at is None, "the call may still land, so its absence is no finding yet"


def test_a_claim_looks_once_more_for_another_write_that_could_still_land(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seed 1747: between look and claim another worker may take up, send and leave unconfirmed another request."""
    first = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    second = zoom.approved(staff, supervisor, zoom.trunk.prefix + "778")
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")

    def meanwhile() -> float:
        between.undo()
        provision(second.pk)
        return time.monotonic()

    with monkeypatch.context() as between:
        between.setattr("trunks.workflow.claims.time.monotonic", meanwhile)
        provision(first.pk)
    assert states(second) == ("unconfirmed", ["unknown"])
    assert states(first) == ("approved", ["not_sent"])
    assert len(zoom.sandbox.calls_of("POST", "sip_trunk/trunks")) == 1


def test_nothing_comes_between_the_look_at_the_lease_and_the_call(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look at the kill switch is a query, in which a worker can be stopped for longer than its lease."""
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    where = "trunks.workflow.stopping.look"
    zoom.before(monkeypatch, where, lambda: zoom.lose_lease(monkeypatch, trunk_request))
    provision(trunk_request.pk)
    assert zoom.sandbox.calls_of("POST", "sip_trunk/trunks") == []
