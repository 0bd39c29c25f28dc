"""A worker's child keeps its connection to PostgreSQL from one task to the next, and replaces one that broke."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.db import connection

from portal.worker import look_after_connections
from tests import database, processes
from tests.processes import Process, wait_until
from trunks.models import Heartbeat
from trunks.tasks import alive

pytestmark = pytest.mark.django_db(transaction=True)
# The view shows the whole server, and the workers of a test beside this one beat in a database of their own.
WORKING = """SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Process]:
    started = processes.start_worker(log=tmp_path / "log", environment=database.environment())
    yield started
    started.kill()


def ask(sql: str, *values: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return [row[0] for row in cursor.fetchall()]


def last_beat() -> datetime | None:
    return Heartbeat.objects.filter(name="worker").values_list("at", flat=True).first()


def connections_after_a_task() -> list[int]:
    """Return the process ids of the connections that ran a task, after the next one; each sweep rings for one."""
    wait_until(lambda: last_beat() is not None, "a first task is done")
    before = last_beat()
    wait_until(lambda: last_beat() != before, "another one is done")
    seen: list[list[int]] = []

    def sweep_has_closed_its_own() -> bool:
        seen.append(ask(WORKING))
        return len(seen[-1]) < 2

    wait_until(sweep_has_closed_its_own, "the sweep beside it has closed its own")
    return seen[-1]  # asked once more, the next sweep's could be there


def test_one_connection_serves_task_after_task(worker: Process) -> None:
    kept = connections_after_a_task()
    assert len(kept) == 1
    assert connections_after_a_task() == kept
    assert connections_after_a_task() == kept


def test_a_connection_that_broke_between_two_tasks_is_replaced(worker: Process) -> None:
    (broken,) = connections_after_a_task()
    ask("SELECT pg_terminate_backend(%s)", broken)
    wait_until(lambda: broken not in ask("SELECT pid FROM pg_stat_activity"), "it is gone")
    connections_after_a_task()
    assert "Traceback" not in worker.output()


def test_a_task_run_in_place_leaves_its_callers_connection_alone() -> None:
    connection.ensure_connection()
    before = connection.connection
    connection.close_at = 0
    alive.apply(args=(0,))
    assert connection.connection is before
    look_after_connections(alive)
    assert connection.connection is None
