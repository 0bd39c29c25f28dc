"""A short run of `make bench-latency`."""

from pathlib import Path

import pytest
from pytest_django import Settings

from tests import database
from tests.bench.ground import ground
from tests.bench.latency import latency, signed_in

pytestmark = pytest.mark.sqlite


def test_an_approved_request_is_done_as_soon_as_zoom_has_answered(
    transactional_db: None, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the rings shall reach the worker
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    # Nothing but the ring tells the worker in time, and a request goes before the letters that wait.
    environment = database.environment() | {"SWEEP_SECONDS": "60"}
    with ground(tmp_path, environment, sub_accounts=10) as base:
        base.work(1, 1)
        found = latency(base, signed_in(base), 4, 0.05)
    assert found.floor == pytest.approx(0.15)
    # A machine that is busy with other tests may take many times the goal; finding it by a sweep would take far longer.
    assert found.floor <= found.zoom < found.calls + 0.003 < found.p50 + 0.003
    assert found.floor < found.p50 < found.floor + 10
    assert "p95" in str(found)
