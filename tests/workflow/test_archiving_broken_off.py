"""Archiving that is broken off, done twice at once, or finds no room: the events stay, and the next try succeeds."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from errno import ENOLCK, ENOSPC
from pathlib import Path

import pytest

from tests.processes import PYTHON, ROOT
from tests.sealed import Sealed
from tests.workflow import test_archiving
from tests.workflow.test_archiving import archive, due, folder, nothing_has_left
from trunks import archives, audit, audit_archive, audit_index, seals
from trunks.models import AuditArchive
from trunks.workflow import archiving, verifying

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
sealed = test_archiving.sealed


@pytest.fixture
def months_again(db: None) -> Iterator[None]:
    """Make the tables of the months anew: in a test with real transactions, what has left stays away for the others."""
    yield
    audit.make_coming_months()


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
