"""What a worker does beside its tasks: it sweeps, as the loss of beat must stop nothing, and tends its processes."""

import logging
import os
import threading
from typing import Any

from billiard import pool
from celery import Task
from celery.signals import task_postrun, task_prerun, worker_process_init, worker_ready, worker_shutting_down
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections

from portal import memory

logger = logging.getLogger(__name__)
_stop = threading.Event()
# Held while the sweep may have a connection open, and while the pool forks a child.
_apart = threading.Lock()
_held: list[bool] = []
FORK_WAITS_SECONDS = 60.0
LEAVING_SECONDS = 5.0


def _before_fork() -> None:
    """Let no child be forked in the middle of a sweep, at any time at which the pool replaces one.

    A child that inherits an open connection to SQLite believes that it holds its parent's locks, writes without any,
    and breaks the database file (sqlite.org/howtocorrupt.html, 2.6). A sweep that hangs must not stop the pool.
    """
    _held.append(_apart.acquire(timeout=FORK_WAITS_SECONDS))


def _after_fork() -> None:
    if _held.pop():
        _apart.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


@task_prerun.connect
@task_postrun.connect
def look_after_connections(task: Task[..., Any], **_: Any) -> None:
    """Do around a task what Django does around a web request.

    A connection that is too old or left in the middle of something is closed, and one that broke while nothing was to
    do is found when it is next used, and replaced.
    """
    if not task.request.is_eager:
        close_old_connections()


@worker_process_init.connect
def settle(**_: Any) -> None:
    """Keep the garbage collector of a child off what it was forked with, and keep the child from lingering at its end.

    A child that is told to end waits until its parent has read everything it reported, for thirty seconds by default. A
    parent that is itself ending forgets what it handed out a moment before, reads no more, and waits for the child.
    What was done is in the database; a message that nobody acknowledged comes again and finds it there.
    """
    memory.keep_apart()
    tries = LEAVING_SECONDS / pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_INTERVAL
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = round(tries)


@worker_ready.connect
def begin(**_: Any) -> None:
    """Start sweeping beside the worker's own work, in its main process."""
    _stop.clear()
    threading.Thread(target=_run, name="sweep", daemon=True).start()


@worker_shutting_down.connect
def end(**_: Any) -> None:
    _stop.set()


def _run() -> None:
    # Imported late: this module is loaded before Django's apps are ready.
    from trunks import dispatch  # noqa: PLC0415
    from trunks.workflow import sweeping  # noqa: PLC0415

    while not _stop.is_set():
        with _apart:
            try:
                # Ringing for the task as well: that it is run shows that this worker still takes messages, which the
                # process being alive does not.
                dispatch.ring_now(dispatch.ALIVE, 0)
                sweeping.sweep_in_turn()
            except DatabaseError as error:
                # The database's own words: they name host and role, and never a password.
                logger.warning("The sweep could not read the database: %s", str(error).partition("\n")[0])
            except Exception:
                # Whatever it is, the next sweep may do without it; a thread that ended would be missed by nobody.
                logger.exception("The sweep failed.")
            finally:
                # The pool's children are forked from this process and must not inherit an open connection.
                connections.close_all()
        _stop.wait(settings.SWEEP_SECONDS)
