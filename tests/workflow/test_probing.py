"""Probing Zoom while it is down: when, by whom, and what follows when it is back."""

from collections.abc import Callable

import pytest
from pytest_django import Settings

from tests.workflow import test_circuit
from tests.workflow.conftest import Zoom
from tests.workflow.test_circuit import actions, fail
from tests.workflow.timing import states
from trunks import dispatch, tasks
from trunks.models import Circuit, User
from trunks.workflow import circuits, probing, sweeping
from trunks.workflow.provisioning import provision

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
down = test_circuit.down


def make_due(circuit: Circuit) -> None:
    Circuit.objects.filter(pk=circuit.pk).update(next_probe_at=circuit.opened_at)


def probe(circuit: Circuit) -> Circuit:
    make_due(circuit)
    probing.probe(circuit.master_id)
    circuit.refresh_from_db()
    return circuit


def test_a_probe_closes_it_when_zoom_is_back_and_what_waited_is_rung_for(
    zoom: Zoom, staff: User, supervisor: User, down: Callable[[], None], rung: list[tuple[str, int]]
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    circuit = probe(fail(zoom.master))
    assert circuit.opened_at is not None
    assert circuit.probes == 1
    down()
    rung.clear()
    assert probe(circuit).opened_at is None
    assert circuit.failures == 0
    assert rung == [(dispatch.PROVISION, trunk_request.pk)]
    assert actions(zoom.master) == ["circuit.opened", "circuit.closed"]
    provision(trunk_request.pk)
    assert states(trunk_request)[0] == "done"


def test_a_list_of_the_master_that_fails_for_good_does_not_hold_up_what_zoom_answers(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    zoom.sandbox.fault("503", path="/accounts/me/", times=0)
    circuit = fail(zoom.master)
    assert probe(circuit).opened_at
    assert probe(circuit).opened_at is None
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])


def test_with_nothing_that_waits_the_masters_list_is_asked_for_each_time(zoom: Zoom) -> None:
    zoom.sandbox.fault("503", path="/accounts/me/", times=0)
    circuit = fail(zoom.master)
    zoom.sandbox.journal.clear()
    for _ in range(3):
        assert probe(circuit).opened_at
    assert len(zoom.sandbox.calls_of("GET", "/accounts/me/sip_trunk/trunks")) == 3


def test_the_sweep_rings_for_the_probe_when_it_is_due_and_one_of_many_makes_it(
    zoom: Zoom, down: Callable[[], None], rung: list[tuple[str, int]]
) -> None:
    circuit = fail(zoom.master)
    sweeping.sweep()
    assert rung == []
    make_due(circuit)
    sweeping.sweep()
    assert rung == [(dispatch.PROBE, zoom.master.pk)]
    tasks.probe_master(zoom.master.pk)
    tasks.probe_master(zoom.master.pk)
    circuit.refresh_from_db()
    assert circuit.probes == 1


def test_of_two_probes_at_once_one_goes(
    zoom: Zoom, down: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    circuit = fail(zoom.master)
    make_due(circuit)
    real = circuits.interval

    def other_first(probes: int) -> float:
        Circuit.objects.update(probes=7)
        return real(probes)

    monkeypatch.setattr(circuits, "interval", other_first)
    probing.probe(zoom.master.pk)
    circuit.refresh_from_db()
    assert (circuit.probes, circuit.failures) == (7, circuits.FAILURES)


def test_the_intervals_grow_to_five_minutes(settings: Settings) -> None:
    settings.SWEEP_SECONDS = 15.0
    assert [circuits.interval(n) for n in (0, 1, 2, 3, 4, 5, 99)] == [15, 30, 60, 120, 240, 300, 300]
