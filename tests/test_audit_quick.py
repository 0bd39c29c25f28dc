"""The quick way along the chain: the same bytes as the exact way, and not one event further than is in order."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import cast, trail
from tests.sealed import hash_anew
from trunks import audit, audit_chain, audit_quick
from trunks.actions import Action
from trunks.audit_chain import Place
from trunks.models import User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import verifying

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


def record(user: User, times: int = 1, **more: Any) -> None:
    for _ in range(times):
        with transaction.atomic():
            audit.record(Action.ROLE_GRANTED, actor=user, on=user, **more)


def whole(upto: int) -> Place:
    return audit_chain.follow(Place(), audit_chain.piece(0, upto))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(comment=TEXT, tracking=TEXT, value=st.none() | st.integers() | TEXT | st.lists(TEXT, max_size=3))
def test_the_quick_way_sees_the_same_bytes_as_the_exact_one(
    staff: User, comment: str, tracking: str, value: object
) -> None:
    record(staff, comment=comment, tracking_id=tracking, before={comment: value}, after={"é %s \\": value})
    last = audit_chain.ends()[0].position
    read = audit_quick._READ[connection.vendor]
    quick = [
        (
            number,
            at,
            written.decode(),
            f"{len(str(number))}:{number}{len(str(at))}:{at}{bytes(rest).decode()}",
        )
        for number, at, written, rest in read(0, last)
    ]
    assert quick == audit_chain.piece(0, last)
    assert audit_quick.prove(Place(), last, ()) == [whole(last)]


def test_places_are_told_at_the_marks_and_at_the_end_of_a_piece(
    staff: User, estate: cast.Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(staff, 7, master=estate.master, on_behalf_of=staff)
    monkeypatch.setattr(audit_quick, "PIECE", 5)
    assert [place.position for place in audit_quick.prove(Place(), 7, {2, 3, 9})] == [2, 3, 5]
    [end] = audit_quick.prove(whole(5), 7, {2, 3, 9})
    assert end == whole(7)
    assert audit_quick.prove(end, 7, ()) == []


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 8])
def test_sqlite_gives_a_few_events_at_a_time(
    staff: User, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    record(staff, 7, comment="é\n\\")
    monkeypatch.setattr(audit_quick, "AT_ONCE", at_once)
    assert [place.position for place in audit_quick.prove(Place(), 7, {1, 4})] == [1, 4, 7]
    assert audit_quick.prove(Place(), 20, {7}) == [whole(7)]
    with trail.unguarded():
        trail.run(f"UPDATE {AuditEvent._meta.db_table} SET comment = 'x' WHERE id > 5")
    assert [place.position for place in audit_quick.prove(Place(), 7, {5, 6})] == [5]


def test_what_goes_wrong_while_sqlite_reads_is_an_error_of_django_s(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(staff, 3)
    if connection.vendor == "sqlite":
        monkeypatch.setattr(audit_quick, "_select", lambda: "SELECT %s, %s FROM nowhere")
        with pytest.raises(OperationalError):
            audit_quick.prove(Place(), 3, ())
        monkeypatch.undo()
        assert audit_quick.prove(Place(), 3, ()) == [whole(3)]


def test_a_moment_without_a_fraction_is_proven(staff: User) -> None:
    record(staff, 3)
    with trail.unguarded():
        AuditEvent.objects.filter(id=2).update(at=AuditEvent.objects.get(id=2).at.replace(microsecond=0))
        hash_anew(2)
    assert audit_quick.prove(Place(), 3, ()) == [whole(3)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {} SET comment = 'x' WHERE id = 4",
        "UPDATE {} SET hash = 'short' WHERE id = 4",
        "DELETE FROM {} WHERE id = 4",
        "UPDATE {} SET id = 40 WHERE id = 4",
    ],
)
def test_nothing_is_proven_from_where_something_does_not_fit(staff: User, change: str) -> None:
    record(staff, 7)
    with trail.unguarded():
        trail.run(change.format(AuditEvent._meta.db_table))
    assert [place.position for place in audit_quick.prove(Place(), 7, {1, 2, 3, 4, 5})] == [1, 2, 3]
    assert verifying.verify().bad == 4


def test_an_event_that_is_much_older_than_the_one_before_is_not_proven(staff: User) -> None:
    record(staff, 4)
    with trail.unguarded():
        AuditEvent.objects.filter(id=3).update(at=cast.LONG_AGO)
        hash_anew(3)
    assert audit_quick.prove(Place(), 4, {2}) == [whole(2)]
    assert "time goes backwards" in verifying.verify().problem


def test_a_value_that_no_event_can_hold_is_not_proven(staff: User) -> None:
    record(staff, 3)
    table = AuditEvent._meta.db_table
    with trail.unguarded():
        if connection.vendor == "sqlite":
            sql = trail.query(f"SELECT sql FROM sqlite_master WHERE name = '{table}'")[0][0]
            loose = sql.replace('"comment" text NOT NULL', '"comment" text NULL').replace("'", "''")
            trail.run(
                "PRAGMA writable_schema = 1",
                f"UPDATE sqlite_master SET sql = '{loose}' WHERE name = '{table}'",
                "PRAGMA writable_schema = RESET",
            )
        else:
            trail.run(f"ALTER TABLE {table} ALTER comment DROP NOT NULL, ALTER hash DROP NOT NULL")
            trail.run(f"UPDATE {table} SET hash = NULL WHERE id = 3")
        trail.run(f"UPDATE {table} SET comment = NULL WHERE id = 2")
    assert [place.position for place in audit_quick.prove(Place(), 3, {1, 2})] == [1]
    finding = verifying.verify()
    assert (finding.bad, finding.problem) == (2, "a field holds something that an event cannot hold.")
    if connection.vendor == "postgresql":
        assert audit_quick.prove(Place(2, "0" * 64), 3, ()) == []


def test_sqlite_reads_events_from_their_table_and_not_through_a_copy(staff: User) -> None:
    record(staff)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {audit_quick._select()}", [0, 1])
            steps = {row[1] for row in cursor.fetchall()}
        assert not steps & {"InitCoroutine", "OpenEphemeral", "SorterOpen"}
