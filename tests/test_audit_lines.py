"""Lines that PostgreSQL puts together: to the byte what Python makes of the same events, and nothing left open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import trail
from trunks import audit, audit_export, audit_lines, audit_reading
from trunks.actions import Action
from trunks.audit_lines import FORMULA
from trunks.models import User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import exporting

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

SIGN = st.sampled_from(
    [*FORMULA[:7], *FORMULA[8:], " ", '"', ",", "\u00a0", "０", "ｱ", "\U0001f600", "A", "{", "~"]
)
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
TEXT = st.builds("".join, st.lists(SIGN | PLAIN, max_size=4))


FORMS = {
    "csv": (audit_export.as_table, audit_export.csv_pieces),
    "jsonl": (audit_export.as_objects, audit_export.json_pieces),
}
each_form = pytest.mark.parametrize("form", FORMS)


def plainly(form: str, first: int) -> bytes:
    pieces = audit_export.rows(AuditEvent.objects.all(), 2**60, audit_export.Mark(first - 1))
    return "".join(FORMS[form][0](some) for some in pieces).encode()


def quickly(form: str, first: int) -> bytes:
    pieces = FORMS[form][1](AuditEvent.objects.all(), 2**60, audit_export.Mark(first - 1))
    return b"".join(piece.data for piece in pieces)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(comment=TEXT, tracking=TEXT, after=st.dictionaries(TEXT, st.none() | TEXT, max_size=2))
def test_the_database_writes_the_same_lines_as_the_reference(
    staff: User, comment: str, tracking: str, after: dict[str, object]
) -> None:
    with transaction.atomic():
        audit.record(
            Action.ROLE_GRANTED, actor=staff, on=staff, comment=comment, tracking_id=tracking, after=after
        )
    newest = AuditEvent.objects.latest("id").id
    for form in FORMS:
        assert quickly(form, newest) == plainly(form, newest)


@each_form
@pytest.mark.parametrize("fraction", [0, 1, 120_000, 999_999])
def test_a_moment_is_written_in_the_same_way(fraction: int, form: str, staff: User) -> None:
    with transaction.atomic():
        audit.record(Action.ROLE_GRANTED, actor=staff, on=staff)
    moment = datetime(2026, 3, 29, 1, 59, 59, tzinfo=UTC) + timedelta(microseconds=fraction)
    with trail.unguarded():
        AuditEvent.objects.update(at=moment)
    assert quickly(form, 1) == plainly(form, 1)
    assert moment.isoformat().encode() in quickly(form, 1)


@each_form
@pytest.mark.parametrize(
    "altered",
    [
        *("", 'é"', "é" * 64, "\\" * 63 + '"', "A" * 64, "a" * 63, f"{'a' * 32},{'b' * 31}"),
        *("=1+1", "=" + "a" * 63, " @SUM(A1)", "'quoted", "\t=1", "＝1"),
    ],
)
def test_a_hash_that_somebody_has_altered_breaks_no_line(altered: str, form: str, staff: User) -> None:
    for _ in range(3):
        with transaction.atomic():
            audit.record(Action.ROLE_GRANTED, actor=staff, on=staff)
    with trail.unguarded():
        AuditEvent.objects.filter(id__gte=2).update(hash=altered)
    assert quickly(form, 1) == plainly(form, 1)
    assert quickly(form, 3) == plainly(form, 3)


@each_form
@pytest.mark.parametrize("altered", ["", "=" + "a" * 63, 'é"'])
def test_nor_does_that_of_an_event_that_was_not_asked_for(
    altered: str, form: str, staff: User, manager: User
) -> None:
    for number in range(4):
        with transaction.atomic():
            audit.record((Action.ROLE_GRANTED, Action.ROLE_REVOKED)[number % 2], actor=staff, on=staff)
    with trail.unguarded():
        AuditEvent.objects.filter(id=3).update(hash=altered)
    lines, making = FORMS[form]
    some = audit_reading.search(manager, audit_reading.Filters(actions=("role.revoked",)))
    expected = "".join(map(lines, audit_export.rows(some, 4))).encode()
    assert b"".join(piece.data for piece in making(some, 4)) == expected


@each_form
def test_as_the_portal_writes_them_events_are_asked_for_once(
    form: str, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exact way is for hashes that somebody has altered, since it reads the whole piece again."""
    for _ in range(3):
        with transaction.atomic():
            audit.record(Action.ROLE_GRANTED, actor=staff, on=staff, comment='=1, "2"\n3')
    expected = plainly(form, 1)
    monkeypatch.setattr(audit_lines, "_exact_table", lambda: pytest.fail("asked again"))
    monkeypatch.setattr(audit_lines, "_exact_objects", lambda: pytest.fail("asked again"))
    monkeypatch.setattr(audit_export, "PIECE", 2)
    assert quickly(form, 1) == expected


@each_form
def test_the_hash_before_is_found_in_whatever_pieces_and_with_whatever_left_out(
    form: str, staff: User, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, making = FORMS[form]
    for number in range(9):
        with transaction.atomic():
            audit.record((Action.ROLE_GRANTED, Action.ROLE_REVOKED)[number % 2], actor=staff, on=staff)
    whole = quickly(form, 1)
    monkeypatch.setattr(audit_export, "PIECE", 2)
    assert quickly(form, 1) == plainly(form, 1) == whole
    some = audit_reading.search(manager, audit_reading.Filters(actions=("role.revoked",)))
    expected = "".join(map(lines, audit_export.rows(some, 9))).encode()
    assert b"".join(piece.data for piece in making(some, 9)) == expected
    pieces = list(making(some, 9))
    assert [(piece.count, piece.first, piece.last) for piece in pieces] == [(2, 2, 4), (2, 6, 8)]
    assert [piece.hash for piece in pieces] == [AuditEvent.objects.get(id=number).hash for number in (4, 8)]


@pytest.mark.parametrize("form", ["csv", "zip", "jsonl"])
@pytest.mark.django_db(transaction=True)
def test_a_client_that_goes_away_leaves_no_cursor_and_no_transaction(
    form: str, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_export, "PIECE", 1)
    for _ in range(3):
        with transaction.atomic():
            audit.record(Action.ROLE_GRANTED, actor=manager, on=manager)
    lines = exporting.export(form, audit_reading.Filters(), actor=manager, asked="")
    next(lines)
    next(lines)
    assert not connection.in_atomic_block
    if connection.vendor == "postgresql":
        # Between two pieces, with the client still there: nothing is held that could be left behind.
        assert trail.query("SELECT count(*) FROM pg_cursors") == [(0,)]
        assert connection.connection.info.transaction_status.name == "IDLE"
    lines.close()  # type: ignore[attr-defined]  # what the server does when the client is gone
    with transaction.atomic():
        audit.record(Action.ROLE_GRANTED, actor=manager, on=manager)
    assert AuditEvent.objects.count() == 5
