"""What nobody acts on ends by itself, and what waited for Zoom is woken; processes show that they live."""

from zoneinfo import ZoneInfo

import pytest
from pytest_django import Settings

from tests import cast
from trunks import audit
from trunks.business import Calendar
from trunks.models import Heartbeat, TrunkRequest, User, clock
from trunks.workflow import filing, review, sweeping
from trunks.workflow.errors import Stale

pytestmark = pytest.mark.sqlite

DAY = 86400.0


@pytest.fixture(autouse=True)
def every_day_counts(settings: Settings) -> None:
    settings.CALENDAR = Calendar(frozenset(range(7)), ZoneInfo("UTC"))


def last_changed(trunk_request: TrunkRequest, days_ago: float) -> None:
    rows = TrunkRequest.objects.filter(pk=trunk_request.pk)
    rows.update(changed_at=clock.after(-days_ago * DAY))


def test_what_nobody_decided_on_expires_and_gives_its_dnis_back(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User
) -> None:
    last_changed(trunk_request, 30.1)
    sweeping.expire_stale()
    trunk_request.refresh_from_db()
    assert trunk_request.state == "expired"
    event = audit.history(trunk_request).last()
    assert event is not None
    assert (event.action, event.actor, event.comment) == (
        "request.expired",
        None,
        "Nobody acted on it for 30 business days.",
    )
    filing.file(cast.draft(estate.other_sub, estate.trunk, "18888123"), actor=staff)


def test_what_was_sent_back_expires_too(trunk_request: TrunkRequest, supervisor: User) -> None:
    review.send_back(trunk_request, actor=supervisor, version=1, comment="Why?")
    last_changed(trunk_request, 31)
    sweeping.expire_stale()
    trunk_request.refresh_from_db()
    assert trunk_request.state == "expired"


def test_what_is_young_or_approved_does_not_expire(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User, supervisor: User
) -> None:
    approved = filing.file(cast.draft(estate.sub, estate.trunk, "18888555"), actor=staff)
    last_changed(cast.approved(approved, supervisor), 99)
    last_changed(trunk_request, 29.9)
    sweeping.expire_stale()
    assert set(TrunkRequest.objects.values_list("state", flat=True)) == {"pending", "approved"}


def test_the_time_is_that_of_the_settings(trunk_request: TrunkRequest, settings: Settings) -> None:
    settings.EXPIRY_DAYS = 0.5
    last_changed(trunk_request, 0.6)
    sweeping.expire_stale()
    trunk_request.refresh_from_db()
    assert trunk_request.state == "expired"


def test_expiry_gives_way_to_who_was_first(
    trunk_request: TrunkRequest, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_changed(trunk_request, 31)
    expire = sweeping._expire

    def expire_too_late(stale: TrunkRequest) -> None:
        review.deny(trunk_request, actor=supervisor, version=1, comment="No.")
        expire(stale)

    monkeypatch.setattr(sweeping, "_expire", expire_too_late)
    sweeping.expire_stale()
    trunk_request.refresh_from_db()
    assert trunk_request.state == "denied"
    assert audit.last_mover(trunk_request) == audit.history(trunk_request).get(action="request.denied")


def test_who_decides_after_the_expiry_is_told(trunk_request: TrunkRequest, supervisor: User) -> None:
    last_changed(trunk_request, 31)
    sweeping.expire_stale()
    with pytest.raises(Stale, match=r"The portal let the request expire on"):
        review.approve(trunk_request, actor=supervisor, version=1)


def test_a_heart_beats_in_one_row(db: None) -> None:
    Heartbeat.write("worker")
    Heartbeat.objects.update(at=cast.LONG_AGO)
    Heartbeat.write("worker")
    Heartbeat.write("beat")
    beats = dict(Heartbeat.objects.values_list("name", "at"))
    assert set(beats) == {"worker", "beat"}
    assert all(at > cast.LONG_AGO for at in beats.values())
    assert str(Heartbeat.objects.order_by("name")[0]) == "beat"


def test_only_what_waited_for_this_master_account_is_woken(
    estate: cast.Estate,
    trunk_request: TrunkRequest,
    staff: User,
    supervisor: User,
    rung: list[tuple[str, int]],
) -> None:
    fresh = filing.file(cast.draft(estate.sub, estate.trunk, "18888555"), actor=staff)
    foreign = filing.file(cast.draft(estate.foreign_sub, estate.foreign_trunk, "70003555"), actor=staff)
    for row, tries in ((trunk_request, 2), (fresh, 0), (foreign, 2)):
        approved = TrunkRequest.objects.filter(pk=cast.approved(row, supervisor).pk)
        approved.update(tries=tries, next_attempt_at=clock.after(3600))
    sweeping.wake(estate.master)
    assert rung == [("trunks.tasks.provision", trunk_request.pk)]


def test_days_that_are_no_business_days_do_not_count(trunk_request: TrunkRequest, settings: Settings) -> None:
    settings.CALENDAR = Calendar(frozenset({0}), ZoneInfo("UTC"))
    last_changed(trunk_request, 31)
    sweeping.expire_stale()
    trunk_request.refresh_from_db()
    assert trunk_request.state == "pending"
