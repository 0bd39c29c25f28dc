"""A Redis that goes away while a task is being done ends no worker, and what was taken is put back where it can be."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import Empty
from typing import Any
from unittest.mock import Mock

import pytest
import redis
from celery import current_app
from kombu import Connection, Queue
from kombu.message import Message

from portal import celery_settings
from tests.processes import Process, start
from trunks import dispatch

QUEUE = "taken"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Path]]:
    """Start a Redis that may be killed."""
    folder = tmp_path_factory.mktemp("r")
    place = ["--port", "0", "--unixsocket", str(folder / "s"), "--dir", str(folder), "--save", ""]
    program = shutil.which("redis-server") or "redis-server"
    with start([program, *place], log=folder / "log") as process:
        process.wait_for_line("ready to accept connections")
        yield process, folder / "s"


def with_a_message_taken(socket: Path) -> tuple[Connection, Message]:
    """Return a connection by which a message was taken that is not acknowledged, and the message."""
    link = Connection(celery_settings.redis_broker_url(f"unix://{socket}"))
    queue = Queue(QUEUE)(link.default_channel)
    queue.declare()
    with link.Producer() as producer:
        producer.publish({"n": 1}, routing_key=QUEUE)
    message = queue.get(no_ack=False)
    assert message
    return link, message


@pytest.mark.parametrize("collected", [True, False])
def test_a_channel_that_outlives_its_connection_is_closed_without_an_error(
    server: tuple[Process, Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    collected: bool,
) -> None:
    """Seen with a real Redis that was killed: the first closing met the dead socket, the second had no connection."""
    process, socket = server
    link, _ = with_a_message_taken(socket)
    channel: Any = link.default_channel
    process.popen.kill()
    process.popen.wait()
    answers = iter([redis.ConnectionError("Connection closed by server."), Empty()])
    monkeypatch.setattr(channel, "_in_poll", object())
    monkeypatch.setattr(channel, "_brpop_read", Mock(side_effect=answers))
    link.maybe_close_channel(channel)
    if collected:
        channel.connection.client = None  # as Celery leaves it when it collects a connection that was lost
    assert channel.qos._delivered
    link.close()
    assert not channel.qos._delivered
    assert ("could not be put back" in caplog.text) is not collected


@pytest.mark.parametrize("end", [Message.ack, Message.reject, Message.requeue])
@pytest.mark.parametrize(("lost", "left"), [("the channel's connection", 1), ("the connection's client", 0)])
def test_what_was_done_while_redis_went_away_ends_without_an_error(
    server: tuple[Process, Path], end: Callable[[Message], None], lost: str, left: int
) -> None:
    """Seen with a real Redis that was killed: Celery acknowledged by a channel that had been closed meanwhile.

    With the channel the message was put back, once; what cannot be put back any more is left to the sweep.
    """
    _, socket = server
    link, message = with_a_message_taken(socket)
    channel: Any = link.default_channel
    if lost == "the channel's connection":
        link.maybe_close_channel(channel)
        channel._disconnect_pools()
        assert channel.connection is None
    else:
        channel.connection.client = None
    end(message)
    link.release()
    with redis.Redis(unix_socket_path=str(socket)) as client:
        assert client.llen(QUEUE) == left


def test_messages_are_sent_by_one_client_until_the_connection_is_lost(server: tuple[Process, Path]) -> None:
    _, socket = server
    with Connection(celery_settings.redis_broker_url(f"unix://{socket}")) as link:
        channel: Any = link.default_channel
        first, polling = channel._create_client(), channel._create_client(asynchronous=True)
        assert channel._create_client() is first
        assert polling is not first
        assert polling.connection_pool is channel.async_pool
        channel._disconnect_pools()
        second = channel._create_client()
        assert second is not first
        assert second.connection_pool is channel.pool
        assert second.ping()


@pytest.mark.parametrize(("end", "left"), [(Message.ack, 0), (Message.reject, 0), (Message.requeue, 1)])
def test_a_message_is_ended_where_there_is_a_connection(
    server: tuple[Process, Path], end: Callable[[Message], None], left: int
) -> None:
    _, socket = server
    link, message = with_a_message_taken(socket)
    end(message)
    with redis.Redis(unix_socket_path=str(socket)) as client:
        assert client.llen(QUEUE) == left
        link.release()
        assert client.llen(QUEUE) == left


def test_a_connection_that_is_half_gone_is_a_lost_one(
    server: tuple[Process, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen with a real Redis that was killed: what waited for room was to be polled again, and had no socket."""
    _, socket = server
    link, _ = with_a_message_taken(socket)
    channel: Any = link.default_channel
    poller: Any = channel.connection.cycle
    half_gone = Mock(_sock=None)
    monkeypatch.setattr(channel, "_in_poll", half_gone)
    monkeypatch.setattr(poller, "_paused_brpop", {0: (channel, channel.client, half_gone, None)})
    monkeypatch.setattr(poller, "_fd_to_chan", {0: (channel, "BRPOP")})
    with pytest.raises(link.connection_errors):
        poller.on_poll_start()
    idle = Mock(_in_poll=None, client=Mock(connection=None))
    idle.qos.can_consume.return_value = False
    monkeypatch.setattr(poller, "_paused_brpop", {})
    monkeypatch.setattr(poller, "_fd_to_chan", {0: (idle, "BRPOP")})
    with pytest.raises(link.connection_errors):
        poller.on_readable(0)
    monkeypatch.undo()
    link.release()


def test_what_was_taken_is_put_back_where_there_is_a_connection(server: tuple[Process, Path]) -> None:
    _, socket = server
    link, _ = with_a_message_taken(socket)
    with redis.Redis(unix_socket_path=str(socket)) as client:
        assert not client.exists("unacked", QUEUE)
        link.release()
        assert client.llen(QUEUE) == 1


@pytest.mark.parametrize("command", [("CONFIG", "SET", "maxmemory", "1"), ("REPLICAOF", "127.0.0.1", "1")])
def test_a_redis_that_takes_no_messages_is_no_broker(
    server: tuple[Process, Path], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    connected = partial(
        current_app.connection_for_read, celery_settings.redis_broker_url(f"unix://{server[1]}")
    )
    monkeypatch.setattr(current_app, "connection_for_read", connected)
    assert dispatch.broker_reachable()
    with redis.Redis(unix_socket_path=str(server[1])) as full:
        full.execute_command(*command)
    assert not dispatch.broker_reachable()
