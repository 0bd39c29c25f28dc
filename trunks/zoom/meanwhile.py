"""Work that is done while somebody else is waited for: the answer to a call, or a call's turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class _Work:
    do: Callable[[], object]
    begun: bool = False
    error: BaseException | None = None

    def begin(self) -> bool:
        if self.begun:
            return False
        self.begun = True
        try:
            self.do()
        except BaseException as error:
            self.error = error
            raise
        return True

    def end(self) -> None:
        self.begin()
        if self.error:
            raise self.error


_present: ContextVar[_Work | None] = ContextVar("present", default=None)


@contextmanager
def meanwhile(do: Callable[[], object]) -> Iterator[None]:
    """Have `do` done once: as soon as what is inside waits for something, and at the end of it at the latest.

    What it raises leaves the block, whatever the block itself comes to: who waits may take it for a failure of the
    network. Of a process that is being ended nothing more is asked.
    """
    work = _Work(do)
    token = _present.set(work)
    try:
        try:
            yield
        finally:
            _present.reset(token)
    except Exception:
        work.end()
        raise
    work.end()


def idle() -> bool:
    """Do what is to be done meanwhile, if anything; for whoever is about to wait. Say whether there was something."""
    work = _present.get()
    return work is not None and work.begin()
