"""Audit events in the classes of OCSF: every action has one, and no text leaves its line."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from trunks import audit, audit_export, chain, ocsf
from trunks.actions import Action, Outcome
from trunks.models import User

ROW: dict[str, Any] = {
    **dict.fromkeys(chain.FIELDS, ""),
    "id": 7,
    "at": "2026-11-26T10:00:00.123456+00:00",
    "action": "request.approved",
    "outcome": "done",
    "actor_id": 3,
    "actor_email": "sam@example.com",
    "actor_name": "Sam Supervisor",
    "object_type": "trunkrequest",
    "object_id": "42",
    "object_label": "TR-000042",
    "previous": "a" * 64,
    "hash": "b" * 64,
}


@pytest.mark.parametrize("action", Action)
def test_every_action_has_a_class_and_an_activity_that_the_class_knows(action: Action) -> None:
    kind, activity = ocsf.kind_of(action)
    assert activity in {*ocsf.ACTIVITIES[kind], ocsf.OTHER}
    event = ocsf.event_of(ROW | {"action": action.value})
    assert event["type_uid"] == kind * 100 + activity
    assert event["category_uid"] == kind // 1000
    assert event["activity_name"] == ocsf.ACTIVITIES[kind].get(activity, action.value)


def test_no_family_is_mapped_that_no_action_is_of() -> None:
    assert set(ocsf.FAMILIES) == {action.partition(".")[0] for action in Action}


@pytest.mark.parametrize(
    ("action", "uid", "thing"),
    [
        (Action.SIGNED_IN, 300201, "user"),
        (Action.FACTOR_FAILED, 300201, "user"),
        (Action.PERSON_DEACTIVATED, 300105, "user"),
        (Action.ROLE_GRANTED, 300501, "privileges"),
        (Action.REQUEST_FILED, 300401, "entity"),
        (Action.DELEGATION_ENDED, 300409, "entity"),
        (Action.PROVISIONING_INTENDED, 600303, "api"),
    ],
)
def test_what_an_event_is_about_stands_where_its_class_has_it(action: Action, uid: int, thing: str) -> None:
    event = ocsf.event_of(ROW | {"action": action.value})
    assert event["type_uid"] == uid
    assert thing in event


def test_an_event_says_who_what_when_and_how_it_came_out() -> None:
    event = ocsf.event_of(ROW | {"ip": "192.0.2.7", "user_agent": "Browser", "request_id": "r-1"})
    assert event["actor"]["user"] == {"uid": "3", "name": "Sam Supervisor", "email_addr": "sam@example.com"}
    assert event["entity"] == {"uid": "42", "name": "TR-000042", "type": "trunkrequest"}
    assert event["time"] == 1795687200123
    assert (event["status_id"], event["severity_id"]) == (1, 1)
    assert event["src_endpoint"] == {"ip": "192.0.2.7"}
    assert event["http_request"] == {"user_agent": "Browser"}
    assert event["message"] == "Sam Supervisor approved the request: TR-000042"
    metadata = event["metadata"]
    assert (metadata["sequence"], metadata["uid"], metadata["correlation_uid"]) == (7, "b" * 64, "r-1")
    assert event["unmapped"] == ROW | {"ip": "192.0.2.7", "user_agent": "Browser", "request_id": "r-1"}


@pytest.mark.parametrize(
    ("outcome", "status", "severity"), [("refused", 2, 3), ("failed", 2, 2), ("unknown", 0, 2)]
)
def test_what_did_not_go_well_is_graver(outcome: str, status: int, severity: int) -> None:
    event = ocsf.event_of(ROW | {"outcome": outcome})
    assert (event["status_id"], event["severity_id"], event["status_detail"]) == (status, severity, outcome)
    assert ocsf.line(ROW | {"outcome": outcome}).amiss


def test_an_action_that_is_no_longer_in_the_list_does_not_stop_the_stream() -> None:
    event = ocsf.event_of(ROW | {"action": "pigeon.sent"})
    assert (event["type_uid"], event["activity_name"]) == (300499, "pigeon.sent")
    assert event["message"] == "Sam Supervisor pigeon.sent: TR-000042"


def test_the_portal_itself_is_no_user() -> None:
    event = ocsf.event_of(ROW | {"actor_id": None, "actor_name": "System (expiry)"})
    assert event["actor"] == {"app_name": "System (expiry)"}
    assert "http_request" not in event
    assert event["src_endpoint"] == {"name": ocsf.PRODUCT}


@given(st.text() | st.sampled_from(["\n{}", "\r\n<34>1 - forged", "\x7f\x85\u2028\u2029\x1b[2J"]))
def test_no_text_leaves_its_line_and_none_is_changed(text: str) -> None:
    line = ocsf.line(ROW | {"object_label": text, "comment": text})
    assert line.text.isascii()
    assert not any(unicodedata.category(mark) == "Cc" for mark in line.text + line.short)
    assert json.loads(line.text)["unmapped"]["comment"] == text
    assert json.loads(line.text)["entity"]["name"] == text


def test_a_word_for_the_outcome_that_the_portal_never_writes_stops_no_stream() -> None:
    line = ocsf.line(ROW | {"outcome": "never heard of"})
    said = json.loads(line.text)
    assert (line.amiss, said["status"], said["status_detail"]) == (True, "Unknown", "never heard of")


def test_the_short_line_says_that_it_is_one() -> None:
    said = json.loads(ocsf.line(ROW).short)
    assert said["metadata"]["is_truncated"] is True
    assert "unmapped" not in said


@pytest.mark.sqlite
@pytest.mark.django_db
def test_a_line_holds_what_the_hash_can_be_computed_from(staff: User) -> None:
    with transaction.atomic():
        audit.record(Action.ROLE_GRANTED, actor=staff, on=staff, after={"z": 1, "a": "Zoë \x1b"})
    [row] = audit_export.following(0)
    said = json.loads(ocsf.line(row).text)["unmapped"]
    from_line = {name: said[name] for name in chain.FIELDS}
    moment = ocsf.line(said).at
    assert chain.link(said["previous"], from_line | {"at": moment}) == said["hash"]
    assert Outcome(said["outcome"]) is Outcome.DONE
    assert audit_export.following(1) == []
