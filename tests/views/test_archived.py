"""What pages say of events that have left for an archive."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime

import pytest
from django.test import Client

from tests import trail
from tests.conftest import SignedIn
from trunks.models import AuditArchive, MonthReview, TrunkRequest, User
from trunks.models.audit_event import AuditEvent

pytestmark = pytest.mark.django_db

LEFT = "Events up to number 1 have left the portal in signed archives"


@pytest.fixture
def client(manager: User, signed_in: SignedIn) -> Client:
    return signed_in(manager)


@pytest.fixture
def archived(trunk_request: TrunkRequest, client: Client) -> TrunkRequest:
    """Return a request whose filing has left; another event is here."""
    client.post("/audit/files/ask/", {"format": "csv"})
    with trail.unguarded():
        AuditEvent.objects.filter(id=1).delete()
    month = trunk_request.filed_at.date().replace(day=1)
    AuditArchive.objects.create(month=month, last=1, head="a" * 64, made_at=datetime.now(UTC))
    return trunk_request


def test_the_oldest_page_of_the_trail_says_what_has_left(client: Client, archived: TrunkRequest) -> None:
    assert LEFT in client.get("/audit/").content.decode()


def test_a_page_with_older_ones_does_not(client: Client, archived: TrunkRequest, staff: User) -> None:
    for _ in range(26):
        client.get("/audit/export/?format=csv")
    newest = client.get("/audit/?rows=25").content.decode()
    assert LEFT not in newest
    assert LEFT in client.get("/audit/?rows=25&before=%5B0%5D").content.decode()


def test_without_an_archive_nothing_is_said(client: Client, trunk_request: TrunkRequest) -> None:
    assert "have left the portal" not in client.get("/audit/").content.decode()


def test_the_story_of_a_request_from_then_its_evidence_and_the_report_say_it(
    client: Client, archived: TrunkRequest
) -> None:
    address = f"/requests/{archived.reference}/story/"
    assert LEFT in client.get(address).content.decode()
    assert LEFT in client.get("/audit/health/").content.decode()
    packed = client.get(f"/requests/{archived.reference}/evidence/").content
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        page = file.read(f"{archived.reference}/evidence.html").decode()
    assert "Not all of it is here:</strong> events up to number 1 have left" in page
    with trail.unguarded():
        AuditArchive.objects.update(month=date(2020, 1, 1))
    for path in (address, "/audit/health/"):
        assert "have left the portal" not in client.get(path).content.decode()


def test_the_address_of_an_event_that_has_left_says_where_it_went(
    client: Client, archived: TrunkRequest
) -> None:
    answer = client.get("/audit/1/")
    assert (
        answer.status_code,
        f"Event 1 has left the portal, in the {AuditArchive.objects.get()}" in answer.content.decode(),
    ) == (404, True)
    assert "has left the portal" not in client.get("/audit/999/").content.decode()


def test_the_review_of_a_month_that_has_left_stays_in_the_list(
    client: Client, archived: TrunkRequest, manager: User
) -> None:
    now = datetime.now(UTC)
    MonthReview.objects.create(
        month="2020-01",
        last=1,
        head="a",
        seed="b",
        drawn_by=manager,
        drawn_at=now,
        signed_by=manager,
        signed_at=now,
    )
    page = client.get("/audit/review/").content.decode()
    assert 'href="/audit/review/2020-01/"' in page
    assert "Signed off by Mia Manager" in page
