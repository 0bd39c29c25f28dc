"""What somebody with the database can do to the events of the audit trail: each of it is found, at the right event."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, models, transaction
from django.db.utils import DatabaseError
from pytest_django import Settings

from tests.sealed import Sealed, hash_anew, unguarded
from trunks import seals
from trunks.audit_chain import Place
from trunks.models import AuditDigest, User
from trunks.models.audit_event import AuditEvent, AuditHead
from trunks.workflow import verifying
from trunks.workflow.verifying import Finding

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


@pytest.fixture
def sealed(settings: Settings, tmp_path: Path, staff: User) -> Sealed:
    """Return a trail of two days with ten events each, both sealed, and two events of today after them.

    1-10, then the digest's own event 11; 12-21, its event 22; 23 and 24.
    """
    portal = Sealed(settings, tmp_path, staff)
    for _ in range(2):
        portal.act(10)
        portal.pass_days()
    portal.act(2)
    return portal


def found() -> tuple[int | None, str]:
    """Verify all of it and return the first event that does not fit, with what is wrong."""
    finding = verifying.verify()
    return finding.bad, finding.problem


def events() -> models.QuerySet[AuditEvent]:
    return AuditEvent.objects.order_by("id")


def test_what_nobody_touched_is_in_order(sealed: Sealed) -> None:
    last = events().last()
    assert last is not None
    finding = verifying.verify()
    assert (finding.bad, finding.checked, finding.digests, finding.notes) == (None, 24, 2, ())
    assert (finding.place.position, finding.place.hash) == (24, last.hash)


def test_nothing_at_all_is_in_order(db: None) -> None:
    assert verifying.verify() == Finding(Place(), notes=verifying.verify().notes)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "action",
            "outcome",
            "actor_id",
            "actor_email",
            "actor_name",
            "object_label",
            "comment",
            "dnis",
            "ip",
        ),
        *("before", "after", "at", "master_id", "tracking_id", "portal_version", "hash", "on_behalf_of_id"),
    ],
)
def test_a_field_is_altered(sealed: Sealed, name: str) -> None:
    event = events()[6]
    kept = getattr(event, name)
    value = {
        "at": event.at + timedelta(microseconds=1),
        "before": {"x": 1},
        "after": {"place": 6, "who": "Zoe"},
        "hash": "0" * 64,
    }.get(name, 7 if name.endswith("_id") else "x")
    assert kept != value
    with unguarded():
        AuditEvent.objects.filter(id=7).update(**{name: value})
    assert found() == (
        7,
        "a field or the hash was altered, or the event does not stand where it was written.",
    )


@pytest.mark.parametrize("table", ["trunks_auditevent", "trunks_auditdigest"])
@pytest.mark.parametrize("sql", ["UPDATE {} SET hash = 'x'", "UPDATE {} SET last = 1", "DELETE FROM {}"])
def test_while_the_triggers_are_there_the_database_refuses(sealed: Sealed, sql: str, table: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.format(table))
    assert found()[0] is None


def test_a_row_is_deleted(sealed: Sealed) -> None:
    with unguarded():
        AuditEvent.objects.filter(id=5).delete()
    assert found() == (5, "the event is missing.")


def test_several_rows_are_deleted(sealed: Sealed) -> None:
    with unguarded():
        AuditEvent.objects.filter(id__in=[5, 6, 7]).delete()
    assert found() == (5, "the events 5 to 7 are missing.")


def test_rows_before_a_digest_s_last_are_deleted(sealed: Sealed) -> None:
    with unguarded():
        AuditEvent.objects.filter(id__in=[9, 10, 11]).delete()
    assert found()[0] == 9


def test_two_rows_are_swapped(sealed: Sealed) -> None:
    with unguarded():
        for old, new in ((13, 999), (16, 13), (999, 16)):
            AuditEvent.objects.filter(id=old).update(id=new)
    assert found()[0] == 13


def insert_after(position: int) -> None:
    """Make room after `position`, and put a copy of the event there with other words."""
    copy = events().get(id=position)
    for event in events().filter(id__gt=position).order_by("-id"):
        AuditEvent.objects.filter(id=event.id).update(id=event.id + 1)
    copy.id, copy.comment = position + 1, "invented"
    copy.save(force_insert=True)
    AuditHead.objects.update(position=models.F("position") + 1)


def test_one_is_inserted_in_the_middle(sealed: Sealed) -> None:
    with unguarded():
        insert_after(8)
    assert found()[0] == 9


def test_the_tail_is_rewritten_with_new_hashes(sealed: Sealed) -> None:
    with unguarded():
        AuditEvent.objects.filter(id=14).update(actor_name="Somebody Else")
        hash_anew(14)
    bad, problem = found()
    assert bad == 11
    assert problem.startswith("the events 11 to 21 were rewritten: the digest of ")


def test_one_is_inserted_and_all_after_it_hashed_anew(sealed: Sealed) -> None:
    with unguarded():
        insert_after(8)
        hash_anew(9)
    assert found()[0] == 1


def test_what_came_after_the_last_digest_can_be_rewritten_unseen_until_the_next(sealed: Sealed) -> None:
    with unguarded():
        AuditEvent.objects.filter(id=24).update(actor_name="Somebody Else")
        hash_anew(24)
    assert found()[0] is None


def test_the_trail_is_truncated(sealed: Sealed) -> None:
    with unguarded():
        AuditEvent.objects.all().delete()
        AuditHead.objects.update(position=0, hash=seals.GENESIS)
    bad, problem = found()
    assert (bad, problem.split(":")[0]) == (1, "cut off")


def test_the_trail_and_all_digests_are_truncated(sealed: Sealed) -> None:
    with unguarded():
        AuditEvent.objects.all().delete()
        AuditDigest.objects.all().delete()
        AuditHead.objects.update(position=0, hash=seals.GENESIS)
    bad, problem = found()
    assert bad == 1
    assert (
        "an older database was put back, or digests were taken out. It knows the events up to 21." in problem
    )


def test_the_tail_is_cut_off_with_the_head_set_back(sealed: Sealed) -> None:
    with unguarded():
        AuditEvent.objects.filter(id__gt=18).delete()
        AuditHead.objects.update(position=18, hash=events().get(id=18).hash)
    bad, problem = found()
    assert bad == 19
    assert problem.startswith("cut off: the digest of ")


def test_the_last_event_is_deleted_and_the_head_forgotten(sealed: Sealed) -> None:
    with unguarded():
        AuditEvent.objects.filter(id=24).delete()
    assert found() == (24, "the head of the chain is event 24, the last one there is 23.")


def test_the_head_bears_another_hash(sealed: Sealed) -> None:
    with unguarded():
        AuditHead.objects.update(hash="1" * 64)
    assert found()[0] == 24


def test_yesterday_s_backup_is_put_back(sealed: Sealed) -> None:
    newest = AuditDigest.objects.all()[0]
    with unguarded():
        AuditEvent.objects.filter(id__gt=11).delete()
        AuditDigest.objects.filter(day=newest.day).delete()
        AuditHead.objects.update(position=11, hash=events().get(id=11).hash)
    bad, problem = found()
    assert bad == 11
    assert newest.day.isoformat() in problem


def test_a_backup_that_is_worked_on_forks_from_the_second_place(sealed: Sealed) -> None:
    newest = AuditDigest.objects.all()[0]
    with unguarded():
        AuditEvent.objects.filter(id__gt=11).delete()
        AuditDigest.objects.filter(day=newest.day).delete()
        AuditHead.objects.update(position=11, hash=events().get(id=11).hash)
    sealed.act(3)
    sealed.pass_days(0)
    assert AuditDigest.objects.filter(day=newest.day).exists()
    bad, problem = found()
    assert (bad, "is another one in the second place" in problem) == (11, True)


def test_time_goes_backwards(sealed: Sealed) -> None:
    with unguarded():
        AuditEvent.objects.filter(id=23).update(at=events().get(id=23).at - timedelta(days=9))
        hash_anew(23)
    assert found() == (23, "time goes backwards: it says that it is older than the event before it.")
