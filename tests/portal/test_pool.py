"""A child that ends just before the broker's connection is made anew ends no worker, and a killed one silences none."""

import fcntl
import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import billiard
import pytest
from celery.concurrency import get_implementation, prefork
from kombu.asynchronous.hub import Hub

from portal import celery_settings
from portal.pool import ProcessLock, ProcessPool, SharedPipesPool, TaskPool


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub()
    yield made
    made.close()


@pytest.fixture
def pool() -> Any:
    """Return a pool without processes: only how it watches them is asked."""
    return ProcessPool.__new__(ProcessPool)


def test_the_worker_uses_this_pool() -> None:
    assert get_implementation(celery_settings.worker_pool) is TaskPool
    assert issubclass(TaskPool, prefork.TaskPool)
    # Which of the two is taken is Celery's choice, by whether the broker has an event loop.
    assert (TaskPool.Pool, TaskPool.BlockingPool) == (ProcessPool, SharedPipesPool)


def test_a_child_whose_end_was_seen_is_not_watched_again(pool: Any, hub: Hub) -> None:
    """Celery asks the hub to watch None, which Kombu answers with a ValueError that ends the worker."""
    pool._track_child_process(SimpleNamespace(_sentinel_poll=None), hub)
    assert not hub.readers


@pytest.mark.parametrize("seen_before", [True, False])
def test_every_other_child_is(pool: Any, hub: Hub, seen_before: bool) -> None:
    reading, writing = os.pipe()
    child = (
        SimpleNamespace(_sentinel_poll=reading)
        if seen_before
        else SimpleNamespace(_popen=SimpleNamespace(sentinel=reading))
    )
    pool._track_child_process(child, hub)
    assert list(hub.readers) == [child._sentinel_poll]
    pool._untrack_child_process(child, hub)
    assert not hub.readers
    os.close(writing)


def child_with(lock: ProcessLock) -> int:
    """Return a process that has the lock and does nothing more."""
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        with lock:
            os.write(writing, b"!")
            signal.pause()
    assert os.read(reading, 1) == b"!"
    os.close(reading)
    os.close(writing)
    return pid


def test_what_a_killed_child_held_is_free_again() -> None:
    lock = ProcessLock()
    pid = child_with(lock)
    with pytest.raises(BlockingIOError):
        fcntl.lockf(lock._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with lock as taken:
        assert taken


def test_the_pipes_that_children_share_have_such_locks() -> None:
    pool: Any = SharedPipesPool.__new__(SharedPipesPool)
    pool._ctx = billiard.get_context()
    pool._setup_queues()
    for queue in (pool._inqueue, pool._outqueue):
        assert isinstance(queue._rlock, ProcessLock)
        assert isinstance(queue._wlock, ProcessLock)
        assert queue._rlock._file != queue._wlock._file
        queue.put("a task")
        assert queue.get() == "a task"
