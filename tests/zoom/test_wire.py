"""Bodies that are cut, flooded or compressed, and the manners of the session."""

import gzip
import os
import socket
from pathlib import Path

import pytest
from requests import PreparedRequest, Request
from requests.utils import get_netrc_auth

from tests.zoom.acts import LIST, Act, Serve, failure, read, write
from tests.zoom.conftest import Open
from tests.zoom.loopback import answer
from trunks.zoom.errors import Refused, ServerError, Unreadable
from trunks.zoom.wire import prepare


class TestBodies:
    @pytest.mark.parametrize("act", [read, write])
    def test_half_a_body_cannot_be_understood(self, open_client: Open, serve: Serve, act: Act) -> None:
        def half(connection: socket.socket) -> None:
            connection.sendall(b'HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{"sip_trunks": []}')
            connection.close()

        error = failure(open_client(serve(half).url), act)
        assert isinstance(error, Unreadable)
        assert "cut" in error.message
        assert error.might_have_happened is (act is write)

    def test_a_refusal_stays_definite_when_its_body_is_cut(self, open_client: Open, serve: Serve) -> None:
        def half(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 99\r\n\r\n{")
            connection.close()

        error = failure(open_client(serve(half).url), write)
        assert isinstance(error, Refused)
        assert (error.status, error.might_have_happened) == (404, False)

    @pytest.mark.parametrize("act", [read, write])
    def test_a_flood_is_cut_off(self, open_client: Open, serve: Serve, act: Act) -> None:
        server = serve()
        server.scripts = [server.drip(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 1_000_000, pause=0)]
        error = failure(open_client(server.url), act)
        assert isinstance(error, Unreadable)
        assert "larger than" in error.message

    def test_a_compressed_bomb_is_cut_off(self, open_client: Open, serve: Serve) -> None:
        bomb = gzip.compress(b" " * 50_000_000)
        error = failure(open_client(serve(answer(201, bomb, Content_Encoding="gzip")).url), write)
        assert isinstance(error, Unreadable)
        assert "larger than" in error.message

    def test_a_compressed_answer_is_read(self, open_client: Open, serve: Serve) -> None:
        body = gzip.compress(b'\xef\xbb\xbf{"sip_trunks": [{"id": "1"}]}')
        assert len(open_client(serve(answer(200, body, Content_Encoding="gzip")).url).list_trunks()) == 1

    @pytest.mark.parametrize("status", [100, 102, 103])
    def test_interim_answers_are_passed_over(self, open_client: Open, serve: Serve, status: int) -> None:
        interim = f"HTTP/1.1 {status} Wait\r\nLink: </x>; rel=preload\r\n\r\n".encode()
        server = serve(interim * 2 + answer(200, {"sip_trunks": [{"id": "1"}]}))
        assert len(open_client(server.url).list_trunks()) == 1

    def test_a_body_that_lies_about_its_compression_cannot_be_understood(
        self, open_client: Open, serve: Serve
    ) -> None:
        error = failure(open_client(serve(answer(200, {}, Content_Encoding="gzip")).url), read)
        assert isinstance(error, Unreadable)

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_an_error_of_the_server_leaves_a_write_open(
        self, open_client: Open, serve: Serve, status: int
    ) -> None:
        error = failure(open_client(serve(answer(status, b"<h1>Bad Gateway</h1>")).url), write)
        assert isinstance(error, ServerError)
        assert (error.might_have_happened, error.retryable) == (True, False)
        assert error.message == "Bad Gateway"


class TestManners:
    def test_the_request_names_the_portal_and_is_plain_json(self, open_client: Open, serve: Serve) -> None:
        server = serve(answer(201))
        write(open_client(server.url + "/v2"))
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /v2/accounts/sub/sip_trunk/trunks HTTP/1.1\r\n")
        assert b"User-Agent: sip-trunk-portal/" in head
        assert b"Content-Type: application/json" in head
        assert body == b'{"sip_trunks": [{"id": "1", "dnis": "12345"}]}'

    def test_cookies_are_not_kept(self, open_client: Open, serve: Serve) -> None:
        server = serve(answer(200, {"sip_trunks": []}, Set_Cookie="zm_aid=1; Path=/"), LIST)
        client = open_client(server.url)
        read(client)
        read(client)
        assert b"cookie" not in server.requests[1].lower()

    def test_reads_share_a_connection(self, open_client: Open, serve: Serve) -> None:
        server = serve(LIST, LIST, LIST)
        client = open_client(server.url)
        for _ in range(3):
            read(client)
        assert server.connections == 1

    def test_the_environment_cannot_lead_requests_elsewhere(
        self, open_client: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy, server = serve(), serve(LIST)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setitem(os.environ, name, proxy.url)
        assert read(open_client(server.url)) == []
        assert proxy.connections == 0

    def test_no_credentials_come_from_a_netrc(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine zoom.example login somebody password else\n")
        monkeypatch.setenv("NETRC", str(netrc))
        assert get_netrc_auth("https://zoom.example/") == ("somebody", "else")
        assert "Authorization" not in prepare(Request("GET", "https://zoom.example/")).headers

    def test_a_failure_that_is_not_the_networks_is_not_disguised(
        self, open_client: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(sender: object, request: PreparedRequest, **kwargs: object) -> None:
            raise RuntimeError("a bug")

        client = open_client()
        monkeypatch.setattr("requests.adapters.HTTPAdapter.send", broken)
        with pytest.raises(RuntimeError, match="a bug"):
            read(client)
        assert client.calls[0].error == "a bug"
