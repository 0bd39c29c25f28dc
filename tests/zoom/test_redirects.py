"""Redirects: followed by reads within the same origin, by writes never."""

import pytest

from tests.zoom.acts import LIST, Act, Serve, failure, read, remove, write
from tests.zoom.conftest import TOKEN, Open
from tests.zoom.loopback import answer
from trunks.zoom.errors import Redirected, Unreadable


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_read_follows_within_the_same_origin(
        self, open_client: Open, serve: Serve, status: int
    ) -> None:
        server = serve(answer(status, Location="/v2/else where?x=1"), LIST)
        client = open_client(server.url + "/v2")
        assert read(client) == []
        assert server.requests[1].startswith(b"GET /v2/else%20where?x=1 HTTP/1.1\r\n")
        assert TOKEN.encode() in server.requests[1]
        assert len(client.turns) == 2
        assert [call.path for call in client.calls] == ["/accounts/sub/sip_trunk/trunks", "/else%20where"]

    def test_a_read_follows_three_times_and_no_more(self, open_client: Open, serve: Serve) -> None:
        hop = answer(302, Location="/again")
        assert read(open_client(serve(hop, hop, hop, LIST).url)) == []
        server = serve(hop, hop, hop, hop, LIST)
        assert isinstance(failure(open_client(server.url), read), Redirected)
        assert len(server.requests) == 4

    def test_the_token_is_never_sent_to_another_origin(self, open_client: Open, serve: Serve) -> None:
        other = serve(LIST)
        server = serve(answer(302, Location=f"{other.url}/accounts/sub/sip_trunk/trunks"))
        error = failure(open_client(server.url), read)
        assert isinstance(error, Redirected)
        assert not error.retryable
        assert error.location.startswith(other.url)
        assert other.connections == 0

    @pytest.mark.parametrize(
        "location",
        [
            "https://127.0.0.1:{port}/",
            "http://localhost:{port}/",
            "http://u:p@127.0.0.1:{port}/",
            "http://127.0.0.1:99999/",
            "http://[/",
            "//zoom.invalid/",
            "ftp://127.0.0.1:{port}/",
            "",
        ],
    )
    def test_a_strange_target_is_not_followed(self, open_client: Open, serve: Serve, location: str) -> None:
        server = serve()
        server.scripts = [answer(302, Location=location.format(port=server.port))]
        assert isinstance(failure(open_client(server.url), read), Redirected)
        assert server.connections == 1

    @pytest.mark.parametrize("status", [300, 304, 305])
    def test_other_3xx_are_not_followed(self, open_client: Open, serve: Serve, status: int) -> None:
        assert isinstance(failure(open_client(serve(answer(status, Location="/")).url), read), Redirected)

    @pytest.mark.parametrize("act", [write, remove])
    def test_a_write_never_follows_and_might_have_happened(
        self, open_client: Open, serve: Serve, act: Act
    ) -> None:
        server = serve(answer(307, Location="/again"), LIST)
        error = failure(open_client(server.url), act)
        assert isinstance(error, Redirected)
        assert (error.might_have_happened, error.retryable) == (True, False)
        assert len(server.requests) == 1

    def test_101_on_a_write_might_have_happened(self, open_client: Open, serve: Serve) -> None:
        error = failure(open_client(serve(answer(101)).url), write)
        assert isinstance(error, Unreadable)
        assert error.might_have_happened
