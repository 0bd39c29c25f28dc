"""A write whose token Zoom refuses: a new token, and never the same call again before the list has been read."""

import pytest

from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import NEW, at_zoom, to_change, to_unassign
from tests.workflow.timing import let_pass, provision_twice, states
from trunks import audit, dispatch
from trunks.actions import Action
from trunks.models import Circuit, TrunkRequest, User, ZoomCall
from trunks.workflow import estate
from trunks.workflow.provisioning import provision, retry

pytestmark = pytest.mark.sqlite
TRUNKS = "/sip_trunk/trunks"


@pytest.fixture
def dnis(zoom: Zoom) -> str:
    return f"{zoom.trunk.prefix}777"


@pytest.fixture
def filed(zoom: Zoom, staff: User, supervisor: User, dnis: str) -> TrunkRequest:
    return zoom.approved(staff, supervisor, dnis)


def calls_of(trunk_request: TrunkRequest) -> list[tuple[str, int | None]]:
    calls = ZoomCall.objects.filter(attempt__trunk_request=trunk_request).order_by("pk")
    return list(calls.values_list("method", "status"))


def test_it_is_sent_again_after_a_reading_and_with_an_intent_of_its_own(
    zoom: Zoom, filed: TrunkRequest
) -> None:
    zoom.sandbox.fault("unauthorized", method="POST", path=TRUNKS)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    assert calls_of(filed) == [("GET", 200), ("POST", 401), ("GET", 200), ("POST", 201), ("GET", 200)]
    intents = audit.history(filed).filter(action=Action.PROVISIONING_INTENDED)
    assert (intents.count(), filed.sends, filed.tries) == (2, 1, 0)


def test_nobody_is_told_that_the_credentials_are_refused(zoom: Zoom, filed: TrunkRequest) -> None:
    zoom.sandbox.fault("unauthorized", method="POST", path=TRUNKS)
    provision(filed.pk)
    assert not Circuit.objects.filter(refused_at__isnull=False).exists()


@pytest.mark.parametrize("lines", [1, 3])
def test_an_assignment_that_happened_all_the_same_is_found_and_not_doubled(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, lines: int
) -> None:
    numbers = [f"{dnis[:-1]}{end}" for end in range(lines)]
    filed = zoom.approved(staff, supervisor, *numbers)
    zoom.sandbox.fault("unauthorized", method="POST", path=TRUNKS, apply="before")
    provision(filed.pk)
    assert states(filed)[0] == "done"
    assert zoom.assigned() == dict.fromkeys(numbers, 1)


def test_a_removal_that_happened_all_the_same_is_not_sent_again(
    zoom: Zoom, staff: User, supervisor: User, filed: TrunkRequest, dnis: str
) -> None:
    provision(filed.pk)
    let_pass(filed)
    removal = to_unassign(zoom, staff, supervisor, dnis)
    zoom.sandbox.fault("unauthorized", method="DELETE", path=TRUNKS, apply="before")
    provision_twice(removal)
    assert states(removal)[0] == "done"
    assert [call for call in calls_of(removal) if call[0] == "DELETE"] == [("DELETE", 401)]


@pytest.mark.parametrize("method", ["DELETE", "POST"])
@pytest.mark.parametrize("apply", ["before", "never"])
def test_either_step_of_a_change_survives_it(
    zoom: Zoom, staff: User, supervisor: User, filed: TrunkRequest, dnis: str, method: str, apply: str
) -> None:
    provision(filed.pk)
    let_pass(filed)
    moved = f"{zoom.trunk.prefix}778"
    change = to_change(zoom, staff, supervisor, dnis, moved)
    zoom.sandbox.fault("unauthorized", method=method, path=TRUNKS, apply=apply)
    if (method, apply) == ("DELETE", "before"):
        provision_twice(change)
    else:
        provision(change.pk)
    assert states(change)[0] == "done"
    assert at_zoom(zoom) == {moved: NEW}
    assert zoom.assigned() == {moved: 1}


def test_a_second_refusal_in_the_same_attempt_is_the_credentials(zoom: Zoom, filed: TrunkRequest) -> None:
    zoom.sandbox.fault("unauthorized", method="POST", path=TRUNKS, times=2)
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert "refuses the portal's credentials" in filed.waiting_for
    assert [call for call in calls_of(filed) if call[0] == "POST"] == [("POST", 401)] * 2
    assert Circuit.objects.filter(refused_at__isnull=False).exists()


def test_an_app_that_may_read_and_not_write_does_not_have_its_requests_wake_each_other(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, rung: list[tuple[str, int]]
) -> None:
    """Zoom says 401/124 of a call that the app may not make. The list before it woke all that waited, without end."""
    first, second = (zoom.approved(staff, supervisor, f"{dnis[:-1]}{end}") for end in (1, 2))
    zoom.sandbox.fault("unauthorized", method="POST", path=TRUNKS, times=0)
    provision(first.pk)
    rung.clear()
    waits_until = TrunkRequest.objects.get(pk=first.pk).next_attempt_at
    provision(second.pk)
    first.refresh_from_db()
    assert (first.state, first.next_attempt_at) == ("approved", waits_until)
    assert rung == []
    zoom.sandbox.clear_faults()
    let_pass(second)
    provision(second.pk)
    assert states(second) == ("done", ["assigned"])
    assert (dispatch.PROVISION, first.pk) in rung
    provision(first.pk)
    assert states(first) == ("done", ["assigned"])
    assert Circuit.objects.get(master=zoom.master).refused_at is None


def scopes(zoom: Zoom, *wanted: str) -> None:
    zoom.sandbox.world.estate.apps[zoom.master.client_id].scopes[:] = wanted


@pytest.fixture
def without_the_scope(zoom: Zoom, filed: TrunkRequest) -> list[str]:
    """Return the scopes that the app has got since the shared token was made, with which nothing can be assigned."""
    given = list(zoom.sandbox.world.estate.apps[zoom.master.client_id].scopes)
    scopes(zoom, "account:master")
    zoom.sandbox.revoke_tokens()
    provision(filed.pk)
    scopes(zoom, *given)
    return given


def test_a_scope_that_was_added_at_zoom_counts_at_once(
    zoom: Zoom, supervisor: User, filed: TrunkRequest, without_the_scope: list[str]
) -> None:
    filed.refresh_from_db()
    assert (filed.state, states(filed)[1]) == ("failed", ["refused"])
    retry(filed, actor=supervisor, version=filed.version)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])


def test_the_estate_can_be_read_as_soon_as_the_scope_is_there(
    zoom: Zoom, without_the_scope: list[str]
) -> None:
    assert estate.sync(zoom.master.pk)


def test_a_write_that_lacks_its_scope_is_sent_once_and_the_next_try_has_a_new_token(
    zoom: Zoom, supervisor: User, filed: TrunkRequest
) -> None:
    app = zoom.sandbox.world.estate.apps[zoom.master.client_id]
    app.kind = "granular"
    reading = ["account:read:list_sub_accounts:master", "sip_connected_audio:read:trunks:master"]
    scopes(zoom, *reading)
    zoom.sandbox.revoke_tokens()
    provision(filed.pk)
    assert states(filed) == ("failed", ["refused"])
    assert calls_of(filed) == [("GET", 401), ("GET", 200), ("POST", 400), ("GET", 200)]
    scopes(zoom, *reading, "sip_connected_audio:write:trunks:master")
    filed.refresh_from_db()
    retry(filed, actor=supervisor, version=filed.version)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
