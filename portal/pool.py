"""The worker's pool of processes: Celery's, with the hole mended through which a lost broker ends a whole worker.

When a child ends, Celery's pool first forgets by what it watched it and then replaces it. The end can be seen a moment
before the system lets the child be collected; then it stays in the pool until the next look, some seconds later. A
connection to the broker that is made anew meanwhile watches every child again, stumbles over the forgotten one, and
the worker ends with "file descriptor is None" (celery/celery#9250, celery/kombu#1649).
"""

from typing import Any

from celery.concurrency import asynpool, prefork


class ProcessPool(asynpool.AsynPool):
    """Watches its children; one whose end was seen already is left to the pool's next look, which replaces it."""

    def _track_child_process(self, proc: Any, hub: Any) -> None:
        if getattr(proc, "_sentinel_poll", self) is not None:
            super()._track_child_process(proc, hub)  # type: ignore[misc]  # celery-types does not know of it


class TaskPool(prefork.TaskPool):
    Pool = ProcessPool
