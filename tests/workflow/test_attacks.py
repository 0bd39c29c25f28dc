"""What somebody with the database can do to the audit trail, and that each of it is found, at the right event."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
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


def forge(digest: AuditDigest, signed_by: Ed25519PrivateKey, **changes: object) -> None:
    """Sign another statement about the day of `digest` with `signed_by`, and put it in its place."""
    said = json.loads(digest.statement) | changes
    text = json.dumps(said, separators=(",", ":"))
    with unguarded():
        columns = {name: said[name] for name in ("first", "last", "head", "previous", "key")}
        AuditDigest.objects.filter(pk=digest.pk).update(
            statement=text, signature=seals.sign(signed_by, text), **columns
        )


def newest_and_oldest() -> tuple[AuditDigest, AuditDigest]:
    newest, oldest = AuditDigest.objects.all()
    return newest, oldest


def test_a_digest_is_forged_with_another_key(sealed: Sealed) -> None:
    newest, _ = newest_and_oldest()
    forge(newest, Ed25519PrivateKey.generate())
    assert found() == (11, f"the digest of {newest.day} bears a signature that does not fit.")


def test_a_digest_is_forged_with_a_key_that_names_itself(sealed: Sealed) -> None:
    _, oldest = newest_and_oldest()
    other = Ed25519PrivateKey.generate()
    name = seals.key_id(seals.public_bytes(other))
    forge(oldest, other, key=name)
    assert found() == (1, f"the digest of {oldest.day} is signed with key {name}, which is not trusted.")


def test_an_old_day_is_signed_anew_with_a_newer_key(sealed: Sealed, tmp_path: Path) -> None:
    newest, oldest = newest_and_oldest()
    newer = Ed25519PrivateKey.generate()
    old = seals.TrustedKey(seals.public_bytes(sealed.key), until=oldest.day)
    new = seals.TrustedKey(seals.public_bytes(newer), since=newest.day)
    sealed.trust(newer, old, new)
    forge(newest, newer, key=new.id)
    forge(oldest, newer, key=new.id)
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    problem = f"the digest of {oldest.day} is signed with key {new.id}, which was not valid on that day."
    assert found() == (1, problem)


def test_a_digest_is_left_unsigned(sealed: Sealed) -> None:
    _, oldest = newest_and_oldest()
    forge(oldest, sealed.key, key="")
    assert found() == (1, f"the digest of {oldest.day} is not signed, although there was a key for that day.")


def test_a_digest_is_replaced_by_one_that_the_key_has_signed(sealed: Sealed) -> None:
    _, oldest = newest_and_oldest()
    forge(oldest, sealed.key, head="2" * 64)
    assert found() == (1, f"the digest of {oldest.day} is another one in the second place.")


def test_the_digest_before_is_replaced_in_both_places(sealed: Sealed, tmp_path: Path) -> None:
    newest, oldest = newest_and_oldest()
    forge(oldest, sealed.key, earliest=None)
    (tmp_path / oldest.file_name).write_text(AuditDigest.objects.get(pk=oldest.pk).envelope)
    problem = f"the digest of {newest.day} does not follow the digest before: one was replaced or taken out."
    assert found() == (11, problem)


def test_a_day_is_taken_out(sealed: Sealed) -> None:
    sealed.pass_days()
    newest, middle, oldest = AuditDigest.objects.all()
    with unguarded():
        AuditDigest.objects.filter(pk=middle.pk).delete()
    problem = f"the digest of {newest.day} follows that of {oldest.day}: the days between have none."
    assert found() == (middle.last + 1, problem)


def test_the_first_day_is_taken_out(sealed: Sealed) -> None:
    newest, oldest = newest_and_oldest()
    with unguarded():
        AuditDigest.objects.filter(pk=oldest.pk).delete()
    assert found()[1].startswith(f"the digest of {newest.day} does not follow the digest before")


def test_a_digest_that_begins_elsewhere_is_found_although_it_is_signed(
    sealed: Sealed, tmp_path: Path
) -> None:
    newest, _ = newest_and_oldest()
    forge(newest, sealed.key, first=13, count=9)
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    assert found() == (13, f"the digest of {newest.day} does not begin where the digest before ends.")


def test_a_column_beside_the_statement_is_altered(sealed: Sealed) -> None:
    newest, _ = newest_and_oldest()
    with unguarded():
        AuditDigest.objects.filter(pk=newest.pk).update(last=20)
    assert "says something else in its columns" in found()[1]


def test_a_statement_is_no_statement(sealed: Sealed) -> None:
    newest, _ = newest_and_oldest()
    with unguarded():
        AuditDigest.objects.filter(pk=newest.pk).update(statement="{}")
    assert found() == (11, f"the digest of {newest.day} cannot be read.")


def test_a_file_is_taken_out_of_the_second_place(sealed: Sealed, tmp_path: Path) -> None:
    _, oldest = newest_and_oldest()
    (tmp_path / oldest.file_name).unlink()
    problem = f"the digest of {oldest.day} is missing in the second place, or what lies there is none."
    assert found() == (1, problem)


def test_what_has_not_arrived_in_the_second_place_is_only_noted(sealed: Sealed, tmp_path: Path) -> None:
    newest, _ = newest_and_oldest()
    (tmp_path / newest.file_name).unlink()
    finding = verifying.verify()
    assert (finding.bad, finding.notes) == (None, ("Digests that are not in the second place yet: 1.",))


def test_a_file_that_cannot_be_read_says_at_least_that_it_is_there(sealed: Sealed, tmp_path: Path) -> None:
    newest, _ = newest_and_oldest()
    (tmp_path / f"audit-{newest.day + timedelta(days=1)}.json").write_text("no JSON")
    bad, problem = found()
    assert bad == newest.last + 1
    assert problem.endswith("or digests were taken out.")


def test_without_a_key_and_a_second_place_a_check_says_what_it_cannot_show(sealed: Sealed) -> None:
    sealed.settings.AUDIT_PUBLIC_KEYS, sealed.settings.AUDIT_DIGEST_DIR = [], None
    with unguarded():
        AuditDigest.objects.all().delete()
    finding = verifying.verify()
    assert finding.bad is None
    assert [note.split(" is set")[0] for note in finding.notes] == ["No key", "No second place"]


def test_digests_of_before_there_was_a_key_are_noted(settings: Settings, tmp_path: Path, staff: User) -> None:
    portal = Sealed(settings, tmp_path, staff)
    settings.AUDIT_SIGNING_KEY, settings.AUDIT_PUBLIC_KEYS = None, []
    portal.act()
    [digest] = portal.pass_days()
    first = digest.day + timedelta(days=1)
    settings.AUDIT_PUBLIC_KEYS = [seals.TrustedKey(seals.public_bytes(portal.key), since=first)]
    assert verifying.verify().notes == ("1 digests are from before there was a signing key.",)
    settings.AUDIT_PUBLIC_KEYS = [seals.TrustedKey(seals.public_bytes(portal.key), since=digest.day)]
    assert found() == (1, f"the digest of {digest.day} is not signed, although there was a key for that day.")
