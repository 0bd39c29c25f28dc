"""A real worker process takes tasks from the broker of this run, and ends when it is told to."""

import gc
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from billiard import pool

from portal.celery import app
from portal.worker import LEAVING_SECONDS, settle
from tests import database, processes
from tests.processes import wait_until
from trunks.models import Heartbeat

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]


def test_a_worker_takes_what_is_rung_and_ends_when_told(tmp_path: Path) -> None:
    with processes.start_worker(log=tmp_path / "log", environment=database.environment()) as worker:
        app.send_task("trunks.tasks.sweep")
        wait_until(Heartbeat.objects.filter(name="worker").exists, "the worker has swept")
        wait_until(lambda: bool(app.control.ping(timeout=5, limit=1)), "the worker answers")
        assert worker.stop() == 0
    assert "Traceback" not in worker.output()


def test_a_child_waits_a_few_seconds_for_a_parent_that_reads_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT", 300)
    monkeypatch.setattr(gc, "freeze", Mock())
    slept = Mock()
    monkeypatch.setattr("billiard.pool.time.sleep", slept)
    child = SimpleNamespace(on_ready_counter=SimpleNamespace(value=0))
    settle()
    assert not pool.Worker._ensure_messages_consumed(child, completed=1)  # type: ignore[attr-defined]  # the stubs leave it out
    assert sum(seconds for ((seconds,), _) in slept.call_args_list) == pytest.approx(LEAVING_SECONDS)
