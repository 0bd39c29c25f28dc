"""A real worker process takes tasks from the broker of this run, and ends when it is told to."""

from pathlib import Path

import pytest

from portal.celery import app
from tests import database, processes
from tests.processes import wait_until
from trunks.models import Heartbeat

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]


def test_a_worker_takes_what_is_rung_and_ends_when_told(tmp_path: Path) -> None:
    with processes.start_worker(log=tmp_path / "log", environment=database.environment()) as worker:
        app.send_task("trunks.tasks.sweep")
        wait_until(Heartbeat.objects.filter(name="worker").exists, "the worker has swept")
        wait_until(lambda: bool(app.control.ping(timeout=0.3, limit=1)), "the worker answers")
        assert worker.stop() == 0
    assert "Traceback" not in worker.output()
