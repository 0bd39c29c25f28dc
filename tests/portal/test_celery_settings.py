"""A broker that is down or hangs never holds a person up: the change is saved, and the sweep rings again."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings
from django.core.cache import cache
from kombu.exceptions import OperationalError

from portal import celery_settings
from trunks import dispatch


@pytest.fixture
def hanging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Something that takes connections at the address and never says a word."""
    path = tmp_path_factory.mktemp("h") / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield f"redis+socket://{path}"


def celery_with(broker_url: str, socket_timeout: float) -> Celery:
    app = Celery("test", set_as_current=False)
    app.config_from_object(celery_settings)
    options = {"socket_timeout": socket_timeout}
    app.conf.update(broker_url=broker_url, broker_transport_options=options)
    return app


def test_a_broker_that_is_down_is_noticed_within_a_second(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(OperationalError):
        celery_with(f"redis+socket://{tmp_path}/gone", 3).send_task("x", args=[1])
    assert time.monotonic() - began < 1


def test_a_broker_that_hangs_is_given_up_after_its_time_out(hanging: str) -> None:
    began = time.monotonic()
    with pytest.raises(OperationalError):
        celery_with(hanging, 0.1).send_task("x", args=[1])
    assert time.monotonic() - began < 1


def test_everything_that_speaks_with_redis_has_a_time_out() -> None:
    assert 0 < celery_settings.REDIS_SECONDS <= 5
    if settings.REDIS_URL:
        assert celery_settings.broker_transport_options["socket_timeout"] == celery_settings.REDIS_SECONDS
        assert "'socket_timeout': 3" in str(settings.CACHES["default"])
    cache.set("alive", 1)
    assert cache.get("alive") == 1


def test_what_was_approved_does_not_queue_behind_letters() -> None:
    app = celery_with("memory://", 1)
    queues = {task: app.amqp.router.route({}, task)["queue"].name for task in dispatch.TASK_NAMES}
    assert {task for task, queue in queues.items() if queue == celery_settings.TELLING} == set(
        dispatch.UNHURRIED
    )
    assert queues[dispatch.PROVISION] == queues[dispatch.SETTLE] == "celery"
    # A worker that is started without -Q takes from both.
    assert set(app.amqp.queues.consume_from) == {"celery", celery_settings.TELLING}


def test_the_clock_rings_what_nobody_would_miss_while_no_worker_runs() -> None:
    assert {"sweep", "sync-all"} <= set(celery_settings.beat_schedule)
    assert ("empty-broker" in celery_settings.beat_schedule) == (not settings.REDIS_URL)
    for entry in celery_settings.beat_schedule.values():
        options, schedule = entry["options"], entry["schedule"]
        assert isinstance(options, dict)
        assert isinstance(schedule, int | float)
        assert options["expires"] >= schedule
