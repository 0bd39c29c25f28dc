"""The second place of the daily digests: what comes into it, and what becomes of it when it is away or full."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from errno import ENOSPC
from pathlib import Path

import pytest
from django.utils import timezone

from tests.sealed import Sealed
from tests.workflow import test_sealing
from tests.workflow.test_sealing import told
from trunks import audit, mounts, seals
from trunks.models import AuditDigest, Heartbeat, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import sealing, second_place, verifying

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
sealed = test_sealing.sealed


def test_the_second_place_holds_what_was_signed(sealed: Sealed, tmp_path: Path) -> None:
    sealed.act()
    [digest] = sealed.pass_days()
    [file] = tmp_path.iterdir()
    assert file.name == f"audit-{digest.day}.json"
    assert json.loads(file.read_text()) == {"statement": digest.statement, "signature": digest.signature}


def test_what_nobody_has_signed_does_not_come_into_the_second_place(sealed: Sealed) -> None:
    sealed.act()
    [digest] = sealed.pass_days()
    before = seals.fingerprint(digest.statement)
    said = seals.Statement(digest.day + timedelta(days=3000), 3, 2, digest.head, before, None, None, "")
    columns = {"first": 3, "last": 2, "head": said.head, "previous": before, "made_at": timezone.now()}
    AuditDigest.objects.create(day=said.day, statement=said.text(), **columns)
    sealing.deliver()
    assert second_place.days() == [digest.day]
    problem = f"the digest of {said.day} is not signed, although there was a key for that day."
    assert verifying.verify().problem == problem
    sealed.settings.AUDIT_PUBLIC_KEYS = []
    sealing.deliver()
    assert second_place.days() == [digest.day, said.day]


def test_a_file_is_never_written_again(sealed: Sealed, tmp_path: Path) -> None:
    sealed.act()
    sealed.pass_days(3)
    oldest, _, newest = sorted(tmp_path.iterdir())
    oldest.unlink()
    newest.write_text("something else")
    sealing.deliver()
    assert not oldest.exists()
    assert newest.read_text() == "something else"


def test_a_second_place_that_is_back_gets_what_it_missed(sealed: Sealed, tmp_path: Path) -> None:
    sealed.act()
    sealed.settings.AUDIT_DIGEST_DIR = str(tmp_path / "away")
    [first] = sealed.pass_days()
    [second] = sealed.pass_days()
    assert told(first) == ["digest.made", "digest.not_sent"]
    assert audit.history(first)[1].comment == "AUDIT_DIGEST_DIR: No such file or directory"
    sealed.pass_days(0)
    assert told(second) == ["digest.made", "digest.not_sent"]
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "README").touch()
    sealing.make_due()
    assert second_place.days() == [first.day, second.day]


def test_a_second_place_without_room_is_not_filled_with_what_was_begun(
    sealed: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(ENOSPC, "No space left on device")

    sealed.act()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        [digest] = sealed.pass_days()
        sealing.deliver()
    assert list(tmp_path.iterdir()) == []
    event = audit.history(digest).last()
    assert event is not None
    assert event.comment == "AUDIT_DIGEST_DIR: No space left on device"
    sealing.deliver()
    assert second_place.days() == [digest.day]


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Have no folder answer, as one of a machine that is gone, until the event is set."""
    back, listed = threading.Event(), Path.iterdir

    def hang(folder: Path) -> Iterator[Path]:
        back.wait(30)
        return listed(folder)

    monkeypatch.setattr(mounts, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(Path, "iterdir", hang)
    yield back
    back.set()


def test_a_second_place_that_does_not_answer_keeps_no_worker(
    sealed: Sealed, tmp_path: Path, manager: User, hung: threading.Event
) -> None:
    sealed.act()
    [digest] = sealed.pass_days()
    assert told(digest) == ["digest.made", "digest.not_sent", "digest.sent"]
    said = audit.history(digest)[1].comment
    assert said == "AUDIT_DIGEST_DIR: no answer within 0.1 seconds"
    assert not Heartbeat.objects.filter(name=Heartbeat.SECOND_PLACE).exists()
    with pytest.raises(OSError, match="it does not answer"):
        verifying.verify()
    hung.set()
    mounts._waiting[tmp_path].join(10)
    sealing.deliver()
    assert second_place.days() == [digest.day]
    assert Heartbeat.objects.filter(name=Heartbeat.SECOND_PLACE).exists()


def test_a_digest_that_does_not_answer_is_not_one_that_is_missing(
    sealed: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed.act()
    [digest] = sealed.pass_days()
    path = tmp_path / digest.file_name
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(mounts, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(mounts.NoAnswer):
        verifying.verify()
    path.open("w").close()  # nobody is left waiting
    mounts._waiting[tmp_path].join(10)


def test_a_second_place_that_is_away_before_the_first_digest_stops_nothing(sealed: Sealed) -> None:
    sealed.settings.AUDIT_DIGEST_DIR = "/nowhere"
    sealing.deliver()
    assert not AuditEvent.objects.exists()


def test_without_a_second_place_nothing_is_written(sealed: Sealed, tmp_path: Path) -> None:
    sealed.settings.AUDIT_DIGEST_DIR = None
    sealed.act()
    assert len(sealed.pass_days()) == 1
    assert (second_place.days(), list(tmp_path.iterdir())) == ([], [])
