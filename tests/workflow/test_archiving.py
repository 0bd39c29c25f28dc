"""Retention: a month leaves as a signed archive that proves it, or stays."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection
from pytest_django import Settings

from tests import trail
from tests.sealed import Sealed, clock_at, hash_anew, unguarded
from tests.test_audit_guard import run
from trunks import archives, audit_archive, audit_index, audit_roles, seals
from trunks.audit_archive import Span
from trunks.models import AuditArchive, AuditDigest, AuditEntry, AuditStream, Mark, MonthReview, User
from trunks.models.audit_event import AuditEvent, AuditHead
from trunks.receivers import File
from trunks.workflow import archiving, monthly, verifying
from trunks.workflow.errors import Invalid

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

MONTH = datetime.now(UTC).date().replace(day=1)
NEXT = audit_archive.month_after(MONTH)


def begin(month: date) -> datetime:
    return datetime(month.year, month.month, 1, 10, tzinfo=UTC)


@pytest.fixture
def sealed(settings: Settings, tmp_path: Path, staff: User) -> Sealed:
    """Return a trail with five events in a month that is over and sealed, and digests of the next one."""
    for name in ("digests", "archives"):
        (tmp_path / name).mkdir()
    settings.AUDIT_RETENTION_MONTHS = 1
    settings.AUDIT_ARCHIVE_DIR = str(tmp_path / "archives")
    portal = Sealed(settings, tmp_path / "digests", staff)
    portal.act(5)
    with unguarded():
        AuditHead.objects.update(at=begin(NEXT))
    portal.pass_days((NEXT - datetime.now(UTC).date()).days + 3)
    return portal


def due() -> list[Span]:
    with clock_at(begin(audit_archive.month_after(MONTH, 2))):
        return archiving.due()


def archive() -> AuditArchive:
    [span] = due()
    return archiving.archive(span)


def folder(sealed: Sealed) -> Path:
    return Path(sealed.settings.AUDIT_ARCHIVE_DIR)


def packed(sealed: Sealed) -> Path:
    return folder(sealed) / archives.file_name(MONTH)


def nothing_has_left() -> None:
    assert AuditEvent.objects.filter(id__lte=5).count() == 5
    assert not AuditArchive.objects.exists()
    assert trail.misfits() == []


def test_a_month_leaves_and_the_chain_is_verified_across_the_gap(sealed: Sealed) -> None:
    head = AuditEvent.objects.get(id=5).hash
    kept = archive()
    assert (kept.month, kept.last, kept.head, str(kept)) == (MONTH, 5, head, f"archive of {MONTH:%Y-%m}")
    assert AuditEvent.objects.order_by("id").values_list("id", flat=True)[0] == 6
    found = verifying.verify()
    assert (found.passed, found.problem) == (True, "")
    assert found.checked == AuditHead.objects.get().position - 5
    assert "The events up to 5 have left, in 1 signed archive." in found.notes
    event = AuditEvent.objects.order_by("-id")[0]
    assert (event.action, event.actor_name) == ("archive.made", "System (retention)")
    file = packed(sealed).name
    told = {"first": 1, "last": 5, "head": head, "file": file, "review": "never drawn"}
    assert event.after == told
    assert due() == []


def test_the_next_month_follows_the_archive_before(sealed: Sealed) -> None:
    first = archive()
    later = audit_archive.month_after(NEXT)
    with unguarded():
        AuditHead.objects.update(at=begin(later))
    sealed.days = 0
    sealed.pass_days((later - datetime.now(UTC).date()).days + 3)
    with clock_at(begin(audit_archive.month_after(later))):
        [span] = archiving.due()
    second = archiving.archive(span)
    said = archives.judge(second.statement, second.signature, sealed.settings.AUDIT_PUBLIC_KEYS)
    assert (said.first, said.previous) == (6, first.head)
    assert verifying.verify().passed


def test_what_has_left_is_no_longer_found(sealed: Sealed) -> None:
    while audit_index.catch_up():
        pass
    assert AuditEntry.objects.filter(event_id__lte=5).count() == 5
    archive()
    assert AuditEntry.objects.filter(event_id__lte=5).count() == 0


def test_the_same_guards_hold_afterwards(sealed: Sealed) -> None:
    archive()
    for sql in (
        "UPDATE trunks_auditarchive SET last = 4",
        "DELETE FROM trunks_auditarchive",
        "DELETE FROM trunks_auditevent",
    ):
        with pytest.raises(DatabaseError, match="append-only"):
            run(sql)


@pytest.mark.usefixtures("sealed")
def test_the_month_s_own_table_goes_as_a_whole() -> None:
    archive()
    tables = connection.introspection.table_names()
    assert f"trunks_auditevent_{MONTH:%Y_%m}" not in tables
    assert "trunks_auditevent" in tables


def test_nothing_leaves_by_default(sealed: Sealed) -> None:
    sealed.settings.AUDIT_RETENTION_MONTHS = 0
    assert due() == []
    sealed.settings.AUDIT_RETENTION_MONTHS = 2
    assert due() == []


def test_an_empty_trail_has_nothing_to_archive(settings: Settings) -> None:
    settings.AUDIT_RETENTION_MONTHS = 1
    assert archiving.due() == []


def without_a_folder(sealed: Sealed) -> None:
    sealed.settings.AUDIT_ARCHIVE_DIR = None


def without_a_key(sealed: Sealed) -> None:
    sealed.settings.AUDIT_SIGNING_KEY = None


def without_its_digests(_: Sealed) -> None:
    with unguarded():
        AuditDigest.objects.all().delete()


def with_a_gap(_: Sealed) -> None:
    with unguarded():
        AuditEvent.objects.filter(id=3).delete()


def not_streamed(sealed: Sealed) -> None:
    sealed.settings.AUDIT_STREAM = File(Path("/nowhere"))
    AuditStream.objects.create(position=4)


def altered(_: Sealed) -> None:
    with unguarded():
        AuditEvent.objects.filter(id=3).update(comment="It was like this.")


def rewritten(_: Sealed) -> None:
    with unguarded():
        AuditEvent.objects.filter(id=3).update(comment="It was like this.")
        hash_anew(1)


def with_a_forged_digest(_: Sealed) -> None:
    with unguarded():
        AuditDigest.objects.filter(last=5).update(signature="")


def with_a_key_of_another_day(sealed: Sealed) -> None:
    newer = Ed25519PrivateKey.generate()
    old = seals.TrustedKey(seals.public_bytes(sealed.key))
    sealed.trust(newer, old, seals.TrustedKey(seals.public_bytes(newer), since=date(2999, 1, 1)))


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (without_a_folder, "AUDIT_ARCHIVE_DIR is not set"),
        (without_a_key, "AUDIT_SIGNING_KEY is not set"),
        (without_its_digests, "its last day has no digest yet"),
        (with_a_gap, "its events are not 1 to 5 without a gap"),
        (not_streamed, "AUDIT_STREAM has got the events up to 4 only"),
        (altered, "event 3 does not follow the one before"),
        (rewritten, "a digest has another hash than the event"),
        (with_a_forged_digest, "bears a signature that does not fit"),
        (
            with_a_key_of_another_day,
            "AUDIT_SIGNING_KEY signs a manifest that is signed with key .*not valid on that day",
        ),
    ],
)
def test_a_month_that_is_not_proven_stays(deed: Callable[[Sealed], None], words: str, sealed: Sealed) -> None:
    deed(sealed)
    count = AuditEvent.objects.count()
    with pytest.raises(archiving.NotArchived, match=words):
        archive()
    assert AuditEvent.objects.count() == count
    assert not AuditArchive.objects.exists()


def review(manager: User) -> MonthReview:
    """Have managers draw the month's sample, in which nothing is, since nothing carries risk."""
    with clock_at(begin(NEXT)):
        return monthly.draw(f"{MONTH:%Y-%m}", actor=manager)


