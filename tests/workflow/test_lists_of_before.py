"""Lists that show again what has been removed: not believed before the new values are sent, nor after."""

import pytest
from pytest_django import Settings

from tests.workflow import test_removing
from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import NEW, OLD, TRUNKS, at_zoom, lose_the_trunk, settle_in_time, to_change
from tests.workflow.timing import let_pass, states
from trunks.models import User
from trunks.workflow.provisioning import provision
from trunks.zoom.client import ZoomClient
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite
dnis = test_removing.dnis


def lists(zoom: Zoom, monkeypatch: pytest.MonkeyPatch, *stale: int) -> None:
    """Have the readings of these numbers show what the first one showed, as a list that lags does."""
    real, shown = ZoomClient.list_trunks, list[list[Trunk]]()

    def list_trunks(client: ZoomClient, account_id: str) -> list[Trunk]:
        shown.append(real(client, account_id))
        return shown[0] if len(shown) in stale else shown[-1]

    monkeypatch.setattr(ZoomClient, "list_trunks", list_trunks)


@pytest.mark.parametrize("number", ["777", "888"])
@pytest.mark.parametrize("list_caller_id", ["yes", "no"])
def test_a_list_that_shows_again_what_was_removed_is_not_believed_before_the_new_values_are_sent(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    dnis: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    number: str,
    list_caller_id: str,
) -> None:
    settings.QUIET_SECONDS = 60
    zoom.sandbox.switch("list_caller_id", list_caller_id)
    trunk_request = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + number)
    lists(zoom, monkeypatch, 3)  # the first finds it, the second has seen it removed
    provision(trunk_request.pk)
    if number == "777":
        assert states(trunk_request) == ("approved", ["not_sent"])
        assert "shows a trunk again" in trunk_request.waiting_for
        assert at_zoom(zoom) == {}
        let_pass(trunk_request)
        provision(trunk_request.pk)
    assert states(trunk_request)[0] == "done"
    assert at_zoom(zoom) == {zoom.trunk.prefix + number: NEW}


def test_a_list_that_shows_the_old_values_after_the_new_ones_were_accepted_is_read_again(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    dnis: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    settings.QUIET_SECONDS = 60
    monkeypatch.setattr("trunks.workflow.sending.LOOKS", (0.0,) * 4)
    trunk_request = to_change(zoom, staff, supervisor, dnis, dnis)
    lists(zoom, monkeypatch, 4, 5, 6, 7)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown"])
    settle_in_time(trunk_request, looks=1)
    assert states(trunk_request) == ("done", ["assigned"])
    assert at_zoom(zoom) == {dnis: NEW}
    assert len(zoom.sandbox.calls_of("POST", TRUNKS)) == 2, "one of them made what is changed here"


def test_old_values_are_not_called_assigned_again_by_a_list_from_before_they_were_removed(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    dnis: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    settings.QUIET_SECONDS = 60
    trunk_request = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "888")
    lose_the_trunk(zoom, monkeypatch)
    lists(zoom, monkeypatch, 5)  # found, removed, not there yet, refused; and then what was removed
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    let_pass(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("failed", ["refused"])
    assert "old values were assigned again" in trunk_request.lines.get().detail
    assert at_zoom(zoom) == {dnis: OLD}
