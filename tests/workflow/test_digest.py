"""The morning mail: once a day, when its hour has come, to whoever has something waiting."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from pytest_django import Settings

from tests import cast
from tests.outbox import deliver, silence, standing
from tests.together import together
from trunks.business import Calendar
from trunks.models import How, Notice, Occasion, RoleGrant, State, Topic, TrunkRequest, User, clock
from trunks.workflow import choosing, digest, filing, review

pytestmark = pytest.mark.sqlite

THURSDAY = datetime(2026, 11, 26, 7, 30, tzinfo=UTC)  # 08:30 in Madrid
SetTime = Callable[[datetime], None]


@pytest.fixture(autouse=True)
def madrid(settings: Settings) -> None:
    settings.CALENDAR = Calendar(frozenset(range(5)), ZoneInfo("Europe/Madrid"), {THURSDAY.date()})
    settings.DIGEST_HOUR = 8


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> SetTime:
    return lambda moment: monkeypatch.setattr(clock, "read", lambda: moment)


def test_it_is_made_once_on_a_business_day_when_its_hour_has_come_there(at: SetTime, db: None) -> None:
    made = []
    for day, hour in ((26, 9), (27, 6), (27, 7), (27, 8), (27, 23), (28, 9), (29, 9), (30, 7)):
        at(datetime(2026, 11, day, hour, tzinfo=UTC))
        made.append(digest.make_due())
    assert made == [False, False, True, False, False, False, False, True]
    assert list(Occasion.objects.values_list("key", flat=True)) == ["digest:2026-11-30", "digest:2026-11-27"]


@pytest.mark.django_db(transaction=True)
def test_sweeps_at_the_same_time_make_it_once(at: SetTime) -> None:
    at(datetime(2026, 11, 27, 8, tzinfo=UTC))
    assert sorted(map(bool, together(*[digest.make_due] * 3))) == [False, False, True]


@pytest.fixture
def morning(at: SetTime) -> Callable[[], list[str]]:
    """Return a function that makes a morning mail and returns who got it, with how many things."""
    days = iter(range(27, 31))

    def make() -> list[str]:
        Occasion.objects.filter(topic=Topic.DIGEST).delete()
        at(datetime(2026, 11, 27, 9, next(days), tzinfo=UTC))
        assert digest.make_due()
        return [f"{letter.to[0].partition('-')[0]} {letter.subject}" for letter in deliver()]

    return make


def test_nothing_waits_no_mail(
    morning: Callable[[], list[str]], supervisor: User, staff: User, estate: cast.Estate
) -> None:
    assert morning() == []
    assert set(standing()) == {("Sam Supervisor", "spared"), ("Stella Staff", "spared")}


def test_it_tells_each_what_waits_for_them(
    morning: Callable[[], list[str]],
    estate: cast.Estate,
    trunk_request: TrunkRequest,
    staff: User,
    supervisor: User,
    superuser: User,
    manager: User,
) -> None:
    back = filing.file(cast.draft(estate.sub, estate.trunk, "18888555"), actor=staff)
    review.send_back(back, actor=supervisor, version=1, comment="?")
    filing.file(cast.draft(estate.sub, estate.trunk, "18888556"), actor=superuser)
    silence()
    assert morning() == [
        "stella 1 thing for you this morning",
        "sam 2 things for you this morning",
        "sol 1 thing for you this morning",
    ]
    body = str(mail.outbox[0].body)
    assert f"Sent back to you: {back}, 1 trunk for Adatum Logistics" in body
    assert f"Waits for your decision: {trunk_request}, 1 trunk for Adatum Logistics" in str(
        mail.outbox[1].body
    )


def test_what_was_kept_for_the_morning_is_told_then_and_once(
    morning: Callable[[], list[str]], trunk_request: TrunkRequest, supervisor: User
) -> None:
    choosing.choose({Topic.ASKED: How.IN_DIGEST, Topic.DIGEST: How.NEVER}, actor=supervisor)
    assert deliver() == []
    assert morning() == ["sam 1 thing for you this morning"]
    assert "Stella Staff asks: 1 trunk for Adatum Logistics" in str(mail.outbox[-1].body)
    assert Notice.objects.get(occasion__topic=Topic.ASKED).sending == "sent"
    assert morning() == []


def test_what_was_kept_about_a_master_account_that_is_no_longer_theirs_is_not_told(
    morning: Callable[[], list[str]], trunk_request: TrunkRequest, supervisor: User, estate: cast.Estate
) -> None:
    choosing.choose({Topic.ASKED: How.IN_DIGEST}, actor=supervisor)
    deliver()
    RoleGrant.objects.filter(user=supervisor).update(master=estate.foreign_master)
    assert morning() == []


def test_it_does_not_tell_of_what_was_decided_since(
    morning: Callable[[], list[str]], trunk_request: TrunkRequest, supervisor: User
) -> None:
    silence()
    TrunkRequest.objects.update(state=State.DONE)
    assert morning() == []


def test_what_there_is_no_room_for_is_said_to_be_there(
    morning: Callable[[], list[str]],
    estate: cast.Estate,
    trunk_request: TrunkRequest,
    staff: User,
    supervisor: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(digest, "MOST", 1)
    choosing.choose({Topic.ASKED: How.IN_DIGEST}, actor=supervisor)
    filing.file(cast.draft(estate.sub, estate.trunk, "18888556"), actor=staff)
    deliver()
    assert morning() == ["sam 3 things for you this morning"]
    body = str(mail.outbox[-1].body)
    assert body.count("Waits for your decision: TR-") == 1
    assert "Waits for your decision: others as well; the portal lists them all" in body
    assert body.count("Stella Staff asks") == 1
    assert "There is more of what you asked to hear; the next morning mail brings it." in body
    assert morning() == ["sam 3 things for you this morning"]
    assert "There is more" not in str(mail.outbox[-1].body)
