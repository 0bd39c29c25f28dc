"""The last event of a change goes to PostgreSQL together with the commit, and what fails there leaves nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from tests import trail
from tests.together import together
from trunks import audit
from trunks.actions import Action
from trunks.models import Role, RoleGrant, User
from trunks.models.audit_event import AuditEvent

pytestmark = pytest.mark.django_db(transaction=True)
OPEN, CLOSED = "INTRANS", "IDLE"
NOBODY = 2**31 - 1


def record(on: User, comment: str) -> None:
    audit.record(Action.ROLE_GRANTED, actor=on, on=on, comment=comment)


def told() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("comment", flat=True))


def refused_twice(staff: User, deed: Callable[[], None], error: type[Exception], words: str) -> None:
    """Demand that `deed` is refused, without a plan and with one, and that afterwards the next change is recorded."""
    for _ in range(2):
        with pytest.raises(error, match=words):
            deed()
    with audit.change():
        record(staff, "after")
    assert told() == ["planned", "after"]


@pytest.fixture
def statuses(monkeypatch: pytest.MonkeyPatch, staff: User) -> list[str]:
    """Whether the transaction was still open after each event; the connection has the plan of what writes one."""
    found: list[str] = []
    append: Callable[..., None] = audit._append

    def looked(*arguments: Any) -> None:
        append(*arguments)
        found.append(connection.connection.info.transaction_status.name)

    with audit.change():
        record(staff, "planned")
    monkeypatch.setattr(audit, "_append", looked)
    return found


def test_the_last_event_of_a_change_takes_its_commit_along(staff: User, statuses: list[str]) -> None:
    done: list[str] = []
    with audit.change():
        transaction.on_commit(lambda: done.append("after"))
        with audit.change():
            record(staff, "one")
        record(staff, "two")
    assert statuses == [OPEN, CLOSED]
    assert done == ["after"]
    assert told() == ["planned", "one", "two"]


def test_a_change_within_a_transaction_commits_nothing(staff: User, statuses: list[str]) -> None:
    with transaction.atomic():
        with audit.change():
            record(staff, "undone")
        transaction.set_rollback(True)
    assert statuses == [OPEN]
    assert told() == ["planned"]


def test_what_the_commit_refuses_leaves_neither_change_nor_event(staff: User, statuses: list[str]) -> None:
    """That the person exists is looked at when the transaction ends."""

    def grant_to_nobody() -> None:
        with audit.change():
            RoleGrant.objects.create(user_id=NOBODY, role=Role.STAFF)
            record(staff, "undone")

    refused_twice(staff, grant_to_nobody, IntegrityError, "violates foreign key")
    assert not RoleGrant.objects.filter(user_id=NOBODY).exists()


def test_an_event_that_the_database_refuses_leaves_no_change(staff: User, statuses: list[str]) -> None:
    def rename_with_an_address_that_is_too_long() -> None:
        with audit.change():
            User.objects.filter(pk=staff.pk).update(name="Renamed")
            record(User(pk=staff.pk, email="x" * 2000), "undone")

    refused_twice(staff, rename_with_an_address_that_is_too_long, DataError, "too long")
    assert User.objects.get(pk=staff.pk).name == staff.name


def test_after_a_rollback_the_plan_is_made_anew(staff: User, statuses: list[str]) -> None:
    """psycopg has the database forget all plans then."""
    with audit.change():
        User.objects.count()
        transaction.set_rollback(True)
    for comment in ("one", "two"):
        with audit.change():
            record(staff, comment)
    assert statuses == [OPEN, CLOSED]
    assert told() == ["planned", "one", "two"]


def test_a_connection_that_is_lost_there_leaves_no_change_and_is_made_anew(
    staff: User, statuses: list[str]
) -> None:
    mine = connection.connection.info.backend_pid

    def rename_while_the_server_ends_the_session() -> None:
        with audit.change():
            User.objects.filter(pk=staff.pk).update(name="Renamed")
            record(staff, "undone")
            together(lambda: trail.query(f"SELECT pg_terminate_backend({mine})"))

    with pytest.raises(OperationalError):
        rename_while_the_server_ends_the_session()
    connection.close_if_unusable_or_obsolete()
    for comment in ("one", "two"):
        with audit.change():
            record(staff, comment)
    assert statuses == [OPEN, CLOSED]
    assert told() == ["planned", "one", "two"]
    assert User.objects.get(pk=staff.pk).name == staff.name
