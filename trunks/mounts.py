"""Folders that may be another machine's: asking one that does not answer must not keep who asks.

A network file system whose server is gone leaves a call without answer and without end, and a worker that waits for it
does nothing else. So the call is made beside, and given up on when its time is over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from errno import ETIMEDOUT
from pathlib import Path
from typing import TypeVar

PATIENCE_SECONDS = 10.0

_waiting: dict[Path, threading.Thread] = {}

Answer = TypeVar("Answer")


class NoAnswer(OSError):
    """The folder does not answer; what was asked of it may still be done, some time."""


# What there is not, in whichever way: somebody took it away, or put something else there.
NOT_THERE = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


def ask(folder: Path, what: Callable[[], Answer]) -> Answer:
    """Return what `what` returns, which asks something of `folder` alone, or raise what it raises.

    Raises NoAnswer when that takes longer than PATIENCE_SECONDS, and at once while an earlier call still waits there:
    one thread of a process waits for a folder at most. It is not waited for when the process ends.
    """
    earlier = _waiting.get(folder)
    if earlier and earlier.is_alive():
        raise NoAnswer(ETIMEDOUT, "it does not answer", str(folder))
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            answers.append(what())
        except BaseException as error:  # noqa: BLE001  # raised where it was asked for
            errors.append(error)

    thread = threading.Thread(target=call, name=f"asks {folder}", daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    if thread.is_alive():
        _waiting[folder] = thread
        raise NoAnswer(ETIMEDOUT, f"no answer within {PATIENCE_SECONDS:g} seconds", str(folder))
    if errors:
        raise errors[0]
    return answers[0]
