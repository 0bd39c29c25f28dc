"""A change of several lines of which some are done or halfway: the others are asked about before they begin."""

from __future__ import annotations

import pytest

from tests import cast
from tests.workflow.conftest import Zoom
from tests.workflow.test_meanwhile import refuse_once, retry
from tests.workflow.test_removing import NEW, OLD, TRUNKS, at_zoom, draft
from tests.workflow.timing import let_pass, states
from trunks.models import TrunkRequest, User
from trunks.workflow import estate, filing, people
from trunks.workflow.provisioning import provision

pytestmark = pytest.mark.sqlite


@pytest.fixture
def old(zoom: Zoom, staff: User, supervisor: User) -> list[str]:
    """Return two DNIS that the sub account has."""
    old = [zoom.trunk.prefix + end for end in ("771", "772")]
    first = zoom.approved(staff, supervisor, *old, caller_id=OLD)
    provision(first.pk)
    let_pass(first)
    return old


@pytest.fixture
def new(zoom: Zoom) -> list[str]:
    return [zoom.trunk.prefix + end for end in ("881", "882")]


@pytest.fixture
def change(zoom: Zoom, staff: User, supervisor: User, old: list[str], new: list[str]) -> TrunkRequest:
    """Return an approved change of both."""
    lines = [filing.LineDraft(zoom.trunk, after, NEW, before) for before, after in zip(old, new, strict=True)]
    return cast.approved(filing.file(draft(zoom, "change", *lines), actor=staff), supervisor)


@pytest.fixture
def partly(zoom: Zoom, change: TrunkRequest, old: list[str], new: list[str]) -> TrunkRequest:
    """Return the change with the first line done, and the old values of the second assigned again."""
    # Zoom refuses the second of its assignments, and takes the one that puts the old values back.
    zoom.sandbox.fault("html", method="POST", path=TRUNKS, status=400, apply="never", skip=1)
    provision(change.pk)
    assert states(change) == ("partial", ["assigned", "refused"])
    assert at_zoom(zoom) == {new[0]: NEW, old[1]: OLD}
    let_pass(change)
    return change


@pytest.fixture
def halfway(zoom: Zoom, change: TrunkRequest, old: list[str]) -> TrunkRequest:
    """Return the change with the first line halfway, waiting for Zoom's limit."""
    zoom.sandbox.fault("429", method="POST", path=TRUNKS, seconds=0.1)
    provision(change.pk)
    assert states(change) == ("approved", ["not_sent", "not_sent"])
    assert at_zoom(zoom) == {old[1]: OLD}
    let_pass(change)
    return change


def somebody_gets(zoom: Zoom, dnis: str) -> None:
    zoom.in_console(dnis, "", account=zoom.other_sub)
    assert estate.sync(zoom.master.pk)


def test_a_retry_beside_a_line_that_is_done_removes_nothing_that_could_not_be_replaced(
    zoom: Zoom, supervisor: User, partly: TrunkRequest, old: list[str], new: list[str]
) -> None:
    somebody_gets(zoom, new[1])
    retry(partly, supervisor)
    removals = len(zoom.sandbox.calls_of("DELETE", TRUNKS))
    provision(partly.pk)
    assert states(partly) == ("partial", ["assigned", "not_sent"])
    assert f"{new[1]} is already assigned to {zoom.other_sub}" in partly.lines.get(position=2).detail
    assert len(zoom.sandbox.calls_of("DELETE", TRUNKS)) == removals, "a gap in service for nothing"
    assert at_zoom(zoom) == {new[0]: NEW, old[1]: OLD}


def test_nor_does_it_go_on_under_an_approval_that_stands_no_longer(
    zoom: Zoom,
    supervisor: User,
    second_supervisor: User,
    administrator: User,
    partly: TrunkRequest,
    old: list[str],
    new: list[str],
) -> None:
    people.deactivate(supervisor, actor=administrator)
    retry(partly, second_supervisor)
    provision(partly.pk)
    assert states(partly) == ("partial", ["assigned", "not_sent"])
    assert "ceased to be supervisor" in partly.lines.get(position=2).detail
    assert at_zoom(zoom) == {new[0]: NEW, old[1]: OLD}


def test_what_has_not_begun_is_asked_about_after_what_was_halfway_is_finished(
    zoom: Zoom, halfway: TrunkRequest, old: list[str], new: list[str]
) -> None:
    somebody_gets(zoom, new[1])
    provision(halfway.pk)
    assert states(halfway) == ("partial", ["assigned", "not_sent"])
    assert f"{new[1]} is already assigned to {zoom.other_sub}" in halfway.lines.get(position=2).detail
    assert at_zoom(zoom) == {new[0]: NEW, old[1]: OLD}


def test_nor_does_it_begin_when_who_approved_it_has_left_meanwhile(
    zoom: Zoom,
    supervisor: User,
    administrator: User,
    halfway: TrunkRequest,
    old: list[str],
    new: list[str],
) -> None:
    people.deactivate(supervisor, actor=administrator)
    provision(halfway.pk)
    assert states(halfway) == ("partial", ["assigned", "not_sent"])
    assert "ceased to be supervisor" in halfway.lines.get(position=2).detail
    assert at_zoom(zoom) == {new[0]: NEW, old[1]: OLD}


def test_what_has_not_begun_goes_on_as_long_as_nothing_is_in_its_way(
    zoom: Zoom, halfway: TrunkRequest, new: list[str]
) -> None:
    provision(halfway.pk)
    assert states(halfway) == ("done", ["assigned", "assigned"])
    assert at_zoom(zoom) == dict.fromkeys(new, NEW)


def test_nor_does_it_begin_after_old_values_were_assigned_again(
    zoom: Zoom, halfway: TrunkRequest, old: list[str], new: list[str]
) -> None:
    somebody_gets(zoom, new[1])
    refuse_once(zoom)
    provision(halfway.pk)
    assert states(halfway) == ("failed", ["refused", "not_sent"])
    assert at_zoom(zoom) == dict.fromkeys(old, OLD)
