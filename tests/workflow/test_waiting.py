"""How long a request may wait, by time stamps: shown, refused and told of, whether a sweep has run or not."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from pytest_django import Settings

from tests import cast
from tests.conftest import SignedIn
from tests.outbox import deliver, silence
from trunks import audit, tasks
from trunks.business import Calendar
from trunks.models import Notice, Occasion, Role, TrunkRequest, User
from trunks.workflow import filing, policy, reminding, review, sweeping, waiting
from trunks.workflow.errors import Stale

pytestmark = pytest.mark.sqlite

THURSDAY = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
LATE = datetime(2027, 1, 7, 10, 0, tzinfo=UTC)  # 30 business days after it


@pytest.fixture
def filed(trunk_request: TrunkRequest, settings: Settings) -> TrunkRequest:
    """Return a request that waits since Thursday, 26 November 2026, 10:00."""
    settings.CALENDAR = Calendar(frozenset(range(5)), ZoneInfo("UTC"))
    TrunkRequest.objects.update(changed_at=THURSDAY, filed_at=THURSDAY)
    Occasion.objects.update(at=THURSDAY)
    trunk_request.refresh_from_db()
    return trunk_request


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (THURSDAY, "It expires in 30 business days if nobody acts."),
        (datetime(2026, 11, 30, 9, 0, tzinfo=UTC), "It expires in 28 business days if nobody acts."),
        (datetime(2026, 12, 1, 10, 0, tzinfo=UTC), "Overdue: nobody has decided in time. It expires in 27"),
        (datetime(2027, 1, 5, 10, 0, tzinfo=UTC), "It expires in 2 business days."),
        (datetime(2027, 1, 6, 9, 0, tzinfo=UTC), "It expires in 1 business day."),
        (datetime(2027, 1, 7, 9, 0, tzinfo=UTC), "It expires within a business day."),
        (LATE, "It has expired: nobody acted on it for 30 business days."),
    ],
)
def test_the_page_says_how_the_waiting_stands(
    filed: TrunkRequest, supervisor: User, signed_in: SignedIn, moment: datetime, words: str
) -> None:
    with time_machine.travel(moment, tick=False):
        assert words in waiting.standing(filed)
        client = signed_in(supervisor)
        for address in (f"/requests/{filed.reference}/", "/approvals/"):
            assert words in client.get(address).content.decode()


def test_what_was_sent_back_waits_for_its_requester_and_is_not_overdue(
    filed: TrunkRequest, supervisor: User
) -> None:
    with time_machine.travel(THURSDAY, tick=False):
        review.send_back(filed, actor=supervisor, version=1, comment="?")
    TrunkRequest.objects.update(changed_at=THURSDAY)
    filed.refresh_from_db()
    with time_machine.travel(THURSDAY + timedelta(days=20), tick=False):
        assert "Overdue" not in waiting.standing(filed)


def test_what_was_decided_does_not_wait(filed: TrunkRequest, supervisor: User) -> None:
    with time_machine.travel(THURSDAY, tick=False):
        review.deny(filed, actor=supervisor, version=1, comment="No.")
    assert waiting.standing(filed) == ""
    assert not waiting.is_over(filed)


@pytest.mark.parametrize("verb", ["approve", "deny", "send_back"])
def test_nobody_decides_on_an_expired_request_although_no_sweep_has_run(
    filed: TrunkRequest, supervisor: User, verb: str
) -> None:
    expired = pytest.raises(Stale, match="It has expired: nobody acted on it for 30 business days")
    with time_machine.travel(LATE, tick=False), expired:
        getattr(review, verb)(filed, actor=supervisor, version=1, comment="Yes.")
    filed.refresh_from_db()
    assert (filed.state, filed.version) == ("pending", 1)


def test_right_before_it_expires_it_can_be_decided_on(filed: TrunkRequest, supervisor: User) -> None:
    with time_machine.travel(LATE - timedelta(seconds=1), tick=False):
        review.deny(filed, actor=supervisor, version=1, comment="No.")
    assert filed.state == "denied"


def test_an_expired_request_is_not_amended(filed: TrunkRequest, staff: User) -> None:
    with time_machine.travel(LATE, tick=False):
        answer = policy.may(staff, "amend", filed)
        assert (answer.allowed, answer.by_time) == (False, True)
        with pytest.raises(Stale, match="It has expired"):
            filing.amend(filed, filing.draft_of(filed), actor=staff, version=1)


def test_the_page_of_an_expired_request_answers_409_with_the_reason(
    filed: TrunkRequest, supervisor: User, signed_in: SignedIn
) -> None:
    with time_machine.travel(LATE, tick=False):
        client = signed_in(supervisor)
        assert "It has expired" in client.get(f"/requests/{filed.reference}/").content.decode()
        response = client.post(f"/requests/{filed.reference}/approve/", {"version": 1})
    assert response.status_code == 409
    assert "It has expired" in response.content.decode()


def test_the_sweep_ends_it_and_lets_go_of_its_dnis(
    filed: TrunkRequest, estate: cast.Estate, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    TrunkRequest.objects.update(changed_at=datetime(2026, 1, 5, tzinfo=UTC))
    sweeping.expire_stale()
    filed.refresh_from_db()
    assert filed.state == "expired"
    filing.file(cast.draft(estate.other_sub, estate.trunk, "18888123"), actor=staff)


def test_a_weekend_does_not_count(filed: TrunkRequest, settings: Settings) -> None:
    settings.EXPIRY_DAYS = 2
    with time_machine.travel(datetime(2026, 11, 30, 9, 59, tzinfo=UTC), tick=False):
        assert not waiting.is_over(filed)
    with time_machine.travel(datetime(2026, 11, 30, 10, 0, tzinfo=UTC), tick=False):
        assert waiting.is_over(filed)


# --- reminded and escalated -------------------------------------------------------------------------------------


def told(moment: datetime) -> list[str]:
    """Sweep at `moment` and return who got which letter."""
    with time_machine.travel(moment, tick=False):
        reminding.tell()
    return [f"{letter.to[0].split('-')[0]}: {letter.subject.split(':')[0]}" for letter in deliver()]


MONDAY_EARLY = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
REMINDED = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
ESCALATED = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)


def test_those_who_can_decide_are_reminded_once(
    filed: TrunkRequest, supervisor: User, second_supervisor: User, manager: User
) -> None:
    deliver()
    assert told(MONDAY_EARLY) == []
    assert told(REMINDED) == [
        "sam: Still waiting for a decision",
        "sue: Still waiting for a decision",
    ]
    assert told(REMINDED + timedelta(hours=1)) == []


def test_then_others_are_told_who_were_not_told_yet_and_the_page_says_so(
    filed: TrunkRequest, supervisor: User, manager: User, administrator: User, signed_in: SignedIn
) -> None:
    deliver()
    told(REMINDED)
    cast.person("New Supervisor", Role.SUPERVISOR)
    Notice.objects.filter(sent_at__isnull=False).update(sent_at=REMINDED)
    assert told(ESCALATED) == ["new: Nobody has decided in time", "mia: Nobody has decided in time"]
    assert told(ESCALATED + timedelta(days=1)) == []
    event = audit.history(filed).get(action="notice.escalated")
    assert event.comment == "Told: New Supervisor, Mia Manager"
    content = signed_in(supervisor).get(f"/requests/{filed.reference}/").content.decode()
    assert "tells others that nobody has decided in time" in content
    assert "Told: New Supervisor, Mia Manager" in content


def test_with_nobody_to_decide_administrators_are_told(filed: TrunkRequest, administrator: User) -> None:
    silence()
    assert told(ESCALATED) == ["ada: Nobody has decided in time"]


def test_without_anybody_to_tell_nothing_is_written(filed: TrunkRequest) -> None:
    silence()
    assert told(ESCALATED) == []
    assert not audit.history(filed).filter(action="notice.escalated").exists()


def test_an_amendment_begins_the_waiting_anew(filed: TrunkRequest, supervisor: User) -> None:
    silence()
    assert told(REMINDED) == ["sam: Still waiting for a decision"]
    later = datetime(2026, 12, 10, 10, 0, tzinfo=UTC)
    TrunkRequest.objects.update(changed_at=later, version=2)
    assert told(later + timedelta(hours=1)) == []
    assert told(later + timedelta(days=1)) == ["sam: Still waiting for a decision"]


def test_what_has_expired_is_not_reminded_of(filed: TrunkRequest, supervisor: User) -> None:
    silence()
    assert told(LATE) == []


def test_the_sweep_reminds(filed: TrunkRequest, supervisor: User) -> None:
    TrunkRequest.objects.update(changed_at=datetime.now(UTC) - timedelta(days=9))
    tasks.sweep()
    assert Occasion.objects.filter(topic="reminder").count() == 1
