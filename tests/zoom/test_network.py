"""What a real network can do: refuse, drop and cut. The servers are on 127.0.0.1."""

import socket
import time

import pytest
import requests
import responses

from tests.zoom.acts import LIST, Act, Serve, failure, read, remove, write
from tests.zoom.conftest import API, Open, Opened, make_auth
from tests.zoom.loopback import answer, hang_up, reset
from trunks.zoom.errors import NoAnswer, NotSent


class TestNothingSent:
    @pytest.mark.parametrize("act", [read, write, remove])
    def test_a_refused_connection_is_surely_not_sent(self, open_client: Open, act: Act) -> None:
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))
            client = open_client(f"http://127.0.0.1:{unheard.getsockname()[1]}")
            error = failure(client, act)
        assert isinstance(error, NotSent)
        assert error.retryable
        assert not error.might_have_happened
        assert "refused" in str(error)
        assert client.calls[0].status is None

    def test_an_unknown_name_is_surely_not_sent(
        self, open_client: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unknown(*args: object, **kwargs: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        error = failure(open_client("http://zoom.invalid"), write)
        assert isinstance(error, NotSent)
        assert "not known" in error.message

    def test_a_name_that_cannot_be_one_is_surely_not_sent(self, open_client: Open) -> None:
        assert isinstance(failure(open_client(f"http://{'a' * 64}.invalid"), write), NotSent)

    def test_a_name_without_addresses_is_surely_not_sent(
        self, open_client: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [])
        assert isinstance(failure(open_client("http://zoom.invalid"), write), NotSent)

    def test_the_second_address_is_tried_when_the_first_refuses(
        self, open_client: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = serve(LIST)
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (1, server.port)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
        assert read(open_client("http://zoom.invalid")) == []

    def test_addresses_that_do_not_answer_share_the_deadline(
        self, open_client: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, socket.socket() as filler:
            filler.connect(deaf.getsockname())
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", deaf.getsockname())] * 4
            monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
            began = time.monotonic()
            error = failure(open_client("http://zoom.invalid", deadline=0.5), write)
        assert isinstance(error, NotSent)
        assert time.monotonic() - began < 2  # each for itself: 2 s and more

    def test_an_address_that_does_not_answer_leaves_time_for_the_next(
        self, open_client: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = serve(LIST)
        with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, socket.socket() as filler:
            filler.connect(deaf.getsockname())
            addresses = [deaf.getsockname(), ("127.0.0.1", server.port)]
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
            assert read(open_client("http://zoom.invalid", deadline=1)) == []


class TestNoAnswer:
    def test_a_failure_at_an_unknown_point_leaves_a_write_open(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        zoom.post(f"{API}/accounts/sub/sip_trunk/trunks", body=requests.ConnectionError("where?"))
        error = failure(client, write)
        assert isinstance(error, NoAnswer)
        assert error.might_have_happened

    @pytest.mark.parametrize("act", [read, write, remove])
    @pytest.mark.parametrize(
        "script",
        [
            hang_up,
            reset,
            b"HTTP/1.1 201",
            b"HTTP/1.1 201 Created\r\nContent-Le",
            b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n",
            b"\x00\xff garbage \r\n\r\n",
            b"HTTP/1.1 99 Odd\r\n\r\n",
        ],
    )
    def test_a_connection_lost_before_the_headers_leaves_a_write_open(
        self, open_client: Open, serve: Serve, act: Act, script: object
    ) -> None:
        def then_hang_up(connection: socket.socket) -> None:
            if isinstance(script, bytes):
                connection.sendall(script)
                connection.close()
            elif callable(script):
                script(connection)

        server = serve(then_hang_up)
        error = failure(open_client(server.url), act)
        assert isinstance(error, NoAnswer)
        assert error.might_have_happened is (act is not read)
        assert error.retryable is (act is read)
        assert len(server.requests) == 1

    def test_a_write_is_sent_once_however_it_fails(self, open_client: Open, serve: Serve) -> None:
        server = serve(reset, LIST)
        failure(open_client(server.url), write)
        assert len(server.requests) == 1

    def test_an_error_of_the_repeat_is_not_taken_for_the_first_one(
        self, open_client: Open, serve: Serve
    ) -> None:
        server = serve(answer(401, {"code": 124, "message": "Access token is expired."}), reset)
        tokens = serve(answer(200, {"access_token": "new"}))
        error = failure(open_client(server.url, auth=make_auth(tokens.url)), read)
        assert isinstance(error, NoAnswer)
        assert "reset" in error.message
        assert not error.might_have_happened

    def test_http_408_leaves_a_write_open(self, open_client: Open, serve: Serve) -> None:
        error = failure(open_client(serve(answer(408)).url), write)
        assert isinstance(error, NoAnswer)
        assert (error.status, error.might_have_happened) == (408, True)

    def test_a_write_never_rides_on_an_idle_connection(self, open_client: Open, serve: Serve) -> None:
        def list_and_fall_asleep(connection: socket.socket) -> None:
            connection.sendall(LIST)
            connection.recv(1)

        server = serve(list_and_fall_asleep, answer(201), LIST)
        client = open_client(server.url)
        read(client)
        write(client)
        read(client)
        assert server.connections == 2
