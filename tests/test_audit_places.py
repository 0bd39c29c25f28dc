"""What the index says of where an event lies is a hint: the page shows the events, or looks everywhere."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from tests import cast
from tests.bench import events
from trunks import audit_finding, audit_index
from trunks.audit_reading import Filters
from trunks.models import AuditEntry, Role, User
from trunks.models.audit_event import AuditEvent

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

SIZE = 20


@pytest.fixture
def manager(db: None) -> User:
    return cast.person("Mona", Role.MANAGER)


def page(user: User, bound: int | None = None, *, newer: bool = False) -> audit_finding.Found:
    return audit_finding.find(user, Filters(), audit_index.standing(), bound=bound, newer=newer, size=SIZE)


def ids(found: audit_finding.Found) -> list[int]:
    return [event.pk for event in found.rows]


def test_pages_without_filters_go_through_all_events_both_ways(manager: User) -> None:
    events.populate(70)
    seen, bound = [], None
    while (found := page(manager, bound)).rows:
        seen += ids(found)
        bound = seen[-1]
        assert found.more == (bound > 1)
    assert seen == list(range(70, 0, -1))
    back = page(manager, 0, newer=True)
    assert (ids(back), back.more) == (list(range(SIZE, 0, -1)), True)
    end = page(manager, 60, newer=True)
    assert (ids(end), end.more) == (list(range(70, 60, -1)), False)


@pytest.mark.parametrize("lie", ["taken out", "moved in time"])
def test_what_somebody_did_to_the_index_hides_no_event(manager: User, lie: str) -> None:
    events.populate(70)
    some = AuditEntry.objects.filter(event_id__in=[40, 41, 45])
    some.delete() if lie == "taken out" else some.update(at=F("at") - timedelta(days=300))
    assert ids(page(manager, 51)) == list(range(50, 30, -1))


def test_events_are_asked_of_their_months_alone(manager: User) -> None:
    events.populate(70)
    standing = audit_index.standing()
    with CaptureQueriesContext(connection) as seen:
        audit_finding.find(manager, Filters(), standing, bound=51, size=SIZE)
    [asked] = [query["sql"] for query in seen if 'FROM "trunks_auditevent"' in query["sql"]]
    assert ('"at" BETWEEN' in asked) == (connection.vendor == "postgresql")
    assert ("= ANY(" in asked) == (connection.vendor == "postgresql")
    assert AuditEvent.objects.count() == 70
