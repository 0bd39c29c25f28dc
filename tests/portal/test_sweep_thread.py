"""The thread that sweeps inside a worker outlives whatever one sweep runs into."""

import pytest
from django.db import OperationalError
from pytest_django import Settings

from portal import worker
from trunks import dispatch
from trunks.workflow import sweeping


@pytest.mark.parametrize("trouble", [OperationalError("gone"), RuntimeError("nobody thought of it")])
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
