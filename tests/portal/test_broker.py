"""The embedded broker loses nothing, doubles nothing and survives what lies in its folder."""

import errno
import json
import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from django.conf import settings
from kombu import Connection, Exchange, Message, Queue
from kombu.simple import SimpleQueue

from portal import broker, celery_settings
from portal.celery import app
from tests import processes
from tests.processes import PYTHON, Process, wait_until
from trunks import dispatch

pytestmark = pytest.mark.sqlite

MESSAGES = 2000
_PRELUDE = """
import signal, sys
from pathlib import Path
from kombu import Connection
from kombu.transport import TRANSPORT_ALIASES
from portal import broker
TRANSPORT_ALIASES["localfs"] = "portal.broker:Transport"
options = broker.transport_options(Path(sys.argv[1]))
options["polling_interval"] = 0.005
queue = Connection("localfs://", transport_options=options).SimpleQueue("work")
"""
_PRODUCER = f"""{_PRELUDE}
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    queue.put(number)
    print(number, flush=True)
"""
# Like a worker: takes, does, acknowledges, and ends between two messages when told to.
_CONSUMER = f"""{_PRELUDE}
ending = []
signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
print("up", flush=True)
while not ending:
    try:
        message = queue.get(timeout=0.05)
    except queue.Empty:
        continue
    print("got", message.payload, flush=True)
    message.ack()
queue.close()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "broker"


@contextmanager
def opened(folder: Path) -> Iterator[SimpleQueue]:
    options = broker.transport_options(folder) | {"polling_interval": 0.005}
    with (
        Connection("localfs://", transport_options=options) as connection,
        closing(connection.SimpleQueue("work")) as queue,
    ):
        yield queue


def start(code: str, folder: Path, name: str, *arguments: int) -> Process:
    log = folder.parent / name
    return processes.start([PYTHON, "-c", code, folder, *map(str, arguments)], log=log)


def waiting(folder: Path) -> list[Path]:
    return sorted((folder / "messages").glob("*.msg"))


def taken_by(consumers: list[Process]) -> list[int]:
    lines = [line for consumer in consumers for line in consumer.output().splitlines()]
    return [int(line.removeprefix("got ")) for line in lines if line.startswith("got ")]


def test_of_2000_messages_none_is_lost_and_none_comes_twice(folder: Path) -> None:
    half = MESSAGES // 2
    consumers = [start(_CONSUMER, folder, f"consumer-{number}") for number in range(3)]
    producers = [start(_PRODUCER, folder, f"producer-{at}", at, at + half) for at in (0, half)]
    for producer in producers:
        assert producer.popen.wait(120) == 0
    wait_until(lambda: not waiting(folder), "the folder is empty")
    assert [consumer.stop() for consumer in consumers] == [0, 0, 0]
    assert Counter(taken_by(consumers)) == Counter(range(MESSAGES))


def test_processes_that_start_at_once_are_all_bound(tmp_path: Path) -> None:
    def bind(folder: Path, start: threading.Barrier, name: str) -> None:
        with Connection("localfs://", transport_options=broker.transport_options(folder)) as connection:
            channel = broker.Transport(connection).Channel(connection.transport)
            start.wait()
            channel._queue_bind("exchange", name, "", name)

    for number in range(20):
        folder, start = tmp_path / str(number), threading.Barrier(6)
        names = [f"queue-{place}" for place in range(6)]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda name, folder=folder, start=start: bind(folder, start, name), names))
        bound = json.loads((folder / "control" / "exchange.exchange").read_text())
        assert sorted(queue for _, _, queue in bound) == names


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_producer_said_it_sent_is_there_when_it_is_killed(
    folder: Path, number: signal.Signals
) -> None:
    producer = start(_PRODUCER, folder, "producer", 0, 1_000_000)
    producer.wait_for_line("\n50\n")
    producer.stop(number)
    sent = [int(line) for line in producer.output().splitlines()]
    found = []
    with opened(folder) as queue:
        while waiting(folder):
            found.append(queue.get(timeout=10).payload)
    assert found[: len(sent)] == sent
    assert len(found) <= len(sent) + 1  # the last one may have been sent and not yet said


def test_a_message_has_its_name_only_when_it_is_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[Path], int]] = []
    replace = Path.replace

    def look_first(aside: Path, target: Path) -> Path:
        if target.suffix != ".msg":  # the table of who is bound
            return replace(aside, target)
        seen.append((waiting(folder), len(json.loads(aside.read_bytes())["body"])))
        return replace(aside, target)

    monkeypatch.setattr(Path, "replace", look_first)
    with opened(folder) as queue:
        queue.put(1)
    assert [(names, size > 0) for names, size in seen] == [([], True)]
    assert len(waiting(folder)) == 1


@pytest.mark.parametrize("content", [b"", b'{"body": ', b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_laid_aside_and_the_next_is_taken(folder: Path, content: bytes) -> None:
    with opened(folder) as queue:
        bad = folder / "messages" / "00_bad.work.msg"  # before those with a time
        bad.write_bytes(content)
        queue.put(1)
        assert queue.get(timeout=10).payload == 1
    assert not bad.exists()
    assert (folder / "processed" / bad.name).read_bytes() == content


def test_an_empty_queue_is_said_to_be_empty(folder: Path) -> None:
    with opened(folder) as queue, pytest.raises(Empty):
        queue.get(timeout=0.02)


def test_messages_come_in_the_order_they_were_sent(folder: Path) -> None:
    with opened(folder) as queue:
        for number in range(20):
            queue.put(number)
        assert [queue.get(timeout=10).payload for _ in range(20)] == list(range(20))


def test_emptying_deletes_what_is_done_and_keeps_what_waits(folder: Path) -> None:
    with opened(folder) as queue:
        queue.put(1)
        queue.get(timeout=10).ack()
        queue.put(2)
    waste = [
        "processed/1_a.work.msg",
        "messages/2_b.work.msg.tmp",
        "messages/3_c.celery@gone.celery.pidbox.msg",
    ]
    for name in waste:
        (folder / name).touch()
    long_ago = time.time() - 3600
    for path in [*folder.glob("processed/*"), *folder.glob("messages/*")]:
        os.utime(path, (long_ago, long_ago))
    (folder / "processed" / "9_new.work.msg").touch()
    assert broker.empty_processed(folder, older_than_seconds=60) == 4
    assert len(waiting(folder)) == 1
    assert [path.name for path in (folder / "processed").iterdir()] == ["9_new.work.msg"]


def test_emptying_survives_a_second_sweep_at_the_same_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.transport_options(folder)
    (folder / "processed" / "1_a.work.msg").touch()
    unlink = Path.unlink

    def be_late(path: Path) -> None:
        unlink(path)
        unlink(path)

    monkeypatch.setattr(Path, "unlink", be_late)
    assert broker.empty_processed(folder, older_than_seconds=-1) == 0


def test_the_folders_are_for_their_owner_only(folder: Path) -> None:
    broker.transport_options(folder)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o700}


@pytest.mark.parametrize(
    ("url", "kombu"),
    [
        ("redis://:secret@db:6379/1", "redis://:secret@db:6379/1"),
        ("rediss://db:6379/0", "rediss://db:6379/0"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
        ("unix://u:p@/run/redis.sock", "redis+socket://u:p@/run/redis.sock?virtual_host=0"),
    ],
)
def test_celery_and_the_cache_share_one_redis_address(url: str, kombu: str) -> None:
    assert celery_settings.redis_broker_url(url) == kombu


def test_the_broker_of_this_run_takes_and_gives() -> None:
    with app.connection_for_write() as connection, closing(connection.SimpleQueue("test")) as queue:
        queue.put({"id": 1})
        message = queue.get(timeout=30)
        message.ack()
    assert message.payload == {"id": 1}
    assert celery_settings.broker_url.startswith("redis+socket" if settings.REDIS_URL else "localfs")


def test_the_broker_of_this_run_can_be_tried_out_and_nothing_of_it_stays(folder: Path) -> None:
    with opened(folder) as queue:
        channel: Any = queue.channel
        channel.try_out()
    assert list((folder / "messages").iterdir()) == []
    assert dispatch.broker_reachable()


def test_a_disk_that_is_full_is_found_by_trying(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, _: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with opened(folder) as queue:
        channel: Any = queue.channel
        with pytest.raises(OSError, match="No space"):
            channel.try_out()
    assert list((folder / "messages").iterdir()) == []


def test_celery_gives_back_what_a_lost_child_had_in_hand() -> None:
    assert celery_settings.task_acks_late
    assert celery_settings.task_reject_on_worker_lost
    assert celery_settings.accept_content == ["json"]


def test_a_second_folder_in_the_same_process_has_its_own_queues(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with opened(tmp_path / name) as queue:
            queue.put(name)
        assert len(waiting(tmp_path / name)) == 1


def test_a_worker_takes_from_the_first_queue_while_it_has_anything() -> None:
    # With every broker: letters wait until what people have approved is carried out.
    names = [f"{name}-{uuid.uuid4()}" for name in ("hurried", "telling")]
    queues = [Queue(name, Exchange(name), routing_key=name) for name in names]
    took: list[str] = []
    with app.connection_for_read() as connection, connection.Producer() as producer:
        for queue in (*reversed(queues), *reversed(queues)):
            producer.publish({}, exchange=queue.exchange, routing_key=queue.name, declare=[queue])

        def take(_: object, message: Message) -> None:
            took.append(message.delivery_info["routing_key"])
            message.ack()

        with connection.Consumer(queues, callbacks=[take], accept=["json"]):
            while len(took) < 4:
                connection.drain_events(timeout=30)
    assert took == [names[0], names[0], names[1], names[1]]
