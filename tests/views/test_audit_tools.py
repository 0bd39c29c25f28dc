"""What helps to find one's way in the trail: moments, both ends, and filters that can be taken out."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from tests import cast
from tests.conftest import SignedIn
from tests.views.test_audit import happened
from trunks import audit
from trunks.actions import Action
from trunks.models import TrunkRequest, User
from trunks.models.audit_event import AuditEvent


@pytest.fixture
def client(manager: User, signed_in: SignedIn) -> Client:
    return signed_in(manager)


def told(user: User, action: Action) -> list[AuditEvent]:
    return list(audit.search(user, audit.Filters(actions=(action,))))


def test_a_moment_is_jumped_to_by_the_readers_clock(client: Client, estate: cast.Estate, staff: User) -> None:
    for hour in (10, 11, 12):
        happened(estate.sub, staff, at=datetime(2026, 3, 10, hour, tzinfo=UTC), comment=f"at {hour}")
    client.cookies["tz"] = "Europe/Madrid"
    answer = client.get("/audit/?action=request.checked&at=2026-03-10T12:30", follow=True)
    assert [event.comment for event in answer.context["page"].rows] == ["at 11", "at 10"]
    assert "action=request.checked" in answer.redirect_chain[0][0]
    before_all = client.get("/audit/?at=2020-01-01T00:00", follow=True)
    assert "No event is that old" in before_all.content.decode()


@pytest.mark.parametrize("moment", ["2026-03-29T02:30", "2025-10-26T02:30:00"])
def test_an_hour_that_the_clock_leaves_out_or_has_twice_is_jumped_to_all_the_same(
    client: Client, estate: cast.Estate, staff: User, moment: str
) -> None:
    day = moment[:10]
    for hour in (0, 3):
        at = datetime.fromisoformat(f"{day}T0{hour}:00:00+00:00")
        happened(estate.sub, staff, at=at, comment=f"at {hour}")
    client.cookies["tz"] = "Europe/Madrid"
    answer = client.get(f"/audit/?action=request.checked&at={moment}", follow=True)
    assert [event.comment for event in answer.context["page"].rows] == ["at 0"]


@pytest.mark.parametrize("moment", ["soon", "9999-12-31T23:59", "0001-01-01T00:00", "%00"])
def test_an_odd_moment_is_answered(client: Client, trunk_request: TrunkRequest, moment: str) -> None:
    client.cookies["tz"] = "Asia/Tokyo"
    assert client.get(f"/audit/?at={moment}", follow=True).status_code in (200, 422)


def test_pages_lead_to_both_ends(client: Client, estate: cast.Estate, staff: User) -> None:
    for number in range(60):
        happened(estate.sub, staff, comment=f"event {number}")
    first = client.get("/audit/?rows=25").context["page"]
    assert (first.first_url, first.previous_url) == ("", "")
    last = client.get(f"/audit/{first.last_url}").context["page"]
    assert [event.comment for event in last.rows] == [f"event {number}" for number in reversed(range(25))]
    assert (last.next_url, last.last_url) == ("", "")
    above = client.get(f"/audit/{last.previous_url}").context["page"]
    assert [event.comment for event in above.rows] == [
        f"event {number}" for number in reversed(range(25, 50))
    ]
    assert client.get(f"/audit/{above.first_url}").context["page"].rows == first.rows


def test_filters_in_use_can_be_taken_out_one_by_one(
    client: Client, trunk_request: TrunkRequest, estate: cast.Estate
) -> None:
    answer = client.get(
        f"/audit/?sub_account={estate.sub.pk}&since=2026-01-05&action=request.filed&q=TR&as_words=1"
    )
    chips = {chip.title: (chip.value, chip.url) for chip in answer.context["chips"]}
    assert chips["Sub account"][0] == "Adatum Logistics"
    assert chips["From"][0] == "5 Jan 2026"
    assert chips["Actions"] == (
        "filed the request",
        f"?sub_account={estate.sub.pk}&since=2026-01-05&q=TR&as_words=1",
    )
    one = client.get(f"/audit/?object_type=trunkrequest&object_id={trunk_request.pk}")
    assert [(chip.title, chip.value) for chip in one.context["chips"]] == [
        ("Object", trunk_request.reference)
    ]
    assert f"/requests/{trunk_request.reference}/story/" in one.content.decode()
