"""Housekeeping deletes what has had its time and nothing else."""

import datetime
import os
import time

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from portal import broker, housekeeping

pytestmark = pytest.mark.sqlite


def test_messages_are_deleted_ten_minutes_after_they_were_taken() -> None:
    broker.transport_options(settings.BROKER_DIR)
    old, new = (settings.BROKER_DIR / "processed" / f"{name}.celery.msg" for name in ("old", "new"))
    for path, age in ((old, 601), (new, 500)):
        path.touch()
        os.utime(path, (time.time() - age, time.time() - age))
    housekeeping.empty_broker()
    assert not old.exists()
    assert new.exists()


@pytest.mark.django_db
def test_sessions_are_deleted_when_they_have_run_out() -> None:
    now = timezone.now()
    Session.objects.create(
        session_key="old", session_data="", expire_date=now - datetime.timedelta(seconds=1)
    )
    Session.objects.create(session_key="new", session_data="", expire_date=now + datetime.timedelta(days=1))
    housekeeping.clear_sessions()
    assert list(Session.objects.values_list("session_key", flat=True)) == ["new"]
