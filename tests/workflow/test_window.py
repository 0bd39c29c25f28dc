"""The change window: bound by the approval, kept by the worker, and time to stop it until it opens."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from tests import cast
from tests.conftest import SignedIn
from trunks import audit, dispatch
from trunks.models import TrunkRequest, User
from trunks.workflow import claims, filing, review, ringing, sweeping
from trunks.workflow.content import content_of, digest_of
from trunks.workflow.errors import Invalid

pytestmark = pytest.mark.sqlite
Rings = list[tuple[str, int]]


def tonight(hours: float = 8) -> datetime:
    return (timezone.now() + timedelta(hours=hours)).replace(second=0, microsecond=0)


@pytest.fixture
def windowed(estate: cast.Estate, staff: User, settings: Settings) -> TrunkRequest:
    """Return a pending request that may not go to Zoom before tonight."""
    settings.GRACE_SECONDS = 0
    draft = cast.draft(estate.sub, estate.trunk, "18888123")
    return filing.file(replace(draft, not_before=tonight()), actor=staff)


def test_the_window_is_part_of_what_an_approval_binds(windowed: TrunkRequest, supervisor: User) -> None:
    assert digest_of(content_of(windowed)) == windowed.content_digest
    TrunkRequest.objects.update(not_before=tonight(1))
    windowed.refresh_from_db()
    assert digest_of(content_of(windowed)) != windowed.content_digest


def test_a_request_without_one_has_the_digest_it_always_had(trunk_request: TrunkRequest) -> None:
    assert "not_before" not in content_of(trunk_request)


def test_approved_it_waits_for_its_window(windowed: TrunkRequest, supervisor: User, rung: Rings) -> None:
    cast.approved(windowed, supervisor)
    windowed.refresh_from_db()
    assert windowed.next_attempt_at == windowed.not_before
    sweeping.sweep()
    assert rung == []
    assert claims.claim_approved(windowed.pk) is None


def test_no_other_way_takes_it_up_before(windowed: TrunkRequest, supervisor: User) -> None:
    cast.approved(windowed, supervisor)
    TrunkRequest.objects.update(next_attempt_at=None, tries=1)
    assert claims.claim_approved(windowed.pk) is None
    assert not ringing.ready().exists()


def test_when_it_opens_it_is_taken_up(windowed: TrunkRequest, supervisor: User, rung: Rings) -> None:
    cast.approved(windowed, supervisor)
    TrunkRequest.objects.update(next_attempt_at=cast.LONG_AGO, not_before=cast.LONG_AGO)
    sweeping.sweep()
    assert rung == [(dispatch.PROVISION, windowed.pk)]


@pytest.mark.parametrize("who", ["staff", "supervisor"])
def test_until_then_requester_and_approver_can_stop_it(
    windowed: TrunkRequest, supervisor: User, request: pytest.FixtureRequest, who: str
) -> None:
    cast.approved(windowed, supervisor)
    filing.withdraw(windowed, actor=request.getfixturevalue(who), version=2)
    assert windowed.state == "withdrawn"


def test_a_window_that_has_opened_does_not_delay(windowed: TrunkRequest, supervisor: User) -> None:
    opened = timezone.now() - timedelta(minutes=1)
    TrunkRequest.objects.update(not_before=opened)
    windowed.refresh_from_db()
    TrunkRequest.objects.update(content_digest=digest_of(content_of(windowed)))
    windowed.refresh_from_db()
    cast.approved(windowed, supervisor)
    windowed.refresh_from_db()
    assert windowed.next_attempt_at is None


def test_a_window_within_the_grace_period_changes_nothing(
    windowed: TrunkRequest, supervisor: User, settings: Settings
) -> None:
    settings.GRACE_SECONDS = 999_999
    cast.approved(windowed, supervisor)
    windowed.refresh_from_db()
    assert windowed.next_attempt_at
    assert windowed.next_attempt_at > timezone.now() + timedelta(hours=100)


@pytest.mark.parametrize(
    ("hours", "words"), [(-1, "This time is in the past."), (24 * 366, "At most a year ahead.")]
)
def test_a_window_lies_ahead_and_not_too_far(
    estate: cast.Estate, staff: User, hours: float, words: str
) -> None:
    draft = replace(cast.draft(estate.sub, estate.trunk, "18888123"), not_before=tonight(hours))
    with pytest.raises(Invalid) as caught:
        filing.file(draft, actor=staff)
    assert caught.value.problems["not_before"] == [words]


def test_who_amends_something_else_keeps_a_window_that_has_opened(
    windowed: TrunkRequest, staff: User
) -> None:
    TrunkRequest.objects.update(not_before=cast.LONG_AGO)
    windowed.refresh_from_db()
    draft = replace(filing.draft_of(windowed), reason="Better reason")
    filing.amend(windowed, draft, actor=staff, version=1)
    assert windowed.not_before == cast.LONG_AGO


def test_an_amended_window_is_in_the_trail_before_and_after(windowed: TrunkRequest, staff: User) -> None:
    was = windowed.not_before
    assert was
    later = was + timedelta(hours=2)
    filing.amend(windowed, replace(filing.draft_of(windowed), not_before=later), actor=staff, version=1)
    event = audit.history(windowed).get(action="request.amended")
    assert event.before["not_before"] == was.astimezone(UTC).isoformat()
    assert event.after["not_before"] == later.astimezone(UTC).isoformat()
    filing.amend(windowed, replace(filing.draft_of(windowed), not_before=None), actor=staff, version=2)
    assert windowed.not_before is None


def form(estate: cast.Estate, **more: str) -> dict[str, str]:
    return {
        "sub_account": str(estate.sub.pk),
        "kind": "assign",
        "reason": "Moves at night",
        "lines-0-trunk": str(estate.trunk.pk),
        "lines-0-dnis": "18888123",
        **more,
    }


def test_the_form_takes_it_in_the_persons_zone_and_says_which(
    estate: cast.Estate, staff: User, supervisor: User, signed_in: SignedIn
) -> None:
    client = signed_in(staff)
    client.cookies["tz"] = "Asia/Tokyo"
    assert "When the change window opens, in Asia/Tokyo" in client.get("/requests/new/").content.decode()
    day = (timezone.now() + timedelta(days=3)).date()
    response = client.post("/requests/new/", form(estate, not_before=f"{day}T22:00"))
    assert response.status_code == 302
    filed = TrunkRequest.objects.get()
    assert filed.not_before == datetime(day.year, day.month, day.day, 13, 0, tzinfo=UTC)
    content = client.get(f"/requests/{filed.reference}/").content.decode()
    assert "22:00:00 JST" in content
    assert "Change window:" in content
    assert f'value="{day}T22:00"' in client.get(f"/requests/{filed.reference}/amend/").content.decode()
    other = signed_in(supervisor)
    assert "13:00:00 UTC" in other.get("/approvals/").content.decode()


@pytest.mark.parametrize("typed", ["tonight", "2020-01-01T22:00"])
def test_what_is_no_time_ahead_is_said_beside_the_field_and_kept(
    estate: cast.Estate, staff: User, signed_in: SignedIn, typed: str
) -> None:
    response = signed_in(staff).post("/requests/new/", form(estate, not_before=typed))
    assert response.status_code == 422
    content = response.content.decode()
    assert f'value="{typed}"' in content
    assert 'href="#id_not_before"' in content
    assert not TrunkRequest.objects.exists()


def test_denying_needs_no_window(windowed: TrunkRequest, supervisor: User) -> None:
    review.deny(windowed, actor=supervisor, version=1, comment="No.")
    assert windowed.state == "denied"
