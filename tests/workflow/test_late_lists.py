"""Lists that lag by minutes behind what Zoom has accepted: they cost time, and nobody is told what is not so."""

import pytest
from django.test import Client
from pytest_django import Settings

from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import TRUNKS, dnis, settle_in_time, to_change, to_unassign
from tests.workflow.timing import let_pass, states
from trunks import access
from trunks.models import Line, Occasion, TrunkRequest, User
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import ACCEPTED_QUIETS, settle

pytestmark = pytest.mark.sqlite
QUIET, LATE = 20.0, 80.0  # seconds: within the patience with what Zoom accepted

__all__ = ["dnis"]


@pytest.fixture(autouse=True)
def _impatient(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.QUIET_SECONDS = QUIET
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))


def go_on(zoom: Zoom, trunk_request: TrunkRequest, seconds: float) -> None:
    """Let `seconds` go by for the portal and for Zoom, and have a worker take up what is due."""
    let_pass(trunk_request, seconds)
    zoom.sandbox.advance(seconds)
    settle(trunk_request.pk)
    provision(trunk_request.pk)


def passes(zoom: Zoom, trunk_request: TrunkRequest, seconds: float) -> None:
    """Let `seconds` go by in quiet periods, so that the list is read again and again meanwhile."""
    for _ in range(int(seconds / QUIET)):
        go_on(zoom, trunk_request, QUIET)


def lists_lag(zoom: Zoom, seconds: float) -> None:
    zoom.sandbox.advance(seconds)  # what was there before is in the list by then
    zoom.sandbox.switch("list_delay", str(seconds))


def test_what_zoom_accepted_and_lists_late_is_done(
    zoom: Zoom, staff: User, supervisor: User, dnis: str
) -> None:
    lists_lag(zoom, LATE)
    other = f"{dnis[:-1]}9"
    trunk_request = zoom.approved(staff, supervisor, other)
    provision(trunk_request.pk)
    passes(zoom, trunk_request, LATE - QUIET)
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    passes(zoom, trunk_request, 2 * QUIET)
    assert states(trunk_request) == ("done", ["assigned"])
    assert zoom.assigned() == {dnis: 1, other: 1}


def test_a_removal_that_zoom_accepted_and_lists_late_is_done(
    zoom: Zoom, staff: User, supervisor: User, dnis: str
) -> None:
    lists_lag(zoom, LATE)
    trunk_request = to_unassign(zoom, staff, supervisor, dnis)
    provision(trunk_request.pk)
    passes(zoom, trunk_request, LATE - QUIET)
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    passes(zoom, trunk_request, 2 * QUIET)
    assert states(trunk_request) == ("done", ["unassigned"])


def test_a_change_whose_new_values_are_listed_late_does_not_bring_the_old_ones_back(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, client: Client
) -> None:
    """Meanwhile the list shows neither, and the pages say so; no letter is sent of what is not sure."""
    lists_lag(zoom, LATE)
    other = f"{dnis[:-1]}9"
    trunk_request = to_change(zoom, staff, supervisor, dnis, other)
    provision(trunk_request.pk)
    passes(zoom, trunk_request, LATE)
    assert Line.objects.get(trunk_request=trunk_request).phase == "assign", "the removal is listed"
    assert not access.without_trunk_for(supervisor).exists()
    passes(zoom, trunk_request, 2 * QUIET)
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    assert access.without_trunk_for(supervisor).get() == trunk_request
    client.force_login(supervisor)
    page = client.get(f"/requests/{trunk_request.reference}/").content.decode()
    assert "was removed, and Zoom's list shows nothing in its place" in page
    passes(zoom, trunk_request, LATE)
    assert states(trunk_request) == ("done", ["assigned"])
    assert zoom.assigned() == {other: 1}
    assert not access.without_trunk_for(supervisor).exists()
    assert not Occasion.objects.filter(topic="lost").exists()


@pytest.mark.parametrize("answered", [True, False])
def test_what_zoom_accepted_is_waited_for_longer_and_not_for_ever(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, answered: bool
) -> None:
    trunk_request = zoom.approved(staff, supervisor, f"{dnis[:-1]}9")
    if answered:
        lists_lag(zoom, 10 * LATE)
    else:
        zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    quiets = ACCEPTED_QUIETS if answered else 1
    let_pass(trunk_request, quiets * QUIET - 5)
    settle_in_time_without(trunk_request)
    assert states(trunk_request)[0] == "unconfirmed"
    settle_in_time(trunk_request)
    assert states(trunk_request) == (("failed", ["refused"]) if answered else ("approved", ["not_sent"]))


def settle_in_time_without(trunk_request: TrunkRequest) -> None:
    """Have the list read as often as one likes."""
    for _ in range(3):
        TrunkRequest.objects.filter(pk=trunk_request.pk).update(next_attempt_at=None)
        settle(trunk_request.pk)
