"""Lists that are short by a row now and then, by another each time: two have to lack the same to be believed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests import cast
from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import (
    NEW,
    at_zoom,
    draft,
    have_one_list_empty,
    to_remove,
    to_unassign,
)
from tests.workflow.timing import carry_out_in_time, let_pass, states
from trunks.models import TrunkRequest, User
from trunks.workflow import estate, filing
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import settle
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import InvalidParameter
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite
TRUNKS = "/sip_trunk/trunks$"
ONE = "/sip_trunk/trunks/[^/]+$"


def have_lists_lack(monkeypatch: pytest.MonkeyPatch, *dnis: str) -> None:
    """Have Zoom's next lists lack a row by mistake, each the one of the next DNIS."""
    real, lacks = ZoomClient.list_trunks, iter(dnis)

    def short(*who: Any) -> list[Trunk]:
        gone = next(lacks, "")
        return [row for row in real(*who) if row.dnis != gone]

    monkeypatch.setattr(ZoomClient, "list_trunks", short)


def to_remove_one(zoom: Zoom, staff: User, supervisor: User, kind: str) -> tuple[TrunkRequest, str, str]:
    """Return an approved request that removes a DNIS, that DNIS, and the one that a change puts in its place."""
    old, new = (f"{zoom.trunk.prefix}88{digit}" for digit in "12")
    zoom.in_console(old, "")
    assert estate.sync(zoom.master.pk)
    return to_remove(zoom, staff, supervisor, kind, old, new), old, new


def test_what_the_list_before_has_shown_is_not_believed_to_be_gone(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One list that lacked the first line and one that lacked the second had the second refused, which was there."""
    first, second = (f"{zoom.trunk.prefix}77{digit}" for digit in "12")
    trunk_request = zoom.approved(staff, supervisor, first, second)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(trunk_request.pk)
    have_lists_lack(monkeypatch, first, second)
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
    trunk_request, old, new = to_remove_one(zoom, staff, supervisor, kind)
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


@pytest.mark.parametrize("kind", ["unassign", "change"])
@pytest.mark.parametrize("no", ["unauthorized", "400"])
def test_nor_is_one_that_zoom_refused(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, kind: str, no: str
) -> None:
    """After a 401, or a plain no, the list that came next was believed: done, and the customer had the trunk still."""
    trunk_request, old, new = to_remove_one(zoom, staff, supervisor, kind)
    short = partial(have_one_list_empty, monkeypatch)
    if no == "unauthorized":
        zoom.sandbox.fault(no, method="DELETE", path=ONE)
        zoom.before(monkeypatch, "trunks.zoom.client.ZoomClient.unassign_trunk", short)
    else:
        refuse_once(monkeypatch, short)
    provision(trunk_request.pk)
    assert at_zoom(zoom) == {old: ""}
    assert states(trunk_request)[1][0] in ("unknown", "not_sent")
    for _ in range(4):
        let_pass(trunk_request)
        provision(trunk_request.pk)
        settle(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned" if kind == "change" else "unassigned"])
    assert set(at_zoom(zoom)) == ({new} if kind == "change" else set())


@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_nor_is_one_that_is_to_be_sent_again(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    trunk_request, _, new = to_remove_one(zoom, staff, supervisor, kind)
    zoom.sandbox.fault("502", method="DELETE", path=ONE, apply="never")
    provision(trunk_request.pk)
    for _ in range(2):
        let_pass(trunk_request)
        settle(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    have_one_list_empty(monkeypatch)
    carry_out_in_time(trunk_request)
    assert states(trunk_request) == ("done", ["assigned" if kind == "change" else "unassigned"])
    assert set(at_zoom(zoom)) == ({new} if kind == "change" else set())


def refuse_once(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
    """Have Zoom refuse the next removal, and `then` happen."""
    real, no = ZoomClient.unassign_trunk, iter([True])

    def unassign(*who: Any) -> None:
        if not next(no, False):
            return real(*who)
        then()
        raise InvalidParameter("Invalid parameter: trunkId.", status=400, code=300)

    monkeypatch.setattr(ZoomClient, "unassign_trunk", unassign)


@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_two_lists_that_lack_different_trunks_prove_neither_removal(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The request kept when any list first lacked any of its trunks: the second was believed gone, and was there."""
    olds = [f"{zoom.trunk.prefix}88{digit}" for digit in "12"]
    news = [f"{zoom.trunk.prefix}99{digit}" for digit in "12"]
    for old in olds:
        zoom.in_console(old, "")
    assert estate.sync(zoom.master.pk)
    pairs = zip(olds, news, strict=True)
    lines = [filing.LineDraft(zoom.trunk, new, NEW, old) for old, new in pairs]
    if kind == "unassign":
        lines = [filing.LineDraft(zoom.trunk, old) for old in olds]
    trunk_request = cast.approved(filing.file(draft(zoom, kind, *lines), actor=staff), supervisor)
    have_lists_lack(monkeypatch, *olds)
    for _ in range(2):
        let_pass(trunk_request)
        provision(trunk_request.pk)
        assert set(at_zoom(zoom)) == set(olds)
        assert states(trunk_request) == ("approved", ["not_sent"] * 2)
        assert not trunk_request.lines.exclude(phase="remove").exists()
    carry_out_in_time(trunk_request)
    assert states(trunk_request) == ("done", ["assigned" if kind == "change" else "unassigned"] * 2)
    assert set(at_zoom(zoom)) == set(news if kind == "change" else [])


def test_two_lists_that_lack_the_same_trunk_prove_its_removal_and_no_others(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, there = (f"{zoom.trunk.prefix}88{digit}" for digit in "12")
    for dnis in (gone, there):
        zoom.in_console(dnis, "")
    assert estate.sync(zoom.master.pk)
    trunk_request = to_unassign(zoom, staff, supervisor, gone, there)
    zoom.in_console(gone, None)
    provision(trunk_request.pk)
    have_one_list_empty(monkeypatch)
    let_pass(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["unassigned", "not_sent"])
    carry_out_in_time(trunk_request)
    assert states(trunk_request) == ("done", ["unassigned", "unassigned"])
    details = trunk_request.lines.values_list("detail", flat=True)
    assert list(details) == ["It was gone already.", ""]
