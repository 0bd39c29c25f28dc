"""The thread that sweeps inside a worker outlives whatever one sweep runs into."""

import os
import threading
import warnings
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from pytest_django import Settings

from portal import worker
from trunks import dispatch
from trunks.workflow import sweeping

swept = threading.Event()


@pytest.mark.parametrize(
    "trouble", [OperationalError("the role is unknown\n\tmore"), RuntimeError("nobody thought of it")]
)
def test_a_sweep_that_fails_is_not_the_last(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: Exception,
) -> None:
    settings.SWEEP_SECONDS = 0.01
    swept: list[int] = []

    def sweep_in_turn() -> None:
        swept.append(1)
        if len(swept) == 1:
            raise trouble
        worker.end()

    monkeypatch.setattr(dispatch, "ring_now", lambda *_: None)
    monkeypatch.setattr(sweeping, "sweep_in_turn", sweep_in_turn)
    worker._stop.clear()
    worker._run()
    assert len(swept) == 2
    assert ("The sweep failed" in caplog.text) is isinstance(trouble, RuntimeError)
    assert ("The sweep could not read the database: the role is unknown\n" in caplog.text) is (
        not isinstance(trouble, RuntimeError)
    )


def fork() -> int:
    """Fork as the pool does; return the child's exit status, 7 for one that begins in the middle of a sweep."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os._exit(7 if swept.is_set() else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def sweeping_slowly(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Run the thread with a sweep that is in its middle while `swept` is set, until the event is."""
    settings.SWEEP_SECONDS = 60
    go_on = threading.Event()

    def sweep_in_turn() -> None:
        swept.set()
        go_on.wait(20)
        swept.clear()

    monkeypatch.setattr(dispatch, "ring_now", lambda *_: None)
    monkeypatch.setattr(sweeping, "sweep_in_turn", sweep_in_turn)
    worker._stop.clear()
    thread = threading.Thread(target=worker._run)
    thread.start()
    assert swept.wait(20)
    yield go_on
    go_on.set()
    worker.end()
    thread.join(20)


def test_no_child_is_forked_in_the_middle_of_a_sweep(sweeping_slowly: threading.Event) -> None:
    threading.Timer(0.2, sweeping_slowly.set).start()
    assert fork() == 0


def test_a_sweep_that_hangs_does_not_keep_the_pool_without_children(
    sweeping_slowly: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "FORK_WAITS_SECONDS", 0.05)
    assert fork() == 7
    assert not worker._held
