"""A table that is filed: as it was shown, once, and told where it stopped."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from tests import cast
from tests.workflow.test_importing import plan_of, ref, told
from trunks.models import RoleGrant, State, TrunkRequest, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import filing, importing

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


def test_what_is_filed_is_what_was_shown(estate: cast.Estate, staff: User) -> None:
    plan = plan_of(estate, staff, "Adatum Logistics,18888001", "Fourth Coffee,18888002")
    done: list[str] = []
    results = importing.file_all(plan, master=estate.master, actor=staff, done=done)
    filed = list(TrunkRequest.objects.order_by("pk"))
    assert [result.trunk_request for result in results] == filed
    assert done == [trunk_request.reference for trunk_request in filed]
    assert [filing.draft_of(trunk_request) for trunk_request in filed] == [
        one.draft.__class__(**{**vars(one.draft), "lines": list(one.draft.lines)}) for one in plan.planned
    ]
    assert {trunk_request.state for trunk_request in filed} == {State.PENDING}
    begun, *own, ended = AuditEvent.objects.order_by("id")
    assert [event.action for event in (begun, *own, ended)] == [
        "import.begun",
        "request.filed",
        "request.filed",
        "import.ended",
    ]
    assert begun.after == {"requests": 2, "lines": 2, "digest": plan.digest}
    assert ended.after == {"filed": done, "not_filed": 0, "digest": plan.digest}
    assert (ended.outcome, ended.master) == ("done", estate.master)


def test_one_that_was_taken_meanwhile_does_not_keep_the_others(estate: cast.Estate, staff: User) -> None:
    plan = plan_of(estate, staff, "Adatum Logistics,18888001", "Fourth Coffee,18888002")
    rival = filing.file(cast.draft(estate.other_sub, estate.trunk, "18888001"), actor=staff)
    lost, kept = importing.file_all(plan, master=estate.master, actor=staff, done=[])
    assert lost.trunk_request is None
    assert lost.reasons == [
        f"18888001 is taken by {rival.reference} for Fourth Coffee (waiting for a decision)."
    ]
    assert kept.trunk_request
    ended = AuditEvent.objects.order_by("id").last()
    assert ended
    assert (ended.action, ended.outcome, ended.after["not_filed"]) == ("import.ended", "failed", 1)


def test_the_same_table_again_files_nothing_twice(
    estate: cast.Estate, staff: User, second_staff: User
) -> None:
    lines = ("Adatum Logistics,18888001", "Fourth Coffee,18888002")
    first = importing.file_all(plan_of(estate, staff, *lines), master=estate.master, actor=staff, done=[])
    again = plan_of(estate, staff, *lines)
    assert again.troubles == []
    assert again.waiting == []
    assert [one.twin for one in again.planned] == [result.trunk_request for result in first]
    results = importing.file_all(again, master=estate.master, actor=staff, done=[])
    assert [result.trunk_request for result in results] == [result.trunk_request for result in first]
    assert TrunkRequest.objects.count() == 2
    assert [row for row, _, _ in told(plan_of(estate, second_staff, *lines))] == [2, 3], (
        "who is another has no twin"
    )


def test_a_role_that_was_revoked_meanwhile_files_nothing(estate: cast.Estate, staff: User) -> None:
    plan = plan_of(estate, staff, "Adatum Logistics,18888001")
    RoleGrant.objects.filter(user=staff).delete()
    [result] = importing.file_all(plan, master=estate.master, actor=User.objects.get(pk=staff.pk), done=[])
    assert result.reasons == ["Only staff for Northwind can file requests for its sub accounts."]
    assert result.who
    assert not TrunkRequest.objects.exists()
    events = AuditEvent.objects.filter(actor=staff).order_by("id").values_list("action", "outcome")
    assert list(events) == [
        ("import.begun", "done"),
        ("request.filing_refused", "refused"),
        ("import.ended", "failed"),
    ]
    assert [
        row for row, _, _ in told(plan_of(estate, User.objects.get(pk=staff.pk), "Adatum Logistics,18888001"))
    ]


def test_what_was_filed_before_the_database_gave_way_is_named(
    estate: cast.Estate, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(estate, staff, "Adatum Logistics,18888001", "Fourth Coffee,18888002")
    really = filing.file

    def once(draft: filing.Draft, *, actor: User) -> TrunkRequest:
        if TrunkRequest.objects.exists():
            raise OperationalError
        return really(draft, actor=actor)

    monkeypatch.setattr(filing, "file", once)
    done: list[str] = []
    with pytest.raises(OperationalError):
        importing.file_all(plan, master=estate.master, actor=staff, done=done)
    assert done == [ref()]
    monkeypatch.undo()
    lines = ("Adatum Logistics,18888001", "Fourth Coffee,18888002")
    again = plan_of(estate, staff, *lines)
    assert again.digest == plan.digest, "the page can be sent again as it is"
    importing.file_all(again, master=estate.master, actor=staff, done=[])
    assert TrunkRequest.objects.count() == 2
