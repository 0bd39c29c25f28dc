"""The demo's year: on record as if it had happened, with a whole chain, and no lie about what Zoom has."""

import io
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from tests import trail
from trunks import audit
from trunks.management.demo_year import OVERDUE, plan
from trunks.models import AuditDigest, Hold, Line, ListedTrunk, TrunkRequest, ZoomCall
from trunks.models.audit_event import AuditEvent
from trunks.sandbox.server import Sandbox
from trunks.workflow import waiting

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


@pytest.fixture
def said(settings: Settings) -> Iterator[str]:
    with Sandbox(rate_limits=False) as sandbox:
        settings.ZOOM_API_URL, settings.ZOOM_OAUTH_URL = sandbox.api_url, sandbox.oauth_url
        out = io.StringIO()
        call_command("seed_demo", stdout=out)
        yield out.getvalue()


def test_a_year_is_on_record_and_its_chain_is_whole(said: str) -> None:
    if connection.vendor == "postgresql":
        assert "No year of the past" in said
        assert TrunkRequest.objects.count() < 25
        return
    assert trail.misfits() == []
    first = AuditEvent.objects.order_by("id")[0]
    assert first.at < timezone.now() - timedelta(days=364)
    assert AuditDigest.objects.count() > 350
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"session.began", "sync.finished", "request.action_refused", "writing.stopped"} <= actions
    overdue = TrunkRequest.objects.get(numbers=OVERDUE.dnis)
    assert waiting.standing(overdue).startswith("Overdue")
    assert overdue.lines.get().hold == Hold.HELD
    _who_gave_18888123_to_customer_7()
    _what_is_held_is_what_zoom_lists()
    _nothing_was_decided_by_its_author()
    _only_people_have_an_address()
    _each_list_goes_on_from_the_one_before()


def _who_gave_18888123_to_customer_7() -> None:
    told = AuditEvent.objects.filter(dnis="18888123", sub_account_name="Customer 7").order_by("id")
    filed, approved, _, intended, answered, settled = told
    assert [event.action for event in (filed, approved)] == ["request.filed", "request.approved"]
    assert (filed.actor_name, approved.actor_name) == ("Stella Staff", "Sam Supervisor")
    assert intended.after["sip_trunks"][0]["dnis"] == "18888123"
    request = TrunkRequest.objects.get(numbers="18888123")
    assert [event.pk for event in audit.history(request)] == [event.pk for event in told]
    read, sent, read_back = request.attempts.get().calls.all()
    assert [call.status for call in (read, sent, read_back)] == [200, 201, 200]
    assert (sent.tracking_id, read_back.tracking_id) == (answered.tracking_id, settled.tracking_id)
    assert "18888123" not in read.answer
    assert "18888123" in sent.answer
    # Zoom's stand-in has it to this day, under the id that it was answered with.
    [row] = json.loads(sent.answer)["sip_trunks"]
    assert ListedTrunk.objects.get(dnis="18888123", gone_at=None).zoom_id == row["id"]
    assert row["id"] in read_back.answer


def _what_is_held_is_what_zoom_lists() -> None:
    kept = {past.dnis for past in plan() if past.fate == "kept"}
    listed = set(ListedTrunk.objects.filter(gone_at=None).values_list("dnis", flat=True))
    held = set(Line.objects.filter(hold=Hold.ASSIGNED).values_list("dnis", flat=True))
    assert kept <= listed
    assert kept <= held


def _nothing_was_decided_by_its_author() -> None:
    for filed_by, decided_by in TrunkRequest.objects.values_list("filed_by", "decisions__decided_by"):
        assert filed_by != decided_by


def _only_people_have_an_address() -> None:
    told = AuditEvent.objects.filter(at__lt=timezone.now() - timedelta(days=1)).order_by()
    assert not told.filter(actor=None).exclude(ip="").exclude(action="session.failed").exists()
    assert not told.exclude(actor=None).filter(ip="").exists()


def _each_list_goes_on_from_the_one_before() -> None:
    """What was read before a change is what was read after the one before, of each customer."""
    lists: dict[str, list[str]] = {}
    for call in ZoomCall.objects.filter(method="GET", started_at__lt=timezone.now() - timedelta(days=1)):
        lists.setdefault(call.path, []).append(call.answer)
    assert lists
    for answers in lists.values():
        assert answers[1:-1:2] == answers[2::2]
