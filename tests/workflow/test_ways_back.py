"""The way back of a change whose new values are refused: what is assigned again is what the customer had."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests import cast
from tests.workflow import test_removing
from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import NEW, draft
from tests.workflow.timing import states
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
