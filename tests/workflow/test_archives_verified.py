"""What is verified once a month has left, by the portal and without it, and what is found when somebody was at it."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from errno import EACCES, ETIMEDOUT
from pathlib import Path

import pytest

from tests.processes import ROOT
from tests.sealed import Sealed, unguarded
from tests.workflow import test_archiving
from tests.workflow.test_archiving import MONTH, archive, folder, packed
from trunks import archives, audit_export, mounts, seals
from trunks.audit_reading import Filters
from trunks.models import AuditArchive, AuditCheck, AuditDigest, Result, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import checks, exporting, verifying

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
sealed = test_archiving.sealed


def test_every_kind_of_check_goes_on_after_the_archive(sealed: Sealed) -> None:
    early = AuditDigest.objects.order_by("day")[0]
    archive()
    assert verifying.verify(after_day=early.day).passed
    assert verifying.verify(after_day=AuditDigest.objects.order_by("-day")[0].day).passed
    sealed.act(2)
    assert verifying.verify().passed


def test_what_follows_an_archive_is_exported_and_streamed_with_the_hash_before_it(sealed: Sealed) -> None:
    kept = archive()
    [first, *_] = audit_export.following(0)
    assert (first["id"], first["previous"]) == (6, kept.head)
    found = AuditEvent.objects.all()
    table = b"".join(piece.data for piece in audit_export.csv_pieces(found, sys.maxsize))
    assert table == "".join(map(audit_export.as_table, audit_export.rows(found, sys.maxsize))).encode()
    assert table.splitlines()[0].endswith(f",{kept.head},{first['hash']}".encode())


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
