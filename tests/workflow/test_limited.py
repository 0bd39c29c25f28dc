"""What becomes of requests, readings and people's looks when Zoom's rate limit is reached."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import at_zoom, to_change
from tests.workflow.timing import let_pass, states
from trunks.models import Line, MasterAccount, RateBudget, User
from trunks.workflow import connecting, estate, preview, settling
from trunks.workflow.provisioning import provision
from trunks.zoom.errors import RateLimited
from trunks.zoom.retry_after import LEAST_DAILY_WAIT, LEAST_WAIT, LONGEST_DAILY_WAIT, LONGEST_WAIT, believed

pytestmark = pytest.mark.sqlite
TRUNKS = "/sip_trunk/trunks$"


def pause(zoom: Zoom, seconds: float) -> None:
    RateBudget.pause(zoom.master, "light", seconds)


def let_budget_pass() -> None:
    RateBudget.objects.update(next_at=0, not_before=0)


@pytest.fixture
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every wait for a turn be longer than the hour for which one is believed, whatever time it is."""
    monkeypatch.setattr("trunks.zoom.retry_after.LONGEST_WAIT", 1.2)


@pytest.mark.usefixtures("morning")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_daily_limit_silences_everybody_until_it_ends(
    zoom: Zoom, staff: User, supervisor: User, method: str
) -> None:
    first = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")
    zoom.sandbox.fault("429", method=method, path=TRUNKS, limit="daily")
    provision(first.pk)
    assert states(first) == ("approved", ["not_sent"])
    assert "It goes on at" in first.waiting_for
    second = zoom.approved(staff, supervisor, zoom.trunk.prefix + "772")
    before = len(zoom.sandbox.calls)
    provision(second.pk)
    assert len(zoom.sandbox.calls) == before
    assert states(second) == ("approved", ["not_sent"])
    assert (second.tries, second.sends) == (0, 0)
    assert "nothing was sent" in second.waiting_for
    assert "not believed" not in second.waiting_for, "it is: that is why there is no turn"
    let_budget_pass()
    for trunk_request in (first, second):
        let_pass(trunk_request, 90000)
        provision(trunk_request.pk)
        assert states(trunk_request) == ("done", ["assigned"])


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("limit", "headers"),
    [("concurrent", "all"), ("qps", "none"), ("qps", "quota"), ("daily", "none"), ("daily", "quota")],
)
def test_a_429_that_hides_its_headers_costs_time_only(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    method: str,
    limit: str,
    headers: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paused: list[float] = []
    monkeypatch.setattr("trunks.turns.slow_down", lambda _master, _label, seconds: paused.append(seconds))
    filed = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")
    zoom.sandbox.fault("429", method=method, path=TRUNKS, limit=limit, headers=headers)
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert (filed.tries, filed.sends) == (0, 0)
    assert LEAST_WAIT <= paused[0] <= (LONGEST_DAILY_WAIT + 1 if limit == "daily" else 60)
    let_pass(filed, 90000)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
    assert zoom.assigned() == {zoom.trunk.prefix + "771": 1}


@pytest.mark.parametrize(("limit", "alarms"), [("daily", True), ("qps", False)])
def test_a_customer_whom_a_long_pause_leaves_without_a_trunk_is_in_the_alarm_meanwhile(
    zoom: Zoom, staff: User, supervisor: User, limit: str, alarms: bool
) -> None:
    old, new = zoom.trunk.prefix + "771", zoom.trunk.prefix + "772"
    provision(zoom.approved(staff, supervisor, old).pk)
    change = to_change(zoom, staff, supervisor, old, new)
    zoom.sandbox.fault("429", method="POST", path=TRUNKS, limit=limit)
    provision(change.pk)
    assert states(change) == ("approved", ["not_sent"])
    assert at_zoom(zoom) == {}
    assert change.lines.get().without_trunk == alarms
    assert bool(Line.objects.lost()) == alarms
    let_budget_pass()
    let_pass(change, 90000)
    provision(change.pk)
    assert states(change) == ("done", ["assigned"])
    assert not change.lines.get().without_trunk


def test_a_pause_between_reading_and_writing_takes_the_lines_back(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")
    zoom.before_post(monkeypatch, lambda: pause(zoom, 600))
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    assert (trunk_request.tries, trunk_request.sends) == (0, 0)
    assert zoom.assigned() == {}


def test_a_short_pause_is_waited_out_with_the_claim_held(zoom: Zoom, staff: User, supervisor: User) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")
    pause(zoom, 0.3)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])


