"""The circuit: what opens it, who waits while Zoom is down, and what closes it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, states
from trunks import audit, dispatch, tasks
from trunks.models import Circuit, MasterAccount, TrunkRequest, User, ZoomToken, clock
from trunks.workflow import circuits, connecting, estate, probing, reconcile, settling, speaking, sweeping
from trunks.workflow.provisioning import provision
from trunks.zoom import errors
from trunks.zoom.errors import ZoomError

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
DOWN = errors.ServerError("Zoom is down for maintenance", status=503, tracking_id="v=2.0;rid=1")


def fail(master: MasterAccount, times: int = circuits.FAILURES) -> Circuit:
    for _ in range(times):
        circuits.note(master, DOWN)
    return Circuit.objects.get(master=master)


def actions(master: MasterAccount) -> list[str]:
    return [event.action for event in audit.history(master) if event.action.startswith("circuit.")]


@pytest.fixture
def master(zoom: Zoom) -> MasterAccount:
    return zoom.master


@pytest.fixture
def down(zoom: Zoom, settings: Settings) -> Callable[[], None]:
    """Make Zoom unreachable; what is returned brings it back."""
    url, settings.ZOOM_API_URL = settings.ZOOM_API_URL, "http://127.0.0.1:9/v2"

    def bring_back() -> None:
        settings.ZOOM_API_URL = url

    return bring_back


def test_check_now_tries_a_zoom_that_does_not_answer_and_reads_the_list_when_it_does(
    zoom: Zoom, staff: User, supervisor: User, settings: Settings, rung: list[tuple[str, int]]
) -> None:
    """Until then it waited for the next probe, up to five minutes, and said that the list was being read."""
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    zoom.sandbox.fault("drop", method="POST", path="/sip_trunk/trunks$", apply="before")
    provision(trunk_request.pk)
    let_pass(trunk_request)
    circuit = fail(zoom.master)
    Circuit.objects.filter(pk=circuit.pk).update(probes=9, next_probe_at=clock.after(300))
    rung.clear()
    trunk_request.refresh_from_db()
    url, settings.ZOOM_API_URL = settings.ZOOM_API_URL, "http://127.0.0.1:9/v2"
    assert not reconcile.check_now(trunk_request, actor=staff)
    assert rung == [(dispatch.PROBE, zoom.master.pk)]
    probing.probe(zoom.master.pk)
    circuit.refresh_from_db()
    assert (circuit.opened_at is None, circuit.probes) == (False, 1)
    settings.ZOOM_API_URL = url
    reconcile.check_now(trunk_request, actor=staff)
    rung.clear()
    probing.probe(zoom.master.pk)
    assert rung == [(dispatch.SETTLE, trunk_request.pk)]
    reconcile.settle(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])


def test_failed_calls_in_a_row_open_it_and_say_since_when_and_what_zoom_said(master: MasterAccount) -> None:
    circuit = fail(master, circuits.FAILURES - 1)
    assert circuit.opened_at is None
    assert not circuits.is_open(master.pk)
    circuit = fail(master, 1)
    assert circuits.is_open(master.pk)
    assert circuit.failing_since is not None
    assert "Zoom is down for maintenance" in circuit.problem
    assert actions(master) == ["circuit.opened"]
    fail(master, 3)
    assert actions(master) == ["circuit.opened"]
    assert str(circuit) == f"circuit of {master.pk}"


@pytest.mark.parametrize(
    "error",
    [
        errors.NotSent("refused"),
        errors.NoAnswer("time-out"),
        errors.ServerError("", status=502),
        errors.Unreadable("html"),
    ],
)
def test_every_kind_of_silence_counts(master: MasterAccount, error: ZoomError) -> None:
    circuits.note(master, error)
    assert Circuit.objects.get(master=master).failures == 1


@pytest.mark.parametrize(
    "error",
    [
        None,
        errors.InvalidParameter("sip_trunks", status=400),
        errors.RateLimited("slow down", status=429),
        errors.AccountNotFound("", status=404),
    ],
)
def test_any_answer_begins_the_count_anew(master: MasterAccount, error: ZoomError | None) -> None:
    fail(master, circuits.FAILURES - 1)
    circuits.note(master, error)
    assert Circuit.objects.get(master=master).failures == 0
    fail(master, 1)
    assert not circuits.is_open(master.pk)


def test_masters_are_counted_apart(master: MasterAccount) -> None:
    other = MasterAccount.objects.create(
        name="Contoso", zoom_id="c", client_id="c", client_secret="c", connected_at=master.connected_at
    )
    fail(other)
    assert not circuits.is_open(master.pk)


def test_the_token_endpoint_counts_as_well(zoom: Zoom, settings: Settings) -> None:
    settings.ZOOM_OAUTH_URL = "http://127.0.0.1:9/oauth/token"
    ZoomToken.objects.all().delete()
    with speaking.client_for(zoom.master) as client, pytest.raises(errors.NotSent):
        client.list_trunks()
    assert Circuit.objects.get(master=zoom.master).failures == 1


def test_with_zoom_down_requests_wait_unclaimed_and_no_call_is_made(
    zoom: Zoom, staff: User, supervisor: User, down: Callable[[], None], rung: list[tuple[str, int]]
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    for _ in range(circuits.FAILURES):
        provision(trunk_request.pk)
        let_pass(trunk_request)
    assert trunk_request.attempts.count() == circuits.FAILURES
    provision(trunk_request.pk)
    assert trunk_request.attempts.count() == circuits.FAILURES
    assert states(trunk_request) == ("approved", ["not_sent"])
    rung.clear()
    sweeping.sweep()
    assert rung == []


def test_unconfirmed_requests_wait_for_zoom_as_well(zoom: Zoom, staff: User, supervisor: User) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    zoom.sandbox.fault("drop", method="POST", path="/sip_trunk/trunks$")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    let_pass(trunk_request)
    fail(zoom.master)
    reconcile.settle(trunk_request.pk)
    assert trunk_request.attempts.count() == 1


def test_an_answer_to_anybody_closes_it_too(zoom: Zoom) -> None:
    fail(zoom.master)
    assert estate.sync(zoom.master.pk)
    assert not circuits.is_open(zoom.master.pk)
    calls = len(zoom.sandbox.calls)
    probing.probe(zoom.master.pk)
    assert len(zoom.sandbox.calls) == calls


def test_new_credentials_are_not_held_against_the_old_refusal(zoom: Zoom) -> None:
    circuits.note(zoom.master, errors.CredentialsRefused("Invalid access token.", status=401, code=124))
    connecting.connect(
        name=zoom.master.name,
        account_id=zoom.master.zoom_id,
        client_id=zoom.master.client_id,
        client_secret=zoom.master.client_secret,
        actor=None,
        why="test",
    )
    assert Circuit.objects.get(master=zoom.master).refused_at is None


def test_refused_credentials_are_remembered_until_zoom_takes_them(zoom: Zoom) -> None:
    refusal = errors.CredentialsRefused("Invalid access token.", status=401, code=124)
    circuits.note(zoom.master, refusal)
    since = Circuit.objects.get(master=zoom.master).refused_at
    Circuit.objects.update(refused_at=(since or zoom.master.connected_at) - timedelta(hours=1))
    circuits.note(zoom.master, refusal)
    circuit = Circuit.objects.get(master=zoom.master)
    assert circuit.refused_at != since
    assert "Invalid access token." in circuit.refusal
    circuits.note(zoom.master, errors.RateLimited("", status=429))
    circuit.refresh_from_db()
    assert circuit.refused_at is not None
    circuits.note(zoom.master, None)
    assert Circuit.objects.filter(master=zoom.master, refused_at=None, refusal="").exists()


def test_one_request_tries_refused_credentials_for_all_and_wakes_the_others(
    zoom: Zoom, staff: User, supervisor: User, rung: list[tuple[str, int]]
) -> None:
    """Of a hundred that waited over a weekend each had tried every five minutes: a hundred thousand events."""
    first, second = (zoom.approved(staff, supervisor, f"{zoom.trunk.prefix}77{n}") for n in (1, 2))
    TrunkRequest.objects.update(tries=12)
    zoom.sandbox.fault("unauthorized", times=0)
    waits = []
    for trunk_request in (first, second):
        provision(trunk_request.pk)
        trunk_request.refresh_from_db()
        assert trunk_request.state == "approved"
        assert trunk_request.next_attempt_at
        waits.append((trunk_request.next_attempt_at - timezone.now()).total_seconds())
    assert waits[0] < settling.LONGEST_BACKOFF * 1.25
    assert waits[1] > settling.LONGEST_FOR_PEOPLE * 0.7
    rung.clear()
    circuits.note(zoom.master, None)
    assert set(rung) >= {("trunks.tasks.provision", first.pk), ("trunks.tasks.provision", second.pk)}


@pytest.mark.parametrize("problem", ["", "Zoom has an internal problem."])
@pytest.mark.parametrize(
    ("error", "times"), [(DOWN, circuits.FAILURES), (errors.CredentialsRefused("no"), 1)]
)
def test_an_estate_that_could_not_be_read_is_read_when_zoom_answers_again(
    master: MasterAccount, rung: list[tuple[str, int]], problem: str, error: ZoomError, times: int
) -> None:
    MasterAccount.objects.filter(pk=master.pk).update(sync_problem=problem)
    for _ in range(times):
        circuits.note(master, error)
    assert rung == []
    circuits.note(master, None)
    assert rung == ([(dispatch.SYNC_AGAIN, master.pk)] if problem else [])
    tasks.sync_again(master.pk)
    master.refresh_from_db()
    assert master.sync_problem == ""
    event = audit.history(master).last()
    assert event is not None
    assert (event.action, event.actor_name) == ("sync.finished", "System (Zoom answers again)")
