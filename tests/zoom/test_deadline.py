"""No server holds the caller longer than the deadline, and nothing is sent after it."""

import socket
import time

import pytest

from tests.zoom.acts import LIST, Act, Serve, failure, read, write
from tests.zoom.conftest import Open, make_auth
from tests.zoom.loopback import answer
from trunks.zoom import deadline
from trunks.zoom.errors import NoAnswer, NotSent, Unreadable, ZoomError

# What holds the caller here does so for half a minute or for ever; a busy machine takes its time as well.
AT_ONCE = 10


class TestDeadline:
    @pytest.mark.parametrize("act", [read, write])
    @pytest.mark.parametrize(
        ("first", "then", "error"),
        [
            (b"", b"", NoAnswer),
            (b"", b"H", NoAnswer),
            (b"HTTP/1.1 200 OK\r\nX: ", b"x", NoAnswer),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n", NoAnswer),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b" ", Unreadable),
            (b"HTTP/1.1 200 OK\r\n\r\n", b" ", Unreadable),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", Unreadable),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x", Unreadable),
        ],
    )
    def test_dripping_bytes_cannot_hold_the_caller(
        self,
        open_client: Open,
        serve: Serve,
        act: Act,
        first: bytes,
        then: bytes,
        error: type[ZoomError],
    ) -> None:
        server = serve()
        server.scripts = [server.drip(first, then)]
        client = open_client(server.url, deadline=0.2)
        began = time.monotonic()
        caught = failure(client, act)
        assert time.monotonic() - began < AT_ONCE
        assert isinstance(caught, error)
        assert caught.might_have_happened is (act is write)

    def test_the_token_request_counts_towards_the_deadline(self, open_client: Open, serve: Serve) -> None:
        server = serve()
        server.scripts = [server.drip(b"HTTP/1.1 200 OK\r\nX: ")]
        client = open_client(server.url, auth=make_auth(server.url, token=None, deadline=30), deadline=0.2)
        began = time.monotonic()
        error = failure(client, write)
        assert time.monotonic() - began < AT_ONCE
        assert isinstance(error, NoAnswer)
        assert not error.might_have_happened
        assert client.calls == []

    def test_waiting_for_a_turn_does_not_count(
        self, open_client: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = open_client(serve(LIST).url, deadline=0.5)
        monkeypatch.setattr(client, "_turn", lambda label: time.sleep(0.6))
        assert read(client) == []

    def test_a_name_found_too_late_sends_nothing(
        self, open_client: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = serve(answer(201))
        address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))

        def slowly(*args: object, **kwargs: object) -> list[object]:
            time.sleep(0.1)
            return [address]

        monkeypatch.setattr(socket, "getaddrinfo", slowly)
        assert isinstance(failure(open_client("http://zoom.invalid", deadline=0.05), write), NotSent)
        assert server.requests == []

    def test_a_connection_made_too_late_sends_nothing(
        self, open_client: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = serve(answer(201))
        connect = deadline._connect

        def slowly(*args: object) -> socket.socket:
            sock = connect(*args)  # type: ignore[arg-type]
            time.sleep(0.1)
            return sock

        monkeypatch.setattr(deadline, "_connect", slowly)
        assert isinstance(failure(open_client(server.url, deadline=0.05), write), NotSent)
        assert server.requests == []
