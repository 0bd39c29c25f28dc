"""The worker's pool of processes: Celery's, with two holes mended.

**A lost broker ends a whole worker** (Redis).

When a child ends, Celery's pool first forgets by what it watched it and then replaces it. The end can be seen a moment
before the system lets the child be collected; then it stays in the pool until the next look, some seconds later. A
connection to the broker that is made anew meanwhile watches every child again, stumbles over the forgotten one, and
the worker ends with "file descriptor is None" (celery/celery#9250, celery/kombu#1649).

**A killed child silences all others** (the file broker, for which Celery has another pool). There the children take
turns in reading from one pipe and writing to another, by semaphores, and what holds a semaphore and is killed holds it
for ever: an idle child waits for its next task with the one in hand, so that its death nearly always leaves a worker
that lives, takes nothing and cannot be told to end.
"""

import fcntl
import os
import tempfile
from types import TracebackType
from typing import Any

from billiard import pool
from celery.concurrency import asynpool, prefork


class ProcessPool(asynpool.AsynPool):
    """Watches its children; one whose end was seen already is left to the pool's next look, which replaces it."""

    def _track_child_process(self, proc: Any, hub: Any) -> None:
        if getattr(proc, "_sentinel_poll", self) is not None:
            super()._track_child_process(proc, hub)  # type: ignore[misc]  # celery-types does not know of it


class ProcessLock:
    """Excludes other processes, and is let go by the system when the one that holds it ends, however it ends.

    A POSIX lock on a file without a name, which every fork inherits. It does not tell threads of one process apart:
    only the parent has several that use it, and they write what a pipe takes in one piece.
    """

    def __init__(self) -> None:
        with tempfile.TemporaryFile() as file:
            self._file = os.dup(file.fileno())

    def acquire(self) -> bool:
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __del__(self) -> None:
        os.close(self._file)


class SharedPipesPool(pool.Pool):
    """Celery's pool for brokers without an event loop, whose children share two pipes."""

    def _setup_queues(self) -> None:
        super()._setup_queues()  # type: ignore[misc]  # billiard's stub does not know of it
        for queue in (self._inqueue, self._outqueue):  # type: ignore[attr-defined]  # nor of these
            queue._rlock, queue._wlock = ProcessLock(), ProcessLock()


class TaskPool(prefork.TaskPool):
    Pool = ProcessPool
    BlockingPool = SharedPipesPool
