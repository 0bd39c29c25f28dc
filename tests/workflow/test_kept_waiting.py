"""What keeps a request waiting unsent: Zoom that is away, its limits, and credentials that it refuses."""

from typing import Any

import pytest
from pytest_django import Settings

from tests.workflow import test_unconfirmed
from tests.workflow.conftest import Zoom
from tests.workflow.test_unconfirmed import TRUNKS, posts
from tests.workflow.timing import let_pass, states
from trunks.models import TrunkRequest, User
from trunks.workflow import connecting
from trunks.workflow.provisioning import provision

pytestmark = pytest.mark.sqlite
filed = test_unconfirmed.filed


@pytest.mark.parametrize("kind", ["500", "drop", "html", "empty_object", "hang"])
def test_zoom_down_before_anything_was_sent_means_waiting_and_saying_so(
    zoom: Zoom, filed: TrunkRequest, kind: str
) -> None:
    zoom.sandbox.fault(kind, method="GET", path=TRUNKS)
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert filed.waiting_for
    assert filed.next_attempt_at
    assert posts(zoom) == 0
    let_pass(filed)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])


def test_zoom_not_there_at_all_means_waiting_and_saying_so(
    zoom: Zoom, filed: TrunkRequest, settings: Settings
) -> None:
    address, settings.ZOOM_API_URL = settings.ZOOM_API_URL, "http://127.0.0.1:9/v2"
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert "cannot be reached" in filed.waiting_for
    settings.ZOOM_API_URL = address
    let_pass(filed)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("retry_after", ["seconds", "http-date", "iso", "absent", "absurd"])
def test_a_rate_limit_is_a_release_and_not_a_failure(
    zoom: Zoom, filed: TrunkRequest, method: str, retry_after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[float] = []
    monkeypatch.setattr("trunks.turns.slow_down", lambda _master, _label, seconds: paused.append(seconds))
    zoom.sandbox.fault("429", method=method, path=TRUNKS, retry_after=retry_after)
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert (filed.tries, filed.sends) == (0, 0)
    assert paused
    assert paused[0] <= 3601
    let_pass(filed, 7200)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    assert zoom.assigned() == {zoom.trunk.prefix + "777": 1}


def test_a_daily_limit_is_believed_for_a_day(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[float] = []
    monkeypatch.setattr("trunks.turns.slow_down", lambda _master, _label, seconds: paused.append(seconds))
    zoom.sandbox.fault("429", method="POST", path=TRUNKS, limit="daily", retry_after="absurd")
    provision(filed.pk)
    assert states(filed)[0] == "approved"
    assert 3601 < paused[0] <= 86401


def test_refused_credentials_keep_the_request_waiting_until_they_are_mended(
    zoom: Zoom, filed: TrunkRequest, rung: list[tuple[str, int]]
) -> None:
    secret = zoom.master.client_secret
    zoom.master.client_secret = "wrong"
    zoom.master.save()
    zoom.sandbox.fault("unauthorized", times=0)
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert "refuses the portal's credentials" in filed.waiting_for
    zoom.sandbox.clear_faults()
    rung.clear()
    connecting.connect(
        name=zoom.master.name,
        account_id=zoom.master.zoom_id,
        client_id=zoom.master.client_id,
        client_secret=secret,
        actor=None,
        why="test",
    )
    assert ("trunks.tasks.provision", filed.pk) in rung
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_token_refused_without_a_word_of_zooms_keeps_the_request_waiting(
    zoom: Zoom, filed: TrunkRequest, status: int
) -> None:
    zoom.sandbox.fault("unauthorized", path=TRUNKS)
    zoom.sandbox.fault("html", path="/oauth/token", status=status)
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert "refuses the portal's credentials" in filed.waiting_for


def test_credentials_refused_at_the_write_leave_the_line_unsent(zoom: Zoom, filed: TrunkRequest) -> None:
    zoom.sandbox.fault("unauthorized", method="POST", path=TRUNKS, times=2)
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert (filed.sends, filed.lines.get().sends) == (0, 0)


@pytest.mark.parametrize("fault", [{"kind": "503"}, {"kind": "html"}, {"kind": "503", "status": 302}])
@pytest.mark.parametrize("lines", [1, 2])
def test_a_token_that_cannot_be_had_for_the_write_leaves_the_lines_unsent(
    zoom: Zoom, staff: User, supervisor: User, fault: dict[str, Any], lines: int
) -> None:
    dnis = [f"{zoom.trunk.prefix}77{end}" for end in range(lines)]
    trunk_request = zoom.approved(staff, supervisor, *dnis)
    zoom.sandbox.fault("unauthorized", method="POST", path=TRUNKS)
    zoom.sandbox.fault(**fault, path="/oauth/token")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"] * lines)
    assert trunk_request.sends == 0
    assert not trunk_request.one_by_one
    let_pass(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"] * lines)
