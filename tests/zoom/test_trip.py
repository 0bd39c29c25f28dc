"""The round trip of a call: until its answer begins."""

import socket
import time

from tests.zoom.acts import Serve, failure, read
from tests.zoom.conftest import Open

HEAD, BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n", b'{"sip_trunks": []}'
QUIET, SLOW = 0.2, 0.3


def slowly(connection: socket.socket) -> None:
    """Answer after QUIET seconds, and take SLOW for the body."""
    time.sleep(QUIET)
    connection.sendall(HEAD)
    time.sleep(SLOW)
    connection.sendall(BODY)


def test_a_slow_body_is_not_of_the_trip(open_client: Open, serve: Serve) -> None:
    client = open_client(serve(slowly).url, deadline=5)
    read(client)
    [call] = client.calls
    assert call.heard is not None
    assert QUIET <= call.heard - call.left < QUIET + SLOW <= call.duration_ms / 1000


def test_without_an_answer_there_is_no_trip(open_client: Open, serve: Serve) -> None:
    client = open_client(serve(lambda connection: connection.close()).url)
    failure(client, read)
    assert [call.heard for call in client.calls] == [None]
