"""Carrying out an approved request, against a sandbox over real HTTP."""

import pytest

from tests.workflow.conftest import Zoom
from trunks import audit
from trunks.models import User
from trunks.workflow import provisioning

pytestmark = pytest.mark.sqlite


def test_an_approved_request_is_assigned_and_proved_by_reading_back(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777", caller_id="+14155550100")
    provisioning.provision(trunk_request.pk)
    trunk_request.refresh_from_db()
    assert trunk_request.state == "done"
    assert [line.state for line in trunk_request.lines.all()] == ["assigned"]
    assert zoom.assigned() == {zoom.trunk.prefix + "777": 1}
    assert [event.action for event in audit.history(trunk_request)] == [
        "request.filed",
        "request.approved",
        "provisioning.started",
        "provisioning.intended",
        "provisioning.answered",
        "provisioning.settled",
    ]
