"""The database keeps the audit trail: it numbers, dates and chains events, and refuses every other write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import cast, trail
from tests.together import together
from trunks import audit
from trunks.actions import Action
from trunks.models import User
from trunks.models.audit_event import AuditEvent, AuditHead
from trunks.models.fields import JSONTextField

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

EVENT, HEAD = trail.TABLES
DIGEST = "trunks_auditdigest"
ARCHIVE = "trunks_auditarchive"
REVIEW = "trunks_monthreview"
ITEM = "trunks_sampleditem"
TRIGGERS = {
    "postgresql": {
        (EVENT, "audit_chain"),
        (EVENT, "audit_keep"),
        (EVENT, "audit_keep_all"),
        (HEAD, "audit_head_by_chain"),
        (HEAD, "audit_head_keep"),
        (HEAD, "audit_head_keep_all"),
        (DIGEST, "audit_digest_keep"),
        (DIGEST, "audit_digest_keep_all"),
        (ARCHIVE, "audit_archive_keep"),
        (ARCHIVE, "audit_archive_keep_all"),
    },
    "sqlite": {
        (EVENT, "audit_chain"),
        (EVENT, "audit_keep"),
        (EVENT, "audit_keep_row"),
        (EVENT, "audit_head_follows"),
        (HEAD, "audit_head_by_chain"),
        (HEAD, "audit_head_keep"),
        (HEAD, "audit_head_keep_row"),
        (DIGEST, "audit_digest_keep"),
        (DIGEST, "audit_digest_keep_row"),
        (DIGEST, "audit_digest_add"),
        (ARCHIVE, "audit_archive_keep"),
        (ARCHIVE, "audit_archive_keep_row"),
        (ARCHIVE, "audit_archive_add"),
        *((REVIEW, f"audit_review_{what}") for what in ("add", "keep", "keep_row")),
        *((ITEM, f"audit_review_item_{what}") for what in ("add", "keep", "keep_row")),
    },
}
COLUMNS = ", ".join(
    str(field.column) for field in AuditEvent._meta.concrete_fields if field.column not in ("id", "at")
)
LATER = "'2999-01-01 00:00:00+00:00'"


def record(user: User, **more: Any) -> AuditEvent:
    with transaction.atomic():
        audit.record(Action.ROLE_GRANTED, actor=user, on=user, **more)
    return AuditEvent.objects.order_by("-id")[0]


def run(sql: str) -> None:
    """Run one statement in a savepoint of its own."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_after_all_migrations_the_triggers_are_there() -> None:
    # SQLite forgets them without a word when a migration makes one of the tables anew.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"
            if connection.vendor == "sqlite"
            else "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgname LIKE 'audit_%'"
            f" AND tgrelid IN ('{EVENT}'::regclass, '{HEAD}'::regclass, '{DIGEST}'::regclass,"
            f" '{ARCHIVE}'::regclass) AND tgenabled = 'A'"
        )
        assert set(cursor.fetchall()) == TRIGGERS[connection.vendor]


@pytest.mark.parametrize(
    "sql",
    [
        f"UPDATE {EVENT} SET comment = 'x'",
        f"UPDATE {EVENT} SET id = id + 1",
        f"DELETE FROM {EVENT}",
        f"UPDATE {HEAD} SET hash = 'x'",
        f"UPDATE {HEAD} SET position = position + 1",
        f"UPDATE {HEAD} SET position = position - 1",
        f"DELETE FROM {HEAD}",
        f"INSERT INTO {HEAD} (id, position, at, hash) VALUES (1, 0, {LATER}, 'x')",
    ],
)
def test_every_other_write_is_refused(sql: str, staff: User) -> None:
    record(staff)
    with pytest.raises(IntegrityError, match="append-only"):
        run(sql)
    assert trail.misfits() == []


def test_an_event_that_is_put_in_by_hand_gets_the_place_and_time_of_its_writing_or_is_refused(
    staff: User,
) -> None:
    first = record(staff)
    by_hand = f"INSERT INTO {EVENT} (id, at, {COLUMNS}) SELECT {{id}}, {{at}}, {COLUMNS} FROM {EVENT} LIMIT 1"
    for place, at in (("1", "at"), ("3", LATER), ("7", "at"), ("2", "'2020-01-01 00:00:00+00:00'")):
        if connection.vendor == "sqlite":
            with pytest.raises(IntegrityError, match="append-only"):
                run(by_hand.format(id=place, at=at))
        else:
            run(by_hand.format(id=place, at=at))
    assert trail.misfits() == []
    last = AuditEvent.objects.order_by("-id")[0]
    assert last.id == (1 if connection.vendor == "sqlite" else 5)
    assert first.at <= last.at < datetime.now(UTC) + timedelta(seconds=10)


