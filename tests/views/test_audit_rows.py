"""The rows of the trail are drawn without a template: what a template would have escaped is escaped all the same."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from trunks.models.audit_event import AuditEvent
from trunks.templatetags.portal import exactly
from trunks.templatetags.rows import told, trail_rows

EVIL = "<script>alert('1')</script>"


def event(**more: object) -> AuditEvent:
    values = {"id": 7, "at": datetime(2026, 3, 10, 23, 30, 5, tzinfo=UTC), "action": "request.filed"} | more
    return AuditEvent(**values)


@pytest.mark.parametrize(
    "name",
    [
        *("action", "actor_name", "object_label", "object_id", "object_type"),
        *("comment", "sub_account_name", "master_name", "dnis"),
    ],
)
@pytest.mark.parametrize("actor", [None, 3])
def test_nothing_that_an_event_holds_becomes_markup(name: str, actor: int | None) -> None:
    drawn = trail_rows([event(**{name: EVIL, "actor_id": actor})])
    assert "<script" not in drawn
    assert "'1'" not in drawn


def test_a_row_says_when_by_the_readers_clock_what_and_for_whom() -> None:
    one = event(
        actor_id=3,
        actor_name="Sam",
        object_type="user",
        object_id="3",
        object_label="Sam",
        sub_account_name="Adatum",
        master_name="Northwind",
        dnis=" ".join(["18888123"] * 9),
        comment="x" * 200,
    )
    with timezone.override(ZoneInfo("Asia/Kathmandu")):
        drawn = trail_rows([one])
    assert '<time datetime="2026-03-10T23:30:05+00:00">11 Mar 2026, 05:15:05 +0545</time>' in drawn
    assert '<a href="/audit/people/3/">Sam</a>' in drawn
    assert 'Adatum<span class="sub">Northwind</span>' in drawn
    assert f"“{'x' * 159}…”" in drawn
    assert "18888123 18888123 18888123 18888123 188…" in drawn
    assert "of event 7" in drawn


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/New_York"])
def test_a_time_is_drawn_as_everywhere_else(zone: str) -> None:
    with timezone.override(ZoneInfo(zone)):
        for month in range(1, 13):
            at = datetime(2026, month, 28, 4 * month % 24, month, 9, 120_000, tzinfo=UTC)
            assert exactly(at) in trail_rows([event(at=at)])


def test_a_reference_does_not_break_at_its_hyphen_and_the_name_of_a_person_may() -> None:
    request = event(object_type="trunkrequest", object_id="155", object_label="TR-000155")
    person = event(object_type="user", object_id="3", object_label="Anna-Maria")
    assert ' class="nowrap">TR-000155</a>' in told(request)
    assert "nowrap" not in told(person)


def test_the_portal_itself_acts_on_a_ground_and_an_old_action_keeps_its_name() -> None:
    drawn = told(event(action="gone.done", actor_name="System (schedule)"))
    assert drawn == '<strong title="Reason: schedule">The portal</strong> gone.done'


def test_a_sign_in_under_an_address_that_nobody_has_leads_to_no_page_of_a_person() -> None:
    nobody = event(action="session.failed", object_type="user", object_id="0", object_label="unknown address")
    assert "/audit/people/" not in told(nobody)


def test_a_deed_in_the_right_of_somebody_else_says_whose() -> None:
    lent = event(actor_id=3, actor_name="Sue", on_behalf_of_name="Sam <b>")
    assert "Sue</a></strong> on behalf of Sam &lt;b&gt; filed the request" in told(lent)


def test_who_did_something_with_their_own_account_is_named_once() -> None:
    own = {"action": "session.began", "actor_id": 3, "actor_name": "Sam", "object_type": "user"}
    assert told(event(**own, object_id="3", object_label="Sam")).endswith("Sam</a></strong> signed in")
    assert told(event(**own, object_id="4", object_label="Sue")).endswith('">Sue</a>')
