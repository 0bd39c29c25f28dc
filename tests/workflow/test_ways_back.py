"""The way back of a change whose new values are refused: what is assigned again is what the customer had."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests import cast
from tests.workflow import test_removing
from tests.workflow.conftest import Zoom
from tests.workflow.test_meanwhile import refuse_once
from tests.workflow.test_removing import NEW, OLD, at_zoom, draft, to_change
from tests.workflow.timing import let_pass, states
from trunks.models import MasterTrunk, User, clock
from trunks.sandbox import console
from trunks.workflow import errors, estate, filing
from trunks.workflow.provisioning import provision
from trunks.zoom.client import ZoomClient
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite
dnis = test_removing.dnis


@pytest.fixture
def twin(zoom: Zoom, monkeypatch: pytest.MonkeyPatch) -> MasterTrunk:
    """Return a second trunk with the prefix of the first; the lists of sub accounts do not tell them apart."""
    twin = {"id": "300", "name": "Twin", "dnis": zoom.trunk.prefix + "99999", "number_prefix": "0"}
    order = {"action": "put_master_trunk", "account_id": zoom.master.zoom_id, **twin}
    console.act(zoom.sandbox.world, order | {"sip_server_address": "192.0.2.77"})
    assert estate.sync(zoom.master.pk)
    real = ZoomClient.list_trunks

    def list_trunks(client: ZoomClient, *who: Any) -> list[Trunk]:
        return [replace(row, sip_server_address="") for row in real(client, *who)]

    monkeypatch.setattr(ZoomClient, "list_trunks", list_trunks)
    return MasterTrunk.objects.get(zoom_id="300")


def test_a_change_leads_to_no_trunk_of_the_same_prefix_either(
    zoom: Zoom, staff: User, dnis: str, twin: MasterTrunk
) -> None:
    """The old values would be assigned again through that one."""
    line = filing.LineDraft(twin, zoom.trunk.prefix + "888", NEW, dnis)
    with pytest.raises(errors.Invalid, match=f"{dnis} was assigned through {zoom.trunk}") as caught:
        filing.file(draft(zoom, "change", line), actor=staff)
    assert list(caught.value.problems) == ["lines-0-trunk"]


def test_but_to_the_one_that_has_taken_the_place_of_the_first(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, twin: MasterTrunk
) -> None:
    MasterTrunk.objects.filter(pk=zoom.trunk.pk).update(gone_at=clock.now())
    line = filing.LineDraft(twin, zoom.trunk.prefix + "888", NEW, dnis)
    change = cast.approved(filing.file(draft(zoom, "change", line), actor=staff), supervisor)
    provision(change.pk)
    assert states(change) == ("done", ["assigned"])


# --- what is there where Zoom's list shows no caller IDs --------------------


@pytest.fixture
def unseen(zoom: Zoom) -> str:
    """Return a DNIS with the caller ID OLD, given in Zoom's console; the lists show no caller IDs."""
    zoom.sandbox.switch("list_caller_id", "no")
    number = zoom.trunk.prefix + "777"
    zoom.in_console(number, OLD)
    assert estate.sync(zoom.master.pk)
    return number


def test_a_caller_id_that_nobody_knows_can_be_removed(
    zoom: Zoom, staff: User, supervisor: User, unseen: str
) -> None:
    change = to_change(zoom, staff, supervisor, unseen, unseen, caller_id="")
    provision(change.pk)
    assert states(change) == ("done", ["assigned"])
    assert at_zoom(zoom) == {unseen: ""}


@pytest.mark.parametrize("caller_id", [OLD, ""])
def test_a_change_to_what_the_portal_itself_has_assigned_changes_nothing(
    zoom: Zoom, staff: User, supervisor: User, caller_id: str
) -> None:
    zoom.sandbox.switch("list_caller_id", "no")
    number = zoom.trunk.prefix + "777"
    provision(zoom.approved(staff, supervisor, number, caller_id=caller_id).pk)
    with pytest.raises(errors.Invalid, match="Nothing would change"):
        to_change(zoom, staff, supervisor, number, number, caller_id=caller_id)


def test_what_was_there_already_is_not_put_back_with_a_caller_id_that_it_may_never_have_had(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    zoom.sandbox.switch("list_caller_id", "no")
    unseen = zoom.trunk.prefix + "777"
    found = zoom.approved(staff, supervisor, unseen, caller_id=NEW)
    zoom.in_console(unseen, OLD)
    provision(found.pk)
    assert states(found) == ("done", ["caller_id_not_reported"])
    let_pass(found)
    change = to_change(zoom, staff, supervisor, unseen, zoom.trunk.prefix + "888", OLD)
    refuse_once(zoom)
    provision(change.pk)
    assert states(change) == ("failed", ["refused"])
    assert at_zoom(zoom) == {unseen: ""}
    assert "is not known and could not be set" in change.lines.get().detail


@pytest.mark.parametrize("written", [r"sip:\1\2@pbx.customer-seven.example", r"\1 \2"])
def test_what_a_list_shows_otherwise_than_it_was_written_is_put_back_as_a_number(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    real = ZoomClient.list_trunks

    def spelled(row: Trunk) -> Trunk:
        return replace(row, outbound_caller_id=re.sub(r"(...)(.+)", written, row.outbound_caller_id or ""))

    def list_trunks(client: ZoomClient, *who: Any) -> list[Trunk]:
        return [spelled(row) for row in real(client, *who)]

    monkeypatch.setattr(ZoomClient, "list_trunks", list_trunks)
    assert estate.sync(zoom.master.pk)
    change = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "888", NEW)
    refuse_once(zoom)
    provision(change.pk)
    assert states(change) == ("failed", ["refused"])
    assert at_zoom(zoom) == {dnis: OLD}
