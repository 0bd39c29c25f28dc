"""Requests that want one trunk: none removes what another may have assigned, or sends what another has removed."""

from __future__ import annotations

import pytest

from tests import cast
from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import TRUNKS, at_zoom, settle_in_time, to_remove, to_unassign
from tests.workflow.timing import let_pass, states
from trunks.models import Line, User, clock
from trunks.workflow import errors, estate, filing, listing
from trunks.workflow.provisioning import provision
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite


@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_what_may_have_been_assigned_is_not_removed_before_that_is_known(
    zoom: Zoom, staff: User, supervisor: User, kind: str
) -> None:
    """Not seeing it in the list, the request that has assigned it would send it again."""
    number, new = zoom.trunk.prefix + "777", zoom.trunk.prefix + "888"
    assigning = zoom.approved(staff, supervisor, number)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(assigning.pk)
    assert states(assigning) == ("unconfirmed", ["unknown"])
    assert estate.sync(zoom.master.pk)
    line = filing.LineDraft(zoom.trunk, number if kind == "unassign" else new, "", number)
    removal = filing.Draft(zoom.sub, kind, "Customer asked", "", [line])
    with pytest.raises(errors.Invalid, match=f"{assigning.reference}.*once it is settled"):
        filing.file(removal, actor=staff)
    settle_in_time(assigning, looks=1)
    assert states(assigning) == ("done", ["assigned"])
    removing = cast.approved(filing.file(removal, actor=staff), supervisor)
    provision(removing.pk)
    assert states(removing)[0] == "done"
    assert at_zoom(zoom) == ({} if kind == "unassign" else {new: ""})


def test_a_removal_that_meets_such_a_request_goes_back_to_its_people(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = zoom.trunk.prefix + "777"
    assigning = zoom.approved(staff, supervisor, number)
    removals = []

    def somebody_sees_it_and_wants_it_removed() -> None:
        listing.take_in(zoom.sub, [Trunk("268", "", "", number, "0", None)], clock.read())
        removals.append(to_unassign(zoom, staff, supervisor, number))

    zoom.before_post(monkeypatch, somebody_sees_it_and_wants_it_removed)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(assigning.pk)
    assert states(assigning) == ("unconfirmed", ["unknown"])
    let_pass(assigning)
    [removal] = removals
    provision(removal.pk)
    assert states(removal) == ("sent_back", ["not_sent"])
    assert "once it is settled" in removal.waiting_for
    settle_in_time(assigning, looks=1)
    assert states(assigning) == ("done", ["assigned"])
    assert zoom.assigned() == {number: 1}


@pytest.mark.parametrize("answer", ["yes", "never"])
@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_what_was_removed_while_the_request_that_has_it_waits_with_another_line_is_not_sent_again(
    zoom: Zoom, staff: User, supervisor: User, answer: str, kind: str
) -> None:
    there, waits = (zoom.trunk.prefix + end for end in ("771", "772"))
    zoom.in_console(there, "")
    trunk_request = zoom.approved(staff, supervisor, there, waits)
    zoom.sandbox.fault("429", method="POST", path=TRUNKS, seconds=0.1)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["already_there", "not_sent"])
    let_pass(trunk_request)
    new = zoom.trunk.prefix + "888"
    removal = to_remove(zoom, staff, supervisor, kind, there, new)
    provision(removal.pk)
    assert states(removal)[0] == "done"
    let_pass(removal)
    if answer == "never":
        zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    for _ in range(2):
        provision(trunk_request.pk)
        settle_in_time(trunk_request)
    assert states(trunk_request) == ("done", ["already_there", "assigned"])
    assert set(at_zoom(zoom)) == ({waits} if kind == "unassign" else {waits, new})
    holds = Line.objects.exclude(hold="").values_list("dnis", "hold")
    assert set(holds) == {(dnis, "assigned") for dnis in at_zoom(zoom)}
