"""Workers that are lost, or come back late, and requests for one sub account: each is carried out once."""

import pytest
from django.db import OperationalError

from tests.workflow import test_unconfirmed
from tests.workflow.conftest import Zoom
from tests.workflow.test_unconfirmed import TRUNKS, bad_in_the_middle, posts, settle_in_time
from tests.workflow.timing import let_pass, states
from trunks import audit
from trunks.models import Attempt, TrunkRequest, User
from trunks.workflow import sweeping
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import settle

pytestmark = pytest.mark.sqlite
filed = test_unconfirmed.filed


def test_a_worker_lost_before_sending_puts_the_request_back(zoom: Zoom, filed: TrunkRequest) -> None:
    zoom.lose_worker(filed, "trunks.workflow.provisioning.ask_for_list")
    assert states(filed) == ("applying", ["not_sent"])
    let_pass(filed)
    sweeping.sweep()
    assert states(filed) == ("approved", ["not_sent"])


@pytest.mark.parametrize("applied", [True, False])
def test_a_worker_lost_after_sending_leaves_it_unconfirmed_and_then_true(
    zoom: Zoom, filed: TrunkRequest, applied: bool
) -> None:
    where = (
        "trunks.workflow.sending._keep_answer" if applied else "trunks.zoom.client.ZoomClient.assign_trunks"
    )
    zoom.lose_worker(filed, where)
    assert states(filed) == ("applying", ["unknown"])
    let_pass(filed)
    sweeping.sweep()
    assert states(filed)[0] == "unconfirmed"
    settle_in_time(filed)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    assert zoom.assigned() == {zoom.trunk.prefix + "777": 1}


def test_a_lease_that_runs_is_not_taken_back(zoom: Zoom, filed: TrunkRequest) -> None:
    zoom.lose_worker(filed, "trunks.workflow.provisioning.ask_for_list")
    sweeping.sweep()
    assert states(filed)[0] == "applying"


def test_a_worker_that_comes_back_late_is_shut_out_before_it_sends(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stall() -> None:
        let_pass(filed)
        sweeping.sweep()

    zoom.before(monkeypatch, "trunks.workflow.sending._intend", stall)
    provision(filed.pk)
    assert posts(zoom) == 0
    assert states(filed) == ("approved", ["not_sent"])


def test_a_worker_whose_lease_ran_out_between_intent_and_call_does_not_send(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as stalled:
        zoom.before_post(stalled, lambda: zoom.lose_lease(stalled, filed))
        provision(filed.pk)
    assert posts(zoom) == 0
    assert states(filed)[0] == "applying"
    sweeping.sweep()
    settle_in_time(filed)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    assert posts(zoom) == 1


def test_a_worker_that_comes_back_late_does_not_overwrite_what_another_settled(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another_settles() -> None:
        let_pass(filed)
        sweeping.sweep()
        settle_in_time(filed, looks=1)

    zoom.before(monkeypatch, "trunks.workflow.sending._keep_answer", another_settles)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    settled = [event for event in audit.history(filed) if event.action == "provisioning.settled"]
    assert len(settled) == 1


def test_a_worker_that_comes_back_late_adds_no_words_to_lines_that_another_settled(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = bad_in_the_middle(zoom, staff, supervisor)
    zoom.sandbox.switch("partial", "yes")

    def another_settles() -> None:
        let_pass(trunk_request)
        sweeping.sweep()
        settle_in_time(trunk_request)

    zoom.before(monkeypatch, "trunks.workflow.sending._refused", another_settles)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("partial", ["assigned", "refused", "assigned"])
    assert [line.detail for line in trunk_request.lines.all()][::2] == ["", ""]


def test_a_late_reader_of_an_unconfirmed_request_is_shut_out(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(filed.pk)
    let_pass(filed)

    def another_settles() -> None:
        let_pass(filed)
        settle(filed.pk)

    zoom.before(monkeypatch, "trunks.workflow.reconcile.write_findings", another_settles)
    settle(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    assert Attempt.objects.filter(trunk_request=filed, outcome="another worker has taken over").count() == 1


def test_two_requests_for_one_sub_account_are_carried_out_after_each_other(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, rung: list[tuple[str, int]]
) -> None:
    first = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")
    second = zoom.approved(staff, supervisor, zoom.trunk.prefix + "772")
    zoom.before(monkeypatch, "trunks.zoom.client.ZoomClient.assign_trunks", lambda: provision(second.pk))
    rung.clear()
    provision(first.pk)
    assert states(first)[0] == "done"
    assert states(second)[0] == "approved"
    assert ("trunks.tasks.provision", second.pk) in rung
    provision(second.pk)
    assert states(second)[0] == "done"


def test_a_request_waits_while_an_earlier_write_to_its_sub_account_could_still_land(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    first = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")
    second = zoom.approved(staff, supervisor, zoom.trunk.prefix + "772")
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS)
    provision(first.pk)
    provision(second.pk)
    assert states(second)[0] == "approved"
    let_pass(first)
    provision(second.pk)
    assert states(second)[0] == "done"


def test_an_outcome_that_cannot_be_recorded_is_not_taken_for_one(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OperationalError("disk full")

    monkeypatch.setattr("trunks.audit._append", full)
    with pytest.raises(OperationalError):
        provision(filed.pk)
    assert posts(zoom) == 0
    assert states(filed) == ("approved", ["not_sent"])
