"""A DNIS that a sub account has more than once: Zoom did a call twice, or somebody did the same at the same moment."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import NEW, OLD, at_zoom, settle_in_time, to_change, to_unassign
from tests.workflow.timing import let_pass, states
from trunks.models import Line, TrunkRequest, User
from trunks.workflow import estate
from trunks.workflow.provisioning import provision
from trunks.zoom.client import ZoomClient
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite


@pytest.fixture(autouse=True)
def _one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,))


@pytest.fixture
def doubled(zoom: Zoom, staff: User, supervisor: User) -> TrunkRequest:
    """Return an assignment of 777 that Zoom carried out twice."""
    zoom.sandbox.switch("trunk_id", "own")
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777", caller_id=OLD)
    with pytest.MonkeyPatch.context() as once:
        zoom.before_post(once, lambda: zoom.in_console(zoom.trunk.prefix + "777", OLD))
        provision(trunk_request.pk)
    assert len(zoom.sandbox.assigned(zoom.sub.zoom_id)) == 2
    return trunk_request


def carried_out(trunk_request: TrunkRequest, most: int = 4) -> tuple[str, list[str]]:
    """Work on a request until it ends, its waits being passed over."""
    for _ in range(most):
        let_pass(trunk_request)
        provision(trunk_request.pk)
        settle_in_time(trunk_request)
    return states(trunk_request)


def test_it_is_said_of_what_is_assigned(doubled: TrunkRequest) -> None:
    assert states(doubled) == ("done", ["assigned"])
    assert "777 2 times" in doubled.lines.get().detail


def test_unassigning_removes_every_one(
    zoom: Zoom, staff: User, supervisor: User, doubled: TrunkRequest
) -> None:
    """It removed one and said that Zoom's list did not show the effect."""
    removal = to_unassign(zoom, staff, supervisor, zoom.trunk.prefix + "777")
    assert carried_out(removal) == ("done", ["unassigned"])
    assert at_zoom(zoom) == {}
    assert len(zoom.sandbox.calls_of("DELETE", "sip_trunk/trunks")) == 2


def test_a_change_removes_every_one_before_it_assigns(
    zoom: Zoom, staff: User, supervisor: User, doubled: TrunkRequest
) -> None:
    moved = zoom.trunk.prefix + "888"
    change = to_change(zoom, staff, supervisor, zoom.trunk.prefix + "777", moved)
    assert carried_out(change) == ("done", ["assigned"])
    assert at_zoom(zoom) == {moved: NEW}
    assert change.lines.get().detail == ""


def test_a_trunk_that_is_listed_under_ever_new_ids_and_not_removed_is_asked_for_three_times(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    provision(zoom.approved(staff, supervisor, zoom.trunk.prefix + "777").pk)
    real, new = ZoomClient.list_trunks, count(1)

    def lists(*who: Any) -> list[Trunk]:
        return [replace(row, id=f"new-{next(new)}") for row in real(*who)]

    monkeypatch.setattr(ZoomClient, "list_trunks", lists)
    zoom.sandbox.switch("delete_unknown", "204")
    removal = to_unassign(zoom, staff, supervisor, zoom.trunk.prefix + "777")
    assert carried_out(removal) == ("failed", ["refused"])
    assert "does not show the effect" in removal.lines.get().detail
    assert len(zoom.sandbox.calls_of("DELETE", "sip_trunk/trunks")) == 3
    assert not Line.objects.filter(removing=True).exists()


def drift_rows(client: Client) -> list[str]:
    """Return the words of each row of the drift page."""
    rows = client.get("/drift/").content.decode().split("<tr data-drift=")[1:]
    return [" ".join(strip_tags(row.partition("</tr>")[0]).split()) for row in rows]


def test_what_somebody_gave_another_customer_since_its_list_was_read_is_told_by_its_next_reading(
    zoom: Zoom, staff: User, supervisor: User, client: Client
) -> None:
    """Zoom has no call that finds a DNIS, and a list for each sub account is too much to read before each write."""
    dnis = zoom.trunk.prefix + "777"
    trunk_request = zoom.approved(staff, supervisor, dnis)
    zoom.in_console(dnis, "", zoom.other_sub)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])
    client.force_login(staff)
    assert drift_rows(client) == []
    assert estate.sync(zoom.master.pk)
    other, own = sorted(drift_rows(client), key=lambda row: f"also at {zoom.other_sub}" in row)
    for row, at, also, believed in (
        (own, zoom.sub, zoom.other_sub, f"Assigned, no caller ID{trunk_request.reference}"),
        (other, zoom.other_sub, zoom.sub, "Nothing: no request of the portal assigned it"),
    ):
        assert f" Listed twice {at}" in row
        assert f"also at {also}" in row
        assert believed in row
        assert (
            "Ask which customer is to have it, and have it unassigned from the other. File a request to"
            in row
        )
        page = client.get(f"/sub-accounts/{at.pk}/").content.decode()
        assert "does not show what the portal believes of 1 trunk:" in page


def test_what_is_read_before_the_write_is_not_given_a_second_time(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    dnis = zoom.trunk.prefix + "777"
    trunk_request = zoom.approved(staff, supervisor, dnis)
    zoom.in_console(dnis, "", zoom.other_sub)
    assert estate.sync(zoom.master.pk)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("sent_back", ["not_sent"])
    assert f"{dnis}" in trunk_request.waiting_for
    assert str(zoom.other_sub) in trunk_request.waiting_for
    assert not zoom.sandbox.calls_of("POST", "sip_trunk/trunks")