def test_people_are_told_that_zoom_is_busy(zoom: Zoom, staff: User, supervisor: User) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")
    pause(zoom, 600)
    assert preview.zoom_now(trunk_request).problem.startswith("Zoom is busy")


def test_what_is_held_back_by_a_daily_limit_says_so(zoom: Zoom, staff: User, supervisor: User) -> None:
    """Only the one request that Zoom had answered said why; all others that Zoom was busy, for hours."""
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")
    pause(zoom, 5 * 3600)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("approved", ["not_sent"])
    assert "daily limit" in trunk_request.waiting_for
    assert "busy" not in trunk_request.waiting_for


def test_a_429_that_meets_a_persons_look_slows_the_workers_down_too(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")
    zoom.sandbox.fault("429", path=TRUNKS)
    assert "rate limit" in preview.zoom_now(trunk_request).problem
    assert RateBudget.look(zoom.master, "light").pause > 0


def test_credentials_tried_again_for_a_known_account_keep_to_its_budget(zoom: Zoom) -> None:
    pause(zoom, 600)
    master = zoom.master
    with pytest.raises(connecting.CannotConnect, match="Zoom is busy"):
        connecting.connect(
            name=master.name,
            account_id=master.zoom_id,
            client_id=master.client_id,
            client_secret=master.client_secret,
            actor=None,
            why="test",
        )


def test_a_share_is_kept_when_new_credentials_come_without_one(zoom: Zoom) -> None:
    master = zoom.master

    def connect(rate_share: int | None) -> MasterAccount:
        let_budget_pass()
        return connecting.connect(
            name=master.name,
            account_id=master.zoom_id,
            client_id=master.client_id,
            client_secret=master.client_secret,
            rate_share=rate_share,
            actor=None,
            why="test",
        )

    assert connect(60).rate_share == 60
    assert connect(None).rate_share == 60


def test_a_long_pause_ends_the_reading_of_an_estate(zoom: Zoom) -> None:
    pause(zoom, 600)
    assert not estate.sync(zoom.master.pk)
    zoom.master.refresh_from_db()
    assert "Zoom is busy" in zoom.master.sync_problem


def test_some_429s_make_the_reading_slower_and_not_fail(zoom: Zoom) -> None:
    zoom.sandbox.fault("429", path=TRUNKS, times=2)
    assert estate.sync(zoom.master.pk)


def test_429s_without_end_end_the_reading(zoom: Zoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunks.turns.slow_down", lambda *_: None)
    zoom.sandbox.fault("429", path=TRUNKS, times=0)
    assert not estate.sync(zoom.master.pk)


@pytest.mark.parametrize(
    ("days", "said"), [(10, "Zoom said 2"), (366, "Zoom named a time a year away or more")]
)
def test_an_absurd_instant_is_not_believed_and_that_is_said(days: int, said: str) -> None:
    error = RateLimited("slow down", retry_at=datetime.now(UTC) + timedelta(days=days))
    words = settling._when(error, error.wait)
    assert "It goes on at" in words
    assert said in words
    assert "which is not believed" in words


@pytest.mark.parametrize(
    ("seconds", "daily", "wait"),
    [
        (None, False, LEAST_WAIT),
        (-5, False, LEAST_WAIT),
        (None, True, LEAST_DAILY_WAIT),
        (-3600, True, LEAST_DAILY_WAIT),
        (1, True, LEAST_DAILY_WAIT),
        (30, False, 30.1),
        (864000, False, LONGEST_WAIT),
        (20000, True, 20000.1),
        (864000, True, LONGEST_DAILY_WAIT),
    ],
)
def test_an_instant_is_believed_within_reason(seconds: float | None, daily: bool, wait: float) -> None:
    instant = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
    assert believed(instant, daily=daily) == pytest.approx(wait, abs=0.2)
