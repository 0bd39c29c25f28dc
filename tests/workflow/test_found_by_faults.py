"""What the fault schedules of `tests.faults` have found, each as the shortest plain case."""

import pytest
from pytest_django import Settings

from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, states
from trunks.models import User
from trunks.workflow import reconcile
from trunks.workflow.provisioning import provision

pytestmark = pytest.mark.sqlite
TRUNKS = "/sip_trunk/trunks$"


def test_the_quiet_period_begins_when_the_call_leaves_and_not_when_it_was_intended(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Seed 2253: between the two the worker may wait for its turn, or be stopped for less than its lease."""
    settings.LEASE_SECONDS = 600
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    zoom.before_post(monkeypatch, lambda: let_pass(trunk_request, settings.QUIET_SECONDS + 1))
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    trunk_request.refresh_from_db()
    reconcile.check_now(trunk_request, actor=supervisor)
    reconcile.settle(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    assert trunk_request.absent_at is None, "the call may still land, so its absence is no finding yet"
