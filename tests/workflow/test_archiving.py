"""Retention: a month leaves as a signed archive that proves it, or stays; and the trail can be verified afterwards."""

from __future__ import annotations

import fcntl
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from errno import EACCES, ENOLCK, ENOSPC, ETIMEDOUT
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, OperationalError, connection
from pytest_django import Settings

from tests import trail
from tests.processes import PYTHON, ROOT
from tests.sealed import Sealed, clock_at, hash_anew, unguarded
from tests.test_audit_guard import run
from trunks import archives, audit, audit_archive, audit_export, audit_index, audit_roles, mounts, seals
from trunks.audit_archive import Span
from trunks.audit_reading import Filters
from trunks.models import (
    AuditArchive,
    AuditCheck,
    AuditDigest,
    AuditEntry,
    AuditStream,
    Mark,
    MonthReview,
    Result,
    User,
)
from trunks.models.audit_event import AuditEvent, AuditHead
from trunks.receivers import File
from trunks.workflow import archiving, checks, exporting, monthly, verifying
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


@pytest.fixture
def months_again(db: None) -> Iterator[None]:
    """Make the tables of the months anew: in a test with real transactions, what has left stays away for the others."""
    yield
    audit.make_coming_months()


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


def test_every_kind_of_check_goes_on_after_the_archive(sealed: Sealed) -> None:
    early = AuditDigest.objects.order_by("day")[0]
    archive()
    assert verifying.verify(after_day=early.day).passed
    assert verifying.verify(after_day=AuditDigest.objects.order_by("-day")[0].day).passed
    sealed.act(2)
    assert verifying.verify().passed


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


def test_what_follows_an_archive_is_exported_and_streamed_with_the_hash_before_it(sealed: Sealed) -> None:
    kept = archive()
    [first, *_] = audit_export.following(0)
    assert (first["id"], first["previous"]) == (6, kept.head)
    found = AuditEvent.objects.all()
    table = b"".join(piece.data for piece in audit_export.csv_pieces(found, sys.maxsize))
    assert table == "".join(map(audit_export.as_table, audit_export.rows(found, sys.maxsize))).encode()
    assert table.splitlines()[0].endswith(f",{kept.head},{first['hash']}".encode())


def test_what_has_left_is_no_longer_found(sealed: Sealed) -> None:
    while audit_index.catch_up():
        pass
    assert AuditEntry.objects.filter(event_id__lte=5).count() == 5
    archive()
    assert AuditEntry.objects.filter(event_id__lte=5).count() == 0


def verified_elsewhere(sealed: Sealed, *files: str) -> str:
    """Return what the stand-alone verifier says, as a process that knows nothing of the portal."""
    key = sealed.settings.AUDIT_PUBLIC_KEYS[0].text
    command = [sys.executable, "-I", str(ROOT / "docs" / "verify_export.py"), *files, "--key", key]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not ended.stderr
    return ended.stdout