def something_for(field: models.Field[Any, Any]) -> st.SearchStrategy[Any]:
    """Return whatever the column can hold, none and nothing included."""
    text = st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
        max_size=min(field.max_length or 30, 30),
    )
    match field:
        case models.BigIntegerField() | models.ForeignKey():
            return st.none() | st.integers(-(2**63), 2**63 - 1)
        case JSONTextField():
            kept = text | st.none() | st.booleans() | st.integers() | st.lists(text)
            return st.dictionaries(text, kept, max_size=3)
    return text


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_database_computes_the_very_hash_that_the_chain_asks_for(
    data: st.DataObject, staff: User
) -> None:
    said = {field.attname: data.draw(something_for(field)) for field in audit._told("postgresql")}
    with transaction.atomic():
        audit._append(audit._stored(**said))
    event = AuditEvent.objects.order_by("-id")[0]
    assert {name: getattr(event, name) for name in said} == said
    assert trail.misfits() == []


def test_the_time_of_an_event_is_kept_as_every_other_time(staff: User) -> None:
    """SQLite compares times as texts: one in another form would stand in the wrong place of every question."""
    event = record(staff)
    found = AuditEvent.objects.filter(at=event.at, at__lt=event.at + timedelta(microseconds=1))
    assert list(found) == [event]
    AuditHead.objects.get(at=event.at, position=event.id)


@pytest.mark.parametrize("text", ["a\0b", "\0", "\ud800"])
def test_text_that_cannot_be_stored_is_refused_by_name(text: str, staff: User) -> None:
    with pytest.raises(audit.NotRecorded, match=r"role.granted: comment holds a character"):
        record(staff, comment=text)
    assert record(staff, after={"name": "a\0b"}).after == {"name": "a\0b"}


def test_what_is_hashed_is_the_very_text_that_is_stored(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made once: a value that wrote itself in another way the second time would break the chain."""
    made: list[str] = []

    def counted(_: JSONTextField, value: dict[str, str]) -> str:
        made.append(f'{{"{len(made)}":"{value.get("name")}"}}')
        return made[-1]

    monkeypatch.setattr(JSONTextField, "get_prep_value", counted)
    event = record(staff, before={"name": "a"}, after={"name": "b"})
    assert (event.before, event.after) == ({"0": "a"}, {"1": "b"})
    assert len(made) == 2
    monkeypatch.undo()
    assert trail.misfits() == []


def test_every_column_is_told_and_nothing_else(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[str]] = []
    monkeypatch.setattr(audit, "_append", lambda event: told.append(list(event)))
    with transaction.atomic():
        audit.record(Action.ROLE_GRANTED, actor=staff, on=staff)
    assert told == [[field.attname for field in audit._told()]]


def test_no_event_is_older_than_the_one_before_it(staff: User) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=5)
    with trail.unguarded():
        AuditHead.objects.update(at=ahead)
    assert [record(staff).at, record(staff).at] == [ahead, ahead]
    assert trail.misfits() == []


@pytest.mark.django_db(transaction=True)
def test_sixteen_writers_leave_no_gap_no_fork_and_no_deadlock() -> None:
    user = cast.person("Wilma Writer")

    def write() -> None:
        for number in range(10):
            try:
                with transaction.atomic():
                    audit.record(Action.ROLE_GRANTED, actor=user, on=user, comment=str(number))
                    if number % 5 == 4:  # what is rolled back gives its number to the next
                        raise ZeroDivisionError
            except ZeroDivisionError:
                continue

    assert together(*[write] * 16, seconds=60) == [None] * 16
    assert AuditEvent.objects.count() == 16 * 8
    assert trail.misfits() == []


def test_replacing_a_row_is_refused_where_no_delete_is_seen(staff: User) -> None:
    record(staff)
    verb = "INSERT OR REPLACE INTO" if connection.vendor == "sqlite" else "INSERT INTO"
    values = f"SELECT {{}}, {COLUMNS} FROM {EVENT} WHERE id = 1"
    tail = " ON CONFLICT DO NOTHING" if connection.vendor == "postgresql" else ""
    attacks = [f"{verb} {EVENT} (id, at, {COLUMNS}) {values.format('1, at')}{tail}"]
    if connection.vendor == "sqlite":
        hidden = f"{verb} {EVENT} (rowid, id, at, {COLUMNS}) "
        attacks += [
            hidden + values.format(f"(SELECT rowid FROM {EVENT}), 2, at"),
            f"UPDATE OR REPLACE {EVENT} SET comment = 'x'",
            f"INSERT INTO {EVENT} (id, at, {COLUMNS}) {values.format('1, at')}"
            " ON CONFLICT (id) DO UPDATE SET comment = 'x'",
        ]
    for sql in attacks:
        try:
            run(sql)
        except IntegrityError:
            assert connection.vendor == "sqlite"
    assert AuditEvent.objects.order_by("id")[0].comment == ""
    assert trail.misfits() == []
