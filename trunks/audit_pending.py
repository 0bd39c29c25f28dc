"""The events of a change that is under way: they wait, and are written as the last statements of its transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from django.db import connection, transaction

# What an event comes with, by its columns.
Stored: TypeAlias = Mapping[str, Any]


class _Waiting:
    """An event that waits; as a callback it does nothing but tell that it still stands."""

    def __init__(self, event: Stored) -> None:
        self.event = event

    def __call__(self) -> None:
        pass


_waiting: ContextVar[list[_Waiting] | None] = ContextVar("waiting", default=None)


@contextmanager
def change(write: Callable[[Stored, bool], None], *, savepoint: bool = True) -> Iterator[None]:
    """Open a transaction, or within another change a savepoint; `write` what was put off when the former ends.

    Without `savepoint` it is part of the other change, which cannot be committed after an error in it. `write` is told
    whether the event is the last, and the transaction the outermost: then it may take the commit along.
    """
    if _waiting.get() is not None:
        with transaction.atomic(savepoint=savepoint):
            yield
        return
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        waiting: list[_Waiting] = []
        before = _waiting.set(waiting)
        try:
            yield
        finally:
            _waiting.reset(before)
        if not waiting or transaction.get_rollback():
            return
        # Django drops the callbacks of a savepoint that is rolled back, whoever opened it: its events go with them.
        standing = {callback[1] for callback in connection.run_on_commit}
        events = [one.event for one in waiting if one in standing]
        for number, event in enumerate(events, 1):
            write(event, outermost and number == len(events))


def put_off(event: Stored) -> bool:
    """Let `event` wait for the end of the change that is under way; False where there is none."""
    waiting = _waiting.get()
    if waiting is None:
        return False
    waiting.append(_Waiting(event))
    transaction.on_commit(waiting[-1])
    return True
