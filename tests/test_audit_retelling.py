"""The seam by which the demo tells of a past: open where nothing is on record, and nowhere else."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from tests import trail
from trunks import audit
from trunks.actions import Action
from trunks.models import User
from trunks.models.audit_event import AuditEvent

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

LAST_YEAR = datetime(2025, 11, 3, 9, tzinfo=UTC)
SANDBOX = "http://127.0.0.1:9/v2"


def happen(user: User) -> None:
    with transaction.atomic():
        audit.record(Action.SIGNED_IN, actor=user, on=user)


def test_the_demos_empty_trail_is_told_when_and_no_event_lies_in_the_future_or_before_another(
    staff: User, settings: Settings
) -> None:
    settings.ZOOM_API_URL = SANDBOX
    if connection.vendor == "postgresql":
        with pytest.raises(audit.NotRecorded, match="own database"), audit.retelling():
            happen(staff)
        assert not AuditEvent.objects.exists()
        return
    with audit.retelling() as tell_time:
        for moment in (LAST_YEAR, LAST_YEAR - timedelta(days=9), timezone.now() + timedelta(days=9)):
            tell_time(moment)
            happen(staff)
    happen(staff)
    told = list(AuditEvent.objects.order_by("id").values_list("at", flat=True))
    assert told[:2] == [LAST_YEAR, LAST_YEAR]
    assert told[1] < told[2] <= told[3] <= timezone.now()
    assert trail.misfits() == []


def test_a_trail_that_holds_anything_is_told_nothing(staff: User, settings: Settings) -> None:
    settings.ZOOM_API_URL = SANDBOX
    happen(staff)
    with pytest.raises(audit.NotRecorded), audit.retelling():
        happen(staff)
    assert AuditEvent.objects.count() == 1


def test_beside_the_real_zoom_nothing_is_dated_by_hand(staff: User, settings: Settings) -> None:
    settings.ZOOM_API_URL = "https://api.zoom.us/v2"
    assert audit.why_not_retold()
    with pytest.raises(audit.NotRecorded), audit.retelling():
        happen(staff)
    assert not AuditEvent.objects.exists()