def test_who_has_no_portal_verifies_what_stays_after_an_archive(
    sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    archive()
    sealed.pass_days(2)
    sealed.act(2)
    zipped = b"".join(exporting.export("zip", Filters(), actor=manager, asked=""))
    with zipfile.ZipFile(io.BytesIO(zipped)) as file:
        file.extractall(tmp_path)
    given = (str(tmp_path / "events.csv"), "--proof", str(tmp_path / "proof.jsonl"))
    said = verified_elsewhere(sealed, *given)
    count, sealed_until = AuditEvent.objects.count() - 1, AuditDigest.objects.all()[0].last - 5
    assert sealed_until > 0
    assert said.startswith(f"In order: {count} events without a gap, {sealed_until} of them proven by")
    lines = b"".join(exporting.export("jsonl", Filters(), actor=manager, asked=""))
    (tmp_path / "audit.jsonl").write_bytes(lines)
    assert verified_elsewhere(sealed, str(tmp_path / "audit.jsonl")).startswith("In order: ")


def test_who_has_no_portal_finds_what_was_done_to_an_archive(sealed: Sealed) -> None:
    archive()
    whole = packed(sealed).read_bytes()
    text = gzip.decompress(whole)
    packed(sealed).write_bytes(gzip.compress(text.replace(b'"place\\":2', b'"place\\":7')))
    assert "NOT IN ORDER: event 3: a field or its hash was altered" in verified_elsewhere(
        sealed, str(packed(sealed))
    )
    for broken in (whole[:-20], whole[:200] + b"x" * 50 + whole[250:]):
        packed(sealed).write_bytes(broken)
        assert verified_elsewhere(sealed, str(packed(sealed))).startswith("Cannot be read: ")


def test_who_has_no_portal_verifies_an_archive(sealed: Sealed) -> None:
    archive()
    said = verified_elsewhere(sealed, str(packed(sealed)))
    assert said.startswith("In order: 5 events without a gap, 5 of them proven")
    said = json.loads((folder(sealed) / archives.manifest_name(MONTH)).read_text())
    manifest = archives.judge(said["statement"], said["signature"], sealed.settings.AUDIT_PUBLIC_KEYS)
    assert manifest.sha256 == archives.sha256_of(packed(sealed))


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


class Killed(BaseException):
    """The process ends here."""


def killed(*_: object, **__: object) -> None:
    raise Killed


STEPS = {
    "before the file is written": (os, "fsync"),
    "before the file has its name": (Path, "rename"),
    "before it is read back": (archives, "read_back"),
    "before the manifest is signed": (seals, "sign"),
    "before the events are taken out": (audit_archive, "remove"),
    "before the manifest is kept": (AuditArchive, "save"),
    "before it is recorded": (audit, "record"),
    "before the index forgets": (audit_index, "forget"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.usefixtures("months_again")
@pytest.mark.django_db(transaction=True)
def test_a_crash_at_any_step_leaves_the_events_and_the_next_try_succeeds(
    step: str, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(*STEPS[step], killed)
        with pytest.raises(Killed):
            archive()
    nothing_has_left()
    assert archive().last == 5
    assert verifying.verify().passed


@pytest.mark.parametrize("step", ["_packed", "_signed"])
@pytest.mark.usefixtures("months_again")
@pytest.mark.django_db(transaction=True)
def test_of_two_who_archive_a_month_at_once_neither_spoils_the_file_of_the_other(
    step: str, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    [span] = due()
    whole = getattr(archiving, step)

    def overtaken(*given: object) -> object:
        """Let the other one come first: before the events are read, or when the file was read back."""
        done = whole(*given) if step == "_signed" else None
        monkeypatch.setattr(archiving, step, whole)
        archiving.archive(span)
        return done or whole(*given)

    monkeypatch.setattr(archiving, step, overtaken)
    with pytest.raises(archiving.NotArchived):
        archiving.archive(span)
    assert AuditArchive.objects.count() == 1
    assert verifying.verify().passed


KILLED = """
import os, pathlib, signal, sys
from trunks import archives
path = pathlib.Path(sys.argv[1])
with archives.written(path, [b"half a month"]):
    assert len(list(path.parent.iterdir())) == 1
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_somebody_was_killed_over_is_removed_by_whoever_writes_the_same(tmp_path: Path) -> None:
    path = tmp_path / "audit-2026-01.jsonl.gz"
    command = [PYTHON, "-c", KILLED, str(path)]
    assert subprocess.run(command, check=False, cwd=ROOT).returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    with archives.written(path, [b"first"]), archives.written(path, [b"second"]) as second:
        assert len(list(tmp_path.iterdir())) == 2
        assert second.read_bytes() == b"second"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"first"


def test_a_folder_that_knows_no_locks_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    left = tmp_path / ".audit-2026-01.jsonl.gz.abc"
    left.touch()
    with archives.written(tmp_path / "audit-2026-01.jsonl.gz", [b"a month"]):
        pass
    assert sorted(file.name for file in tmp_path.iterdir()) == [left.name, "audit-2026-01.jsonl.gz"]


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_what_could_not_be_finished_leaves_nothing_on_a_full_disk(
    step: str, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    [span] = due()
    with monkeypatch.context() as patch:
        patch.setattr(*{"fsync": (os, "fsync"), "rename": (Path, "rename")}[step], full)
        with pytest.raises(OSError, match="No space left"):
            archiving.archive(span)
    assert list(folder(sealed).iterdir()) == []
    assert archiving.archive(span).last == 5


def test_events_that_changed_since_they_were_written_stay(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_archive, "remove", lambda _: False)
    with pytest.raises(archiving.NotArchived, match="no longer those that were written"):
        archive()
    nothing_has_left()


def spoil(sealed: Sealed) -> None:
    content = packed(sealed).read_bytes()
    packed(sealed).write_bytes(content[:-1] + b"x")


def take_away(sealed: Sealed) -> None:
    packed(sealed).unlink()


def sign_with_another_key(sealed: Sealed) -> None:
    kept = AuditArchive.objects.get()
    with unguarded():
        AuditArchive.objects.update(signature=kept.signature[::-1])


def alter_a_column(_: Sealed) -> None:
    with unguarded():
        AuditArchive.objects.update(head="f" * 64)


def put_garbage(_: Sealed) -> None:
    with unguarded():
        AuditArchive.objects.update(statement="{}")


def put_another_version(_: Sealed) -> None:
    with unguarded():
        AuditArchive.objects.update(statement='{"version":"2"}')


def signed_anew(sealed: Sealed, **changes: object) -> None:
    kept = AuditArchive.objects.get()
    text = json.dumps(json.loads(kept.statement) | changes)
    with unguarded():
        AuditArchive.objects.update(statement=text, signature=seals.sign(sealed.key, text))


def leave_unsigned(sealed: Sealed) -> None:
    signed_anew(sealed, key="")
    sealed.settings.AUDIT_PUBLIC_KEYS = []


def begin_elsewhere(sealed: Sealed) -> None:
    signed_anew(sealed, previous="f" * 64)


def contradict_a_digest(sealed: Sealed) -> None:
    signed_anew(sealed, marks={"5": "f" * 64})


def forget_the_archive(_: Sealed) -> None:
    with unguarded():
        AuditArchive.objects.all().delete()


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (spoil, "is another file than the one that was signed"),
        (take_away, "cannot be read in AUDIT_ARCHIVE_DIR: No such file"),
        (sign_with_another_key, "bears a signature that does not fit"),
        (alter_a_column, "says something else in its columns"),
        (put_garbage, "its manifest cannot be read"),
        (put_another_version, "its manifest cannot be read"),
        (leave_unsigned, "its manifest is not signed"),
        (begin_elsewhere, "does not begin where the one before ends"),
        (contradict_a_digest, "has another hash than the archive of its events"),
        (forget_the_archive, "the event is missing"),
    ],
)
def test_what_is_done_to_an_archive_is_found(
    deed: Callable[[Sealed], None], words: str, sealed: Sealed
) -> None:
    archive()
    deed(sealed)
    found = verifying.verify()
    assert not found.passed
    assert words in found.problem
    assert found.bad == 1


def test_a_folder_of_archives_that_does_not_answer_is_no_alarm(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive()
    folder, ask = Path(sealed.settings.AUDIT_ARCHIVE_DIR), mounts.ask

    def hang(asked: Path, what: Callable[[], object]) -> object:
        if asked == folder:
            raise mounts.NoAnswer(ETIMEDOUT, "it does not answer", str(folder))
        return ask(asked, what)

    monkeypatch.setattr(mounts, "ask", hang)
    check = checks.run_here(full=True)
    assert check.result == Result.BROKEN
    assert check.problem == "The folder of archives (AUDIT_ARCHIVE_DIR) cannot be read: it does not answer."
    assert AuditCheck.alarm() is None


def test_nor_is_an_archive_that_may_not_be_read(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    archive()

    def denied(_: Path) -> str:
        raise PermissionError(EACCES, "Permission denied")

    monkeypatch.setattr(archives, "sha256_of", denied)
    check = checks.run_here(full=True)
    assert check.result == Result.BROKEN
    assert check.problem == (
        f"{packed(sealed).name} in the folder of archives (AUDIT_ARCHIVE_DIR) cannot be read: Permission denied."
    )
    assert AuditCheck.alarm() is None


def test_without_the_folder_a_check_says_that_the_files_were_not_looked_at(sealed: Sealed) -> None:
    archive()
    sealed.settings.AUDIT_ARCHIVE_DIR = None
    found = verifying.verify()
    assert found.passed
    assert "their files were not looked at" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (lambda lines: lines[1:], "event 1 does not follow"),
        (lambda lines: [*lines[:4], lines[5]], "it ends with event 4"),
        (lambda lines: lines[:-1], "and not with 5 and the proof"),
        (lambda lines: [*lines, lines[0]], "something follows the proof"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "event 1 does not follow"),
    ],
    ids=[
        "the first is missing",
        "the last is missing",
        "no proof",
        "more after the proof",
        "two are swapped",
    ],
)
def test_a_file_that_does_not_hold_what_it_should_is_not_believed(
    lines: Callable[[list[str]], list[str]], words: str, sealed: Sealed
) -> None:
    archive()
    with gzip.open(packed(sealed), "rt") as file:
        written = file.readlines()
    with gzip.open(packed(sealed), "wt") as file:
        file.writelines(lines(written))
    with pytest.raises(archives.Unfit, match=words):
        archives.read_back(packed(sealed), 1, 5, seals.GENESIS, ())


def command(*arguments: str) -> str:
    out = io.StringIO()
    with clock_at(begin(audit_archive.month_after(MONTH, 2))):
        call_command("archive_audit", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_does_nothing_unless_told_to(sealed: Sealed) -> None:
    said = command()
    assert f"{MONTH:%Y-%m}: events 1 to 5 (review: never drawn) would leave." in said
    assert "Nothing was done." in said
    nothing_has_left()
    assert "events 1 to 5 (review: never drawn) have left" in command("--apply")
    assert "No month is past retention" in command()


def test_the_command_says_why_a_month_stays(sealed: Sealed) -> None:
    packed(sealed).parent.rmdir()
    with pytest.raises(CommandError, match=r"events 1 to 5 .* stay here: .*No such file"):
        command("--apply")
    nothing_has_left()


@pytest.mark.django_db(transaction=True)
def test_the_command_says_in_words_that_the_events_are_in_use(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_use(_: Span) -> bool:
        raise OperationalError("canceling statement due to lock timeout\nCONTEXT: …")

    monkeypatch.setattr(audit_archive, "remove", in_use)
    with pytest.raises(CommandError, match=r"1 to 5 .* not taken out: .*lock timeout”\. Run this again"):
        command("--apply")
    nothing_has_left()


def test_a_month_is_archived_once(sealed: Sealed) -> None:
    [span] = due()
    kept = archiving.archive(span)
    with pytest.raises((archiving.NotArchived, IntegrityError)):
        archiving.archive(span)
    assert AuditArchive.objects.get() == kept
    assert kept.envelope == (folder(sealed) / archives.manifest_name(MONTH)).read_text()
