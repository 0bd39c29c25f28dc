"""Lists that are short by a row now and then, by another each time: two have to lack the same to be believed."""

from typing import Any

import pytest

from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import at_zoom, have_one_list_empty, to_remove
from tests.workflow.timing import carry_out_in_time, let_pass, states
from trunks.models import User
from trunks.workflow import estate
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import settle
from trunks.zoom.client import ZoomClient
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite
TRUNKS = "/sip_trunk/trunks$"
ONE = "/sip_trunk/trunks/[^/]+$"


def test_what_the_list_before_has_shown_is_not_believed_to_be_gone(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One list that lacked the first line and one that lacked the second had the second refused, which was there."""
    first, second = (f"{zoom.trunk.prefix}77{digit}" for digit in "12")
    trunk_request = zoom.approved(staff, supervisor, first, second)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(trunk_request.pk)
    real, lacks = ZoomClient.list_trunks, iter([first, second])

    def short(*who: Any) -> list[Trunk]:
        gone = next(lacks, "")
        return [row for row in real(*who) if row.dnis != gone]

    monkeypatch.setattr(ZoomClient, "list_trunks", short)
    for _ in range(3):
        let_pass(trunk_request)
        settle(trunk_request.pk)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned", "assigned"])
    assert zoom.assigned() == {first: 1, second: 1}


@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_a_removal_without_an_answer_is_not_believed_by_one_list(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """What keeps Zoom from answering may shorten its list: a change assigned a second trunk beside the first one."""
    old, new = (f"{zoom.trunk.prefix}88{digit}" for digit in "12")
    zoom.in_console(old, "")
    assert estate.sync(zoom.master.pk)
    trunk_request = to_remove(zoom, staff, supervisor, kind, old, new)
    zoom.sandbox.fault("502", method="DELETE", path=ONE, apply="never")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    have_one_list_empty(monkeypatch)
    for _ in range(4):
        let_pass(trunk_request)
        settle(trunk_request.pk)
        assert old in at_zoom(zoom)
        assert trunk_request.lines.get().state in ("unknown", "not_sent")
    carry_out_in_time(trunk_request)
    assert states(trunk_request) == ("done", ["assigned" if kind == "change" else "unassigned"])
    assert set(at_zoom(zoom)) == ({new} if kind == "change" else set())
