"""A database whose clock was set back by an hour: everything that was written lies an hour ahead."""

import pytest

from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import to_unassign
from tests.workflow.timing import let_pass, states
from trunks.models import Circuit, TrunkRequest, User, clock
from trunks.workflow import claims, estate, probing, sweeping
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import settle

pytestmark = pytest.mark.sqlite
HOUR = 3600.0


def set_back(filed: TrunkRequest) -> None:
    let_pass(filed, -HOUR)
    sweeping.sweep()


def test_a_lost_worker_is_waited_for_no_longer_than_a_lease(zoom: Zoom, filed: TrunkRequest) -> None:
    claim = claims.claim_approved(filed.pk)
    assert claim
    set_back(filed)
    assert states(filed)[0] == "applying", "the worker may be there yet"
    claim.hold()
    let_pass(filed, 2 * 90)
    sweeping.sweep()
    assert states(filed)[0] == "approved"


def test_a_worker_that_is_not_lost_goes_on(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.before_post(monkeypatch, lambda: set_back(filed))
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])


@pytest.mark.parametrize("apply", ["before", "never"])
def test_an_unanswered_call_is_settled_within_the_quiet_period(
    zoom: Zoom, filed: TrunkRequest, apply: str
) -> None:
    zoom.sandbox.fault("drop", method="POST", path="/sip_trunk/trunks$", apply=apply)
    provision(filed.pk)
    set_back(filed)
    settle(filed.pk)
    assert states(filed)[0] == ("done" if apply == "before" else "unconfirmed")
    for _ in range(0 if apply == "before" else 2):
        let_pass(filed, 120)
        settle(filed.pk)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    assert zoom.assigned() == {zoom.trunk.prefix + "777": 1}


def test_absence_that_was_seen_once_is_seen_again_before_it_is_believed(
    zoom: Zoom, filed: TrunkRequest
) -> None:
    zoom.sandbox.fault("drop", method="POST", path="/sip_trunk/trunks$")
    provision(filed.pk)
    let_pass(filed, 120)
    settle(filed.pk)
    set_back(filed)
    settle(filed.pk)
    assert states(filed) == ("unconfirmed", ["unknown"])


def test_so_it_is_with_what_is_to_be_removed(zoom: Zoom, staff: User, supervisor: User) -> None:
    dnis = zoom.trunk.prefix + "888"
    zoom.in_console(dnis, "")
    assert estate.sync(zoom.master.pk)
    removal = to_unassign(zoom, staff, supervisor, dnis)
    zoom.sandbox.fault("drop", method="DELETE", path="/sip_trunk/trunks", apply="before")
    provision(removal.pk)
    let_pass(removal, 120)
    settle(removal.pk)
    set_back(removal)
    settle(removal.pk)
    assert states(removal) == ("unconfirmed", ["unknown"])
    let_pass(removal, 60)
    settle(removal.pk)
    assert states(removal) == ("done", ["unassigned"]), "it does not wait for the hour to come again"


def test_a_zoom_that_does_not_answer_is_tried_again(zoom: Zoom, filed: TrunkRequest) -> None:
    Circuit.objects.create(
        master=zoom.master, failures=5, opened_at=clock.now(), next_probe_at=clock.after(HOUR)
    )
    probing.probe(zoom.master.pk)
    assert not Circuit.objects.open().exists()