def test_a_month_stays_while_its_review_is_not_signed_off(sealed: Sealed, manager: User) -> None:
    drawn = review(manager)
    for _ in range(2):
        with pytest.raises(archiving.NotArchived, match="its review is not signed off"):
            archive()
    with pytest.raises(CommandError, match="events 1 to 5 stay here: its review is not signed off"):
        command()
    nothing_has_left()
    drawn.items.update(mark=Mark.IN_ORDER)
    monthly.sign_off(drawn, actor=manager)
    assert "(review: signed off) would leave" in command()
    archive()
    assert AuditEvent.objects.order_by("-id")[0].after["review"] == "signed off"


def test_a_month_that_has_left_can_no_longer_be_drawn(sealed: Sealed, manager: User) -> None:
    archive()
    with pytest.raises(Invalid):
        review(manager)
    assert not MonthReview.objects.exists()


def test_only_the_owner_of_the_tables_archives(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    assert audit_roles.keeper()[1]
    monkeypatch.setattr(audit_roles, "keeper", lambda: ("portal_owner", False))
    with pytest.raises(
        archiving.NotArchived, match=r"only the owner .* as the role portal_owner, which migrates"
    ):
        archive()
    nothing_has_left()


def test_events_that_changed_since_they_were_written_stay(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_archive, "remove", lambda _: False)
    with pytest.raises(archiving.NotArchived, match="no longer those that were written"):
        archive()
    nothing_has_left()


def command(*arguments: str) -> str:
    out = io.StringIO()
    with clock_at(begin(audit_archive.month_after(MONTH, 2))):
        call_command("archive_audit", *arguments, stdout=out)
    return out.getvalue()


def test_a_month_is_archived_once(sealed: Sealed) -> None:
    [span] = due()
    kept = archiving.archive(span)
    with pytest.raises((archiving.NotArchived, IntegrityError)):
        archiving.archive(span)
    assert AuditArchive.objects.get() == kept
    assert kept.envelope == (folder(sealed) / archives.manifest_name(MONTH)).read_text()
