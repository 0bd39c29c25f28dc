"""A child that ends just before the broker's connection is made anew ends no worker."""

import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery.concurrency import get_implementation, prefork
from kombu.asynchronous.hub import Hub

from portal import celery_settings
from portal.pool import ProcessPool, TaskPool


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
