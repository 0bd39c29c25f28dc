"""The round trip of a call: until its answer begins, without what this process waited for a processor meanwhile."""

import socket
import time
from pathlib import Path

import pytest

from tests.zoom.acts import Serve, failure, read
from tests.zoom.conftest import Open
from trunks.zoom import deadline, processor

HEAD, BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n", b'{"sip_trunks": []}'
QUIET, SLOW = 0.2, 0.3


def slowly(connection: socket.socket) -> None:
    """Answer after QUIET seconds, and take SLOW for the body."""
    time.sleep(QUIET)
    connection.sendall(HEAD)
    time.sleep(SLOW)
    connection.sendall(BODY)


def test_a_slow_body_is_not_of_the_trip(
    open_client: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a busy machine kept this thread waiting before the answer was there would be taken off as well.
    monkeypatch.setattr(deadline, "waited", lambda: 0.0)
    client = open_client(serve(slowly).url, deadline=5)
    read(client)
    [call] = client.calls
    assert call.trip is not None
    assert QUIET <= call.trip < QUIET + SLOW <= call.duration_ms / 1000


def test_waiting_for_a_processor_is_not_of_the_trip(
    open_client: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    so_far = iter((5.0, 5.15))
    monkeypatch.setattr(deadline, "waited", lambda: next(so_far))
    client = open_client(serve(slowly).url, deadline=5)
    read(client)
    [call] = client.calls
    assert call.trip is not None
    assert QUIET - 0.15 <= call.trip < QUIET - 0.05


def test_without_an_answer_there_is_no_trip(open_client: Open, serve: Serve) -> None:
    client = open_client(serve(lambda connection: connection.close()).url)
    failure(client, read)
    assert [call.trip for call in client.calls] == [None]


def test_the_system_is_asked_for_the_waiting_and_without_its_word_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert processor.waited() >= 0
    told = tmp_path / "schedstat"
    monkeypatch.setattr(processor, "_SCHEDULER", told)
    assert processor.waited() == 0
    for text, seconds in (("1 2500000000 3\n", 2.5), ("", 0), ("a b c", 0)):
        told.write_text(text)
        assert processor.waited() == seconds
