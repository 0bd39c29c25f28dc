"""`audit.change`: the events of a change are its last statements, and stand or fall with what they tell of."""

from contextlib import suppress

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from trunks import audit
from trunks.actions import Action
from trunks.models import User
from trunks.models.audit_event import AuditEvent

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]
FRAMES = ("COMMIT", "RELEASE")


def record(on: User, comment: str) -> None:
    audit.record(Action.ROLE_GRANTED, actor=None, why="test", on=on, comment=comment)


def told() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("comment", flat=True))


def rename(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)


def test_events_are_written_last_in_the_order_in_which_they_were_recorded(staff: User) -> None:
    with CaptureQueriesContext(connection) as asked, audit.change():
        record(staff, "one")
        rename(staff)
        record(staff, "two")
        rename(staff)
    said = [query["sql"] for query in asked if not query["sql"].startswith(FRAMES)]
    updates = [place for place, sql in enumerate(said) if sql.startswith("UPDATE")]
    inserts = [place for place, sql in enumerate(said) if "INSERT INTO" in sql and "auditevent" in sql]
    assert len(updates) == len(inserts) == 2
    assert max(updates) < min(inserts)
    assert told() == ["one", "two"]


def test_within_another_change_they_wait_for_the_end_of_that(staff: User) -> None:
    with audit.change():
        with audit.change():
            record(staff, "inner")
        assert told() == []
        record(staff, "outer")
    assert told() == ["inner", "outer"]


def test_what_is_rolled_back_to_a_savepoint_takes_its_events_along(staff: User) -> None:
    with audit.change():
        record(staff, "before")
        with suppress(ZeroDivisionError), transaction.atomic():
            record(staff, "undone")
            _ = 1 / 0
        record(staff, "after")
    assert told() == ["before", "after"]


def test_a_change_that_fails_leaves_no_event_and_nothing_behind_it_either(staff: User) -> None:
    with suppress(ZeroDivisionError), audit.change():
        record(staff, "undone")
        _ = 1 / 0
    with audit.change():
        record(staff, "another")
    assert told() == ["another"]


def test_a_change_that_is_given_up_without_an_error_leaves_no_event(staff: User) -> None:
    with audit.change():
        record(staff, "undone")
        transaction.set_rollback(True)
    assert told() == []


def test_an_event_that_cannot_be_written_undoes_its_change(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(audit, "_append", full)

    def rename_and_record() -> None:
        with audit.change():
            rename(staff)
            record(staff, "undone")

    with pytest.raises(OSError, match="No space"):
        rename_and_record()
    staff.refresh_from_db()
    assert staff.is_active
