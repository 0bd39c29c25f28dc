"""A proxy on the way that repeats a call whose answer it has lost, and passes on what the second was answered."""

from __future__ import annotations

import pytest

from tests.workflow.conftest import Zoom
from tests.workflow.test_hidden_errors import hide, in_the_end
from tests.workflow.test_removing import (
    NEW,
    at_zoom,
    have_one_list_empty,
    settle_in_time,
    to_change,
    to_remove,
)
from tests.workflow.timing import let_pass, states
from trunks.models import TrunkRequest, User
from trunks.workflow import estate
from trunks.workflow.provisioning import provision
from trunks.zoom.wire import Answer

pytestmark = pytest.mark.sqlite
GONE = Answer(404, {}, '{"code": 300, "message": "The SIP trunk does not exist."}')
NO_ACCOUNT = Answer(404, {}, '{"code": 2001, "message": "Account does not exist."}')
NO_PLAN = Answer(
    400, {}, '{"code": 300, "message": "This account is not enrolled in SIP Connected Audio plan."}'
)
ALREADY = Answer(400, {}, '{"code": 300, "message": "The trunk has already been assigned."}')
BUSY = Answer(409, {}, '{"code": 409, "message": "Conflict"}')


@pytest.fixture
def old(zoom: Zoom) -> str:
    """Return a DNIS that the sub account has."""
    dnis = f"{zoom.trunk.prefix}881"
    zoom.in_console(dnis, "")
    assert estate.sync(zoom.master.pk)
    return dnis


@pytest.fixture
def new(zoom: Zoom) -> str:
    return f"{zoom.trunk.prefix}882"


@pytest.mark.parametrize("answer", [GONE, NO_ACCOUNT, BUSY])
@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_a_removal_that_was_made_all_the_same_is_not_called_refused(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    old: str,
    new: str,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    answer: Answer,
) -> None:
    """The list was a moment behind: the line was refused, and a change left its customer without a trunk unnoticed."""
    removal = to_remove(zoom, staff, supervisor, kind, old, new)
    asked = hide(monkeypatch, "DELETE", answer=answer)
    provision(removal.pk)
    assert states(removal) == ("unconfirmed", ["unknown"])
    assert "Whether it was done all the same is read" in removal.waiting_for
    in_the_end(removal)
    assert states(removal)[0] == "done"
    assert at_zoom(zoom) == ({new: NEW} if kind == "change" else {})
    assert removal.lines.get().detail == ""
    assert len(asked) == 1


@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_one_that_was_not_made_is_refused_in_zooms_words_and_asked_for_once(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    old: str,
    new: str,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    removal = to_remove(zoom, staff, supervisor, kind, old, new)
    asked = hide(monkeypatch, "DELETE", done=False, answer=GONE, times=9)
    provision(removal.pk)
    settle_in_time(removal)
    assert states(removal) == ("failed", ["refused"])
    assert "“The SIP trunk does not exist.”" in removal.lines.get().detail
    assert not removal.lines.get().without_trunk
    assert set(at_zoom(zoom)) == {old}
    assert len(asked) == 1


def test_a_refused_removal_is_not_taken_for_made_by_one_list(
    zoom: Zoom, staff: User, supervisor: User, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = to_change(zoom, staff, supervisor, old, new)
    zoom.sandbox.fault("html", method="DELETE", path="/sip_trunk/trunks/[^/]+$", status=400, apply="never")
    where = "trunks.zoom.client.ZoomClient.unassign_trunk"
    zoom.before(monkeypatch, where, lambda: have_one_list_empty(monkeypatch))
    provision(change.pk)
    assert states(change) == ("unconfirmed", ["unknown"])
    settle_in_time(change, looks=3)
    assert states(change) == ("failed", ["refused"])
    assert set(at_zoom(zoom)) == {old}


def test_a_removal_for_which_the_account_has_no_plan_is_refused_at_once(
    zoom: Zoom, staff: User, supervisor: User, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    removal = to_remove(zoom, staff, supervisor, "unassign", old, new)
    hide(monkeypatch, "DELETE", done=False, answer=NO_PLAN)
    provision(removal.pk)
    assert states(removal) == ("failed", ["refused"])


@pytest.mark.parametrize("answer", [ALREADY, BUSY])
def test_an_assignment_that_was_made_all_the_same_is_not_called_refused(
    zoom: Zoom, staff: User, supervisor: User, new: str, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    filed = zoom.approved(staff, supervisor, new)
    hide(monkeypatch, "POST", answer=answer)
    provision(filed.pk)
    assert states(filed) == ("unconfirmed", ["unknown"])
    in_the_end(filed)
    assert states(filed) == ("done", ["assigned"])
    assert zoom.assigned() == {new: 1}


def test_nor_is_the_second_step_of_a_change_taken_back_for_it(
    zoom: Zoom, staff: User, supervisor: User, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old trunk was assigned again beside the new one."""
    change = to_change(zoom, staff, supervisor, old, new)
    hide(monkeypatch, "POST", answer=ALREADY)
    provision(change.pk)
    in_the_end(change)
    assert states(change) == ("done", ["assigned"])
    assert at_zoom(zoom) == {new: NEW}


def test_what_somebody_else_has_already_is_refused_in_zooms_words_and_asked_for_once(
    zoom: Zoom, staff: User, supervisor: User, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = zoom.approved(staff, supervisor, new)
    asked = hide(monkeypatch, "POST", done=False, answer=ALREADY, times=9)
    provision(filed.pk)
    settle_in_time(filed)
    assert states(filed) == ("failed", ["refused"])
    assert "“The trunk has already been assigned.”" in filed.lines.get().detail
    assert len(asked) == 1


def test_a_change_whose_new_dnis_somebody_else_has_gets_its_old_values_back(
    zoom: Zoom, staff: User, supervisor: User, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = to_change(zoom, staff, supervisor, old, new)
    hide(monkeypatch, "POST", done=False, answer=ALREADY)
    provision(change.pk)
    let_pass(change)
    in_the_end(change)
    assert states(change) == ("failed", ["refused"])
    assert "The old values were assigned again." in TrunkRequest.objects.get(pk=change.pk).lines.get().detail
    assert set(at_zoom(zoom)) == {old}
