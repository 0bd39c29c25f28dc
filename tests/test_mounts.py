"""Asking a folder that may never answer."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from trunks import mounts

FOLDER = Path("/a/folder")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "PATIENCE_SECONDS", 0.05)


def test_what_is_asked_is_returned_or_raised() -> None:
    assert mounts.ask(FOLDER, lambda: 7) == 7
    with pytest.raises(FileNotFoundError):
        mounts.ask(FOLDER, Path("/nowhere/at/all").stat)


def test_a_folder_that_does_not_answer_is_given_up_on_and_keeps_one_thread() -> None:
    back, asked = threading.Event(), []

    def hang() -> bool:
        asked.append(1)
        return back.wait(10)

    with pytest.raises(mounts.NoAnswer, match="no answer within") as gone:
        mounts.ask(FOLDER, hang)
    assert (gone.value.errno, gone.value.filename) == (errno.ETIMEDOUT, str(FOLDER))
    with pytest.raises(mounts.NoAnswer, match="it does not answer"):
        mounts.ask(FOLDER, hang)
    assert asked == [1]
    assert mounts.ask(Path("/another"), lambda: 8) == 8
    back.set()
    mounts._waiting[FOLDER].join(10)
    assert mounts.ask(FOLDER, lambda: 9) == 9
