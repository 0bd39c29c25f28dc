"""Server-to-server OAuth: what is asked, what is understood, who shares a token."""

import base64
import json
import threading
import time
from urllib.parse import parse_qs

import pytest
import responses
from requests import PreparedRequest, Request

from tests.zoom.conftest import API, SECRET, TOKEN_URL, make_auth
from trunks.zoom.auth import MemoryTokenStore, ServerToServerAuth
from trunks.zoom.errors import (
    CredentialsRefused,
    NoAnswer,
    RateLimited,
    Redirected,
    ServerError,
    Unreadable,
    ZoomError,
)
from trunks.zoom.types import Token


@pytest.fixture
def auth() -> ServerToServerAuth:
    return make_auth(token=None)


def prepared(auth: ServerToServerAuth) -> PreparedRequest:
    return Request("GET", f"{API}/accounts", auth=auth).prepare()


class TestFetching:
    def test_the_request_is_a_form_with_basic_credentials(
        self, auth: ServerToServerAuth, zoom: responses.RequestsMock
    ) -> None:
        zoom.post(TOKEN_URL, json={"access_token": "abc", "expires_in": 3600, "scope": "a b"})
        token = auth.token()
        request = zoom.calls[0].request
        expected = base64.b64encode(f"client-id:{SECRET}".encode()).decode()
        assert request.headers["Authorization"] == f"Basic {expected}"
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert request.url == TOKEN_URL
        form = parse_qs(str(request.body))
        assert form == {"grant_type": ["account_credentials"], "account_id": ["master-account"]}
        assert (token.value, token.scope) == ("abc", "a b")

    @pytest.mark.parametrize(
        ("expires_in", "usable"),
        [(3600, 3480), ("3600", 3480), (3600.5, 3480.5), (1200, 1080), (600, 540), (10, 9), (1, 0.9)],
    )
    def test_a_token_is_given_up_before_it_expires(
        self, auth: ServerToServerAuth, zoom: responses.RequestsMock, expires_in: object, usable: float
    ) -> None:
        zoom.post(TOKEN_URL, json={"access_token": "abc", "expires_in": expires_in})
        assert auth.token().expires_at - time.time() == pytest.approx(usable, abs=2)

    @pytest.mark.parametrize("life", [{}, {"expires_in": None}])
    def test_a_life_that_zoom_does_not_tell_is_an_hour(
        self, auth: ServerToServerAuth, zoom: responses.RequestsMock, life: dict[str, None]
    ) -> None:
        zoom.post(TOKEN_URL, json={"access_token": "abc", "scope": None, **life})
        token = auth.token()
        assert token.expires_at - time.time() == pytest.approx(3480, abs=2)
        assert token.scope == ""

    def test_the_api_url_of_the_answer_is_ignored(
        self, auth: ServerToServerAuth, zoom: responses.RequestsMock
    ) -> None:
        zoom.post(TOKEN_URL, json={"access_token": "abc", "api_url": "https://evil.example"})
        assert prepared(auth).url == f"{API}/accounts"

    def test_a_secret_outside_latin_1_can_be_sent(self, zoom: responses.RequestsMock) -> None:
        auth = ServerToServerAuth(
            token_url=TOKEN_URL,
            account_id="a",
            client_id="i",
            client_secret="\N{SNOWMAN}",
            tokens=MemoryTokenStore(),
        )
        zoom.post(TOKEN_URL, json={"access_token": "abc"})
        assert auth.token().value == "abc"


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "body", "error", "words"),
        [
            (400, {"reason": "Invalid client_id", "error": "invalid_client"}, CredentialsRefused, "is wrong"),
            (
                400,
                {"reason": "no", "error": "unsupported_grant_type"},
                CredentialsRefused,
                "server-to-server",
            ),
            (
                400,
                {"reason": "no", "error": "invalid_request"},
                CredentialsRefused,
                "account ID may be wrong",
            ),
            (400, {"reason": "new words", "error": "other"}, CredentialsRefused, "new words"),
            (
                400,
                {"error": "invalid_grant", "error_description": "not yours"},
                CredentialsRefused,
                "not yours",
            ),
            (401, "", CredentialsRefused, "HTTP 401"),
            (400, "", CredentialsRefused, "HTTP 400"),
            (403, "<h1>Forbidden</h1>", CredentialsRefused, "Forbidden"),
            (404, "[]", CredentialsRefused, "HTTP 404"),
            (429, {"reason": "slow down"}, RateLimited, "slow down"),
            (408, "", NoAnswer, "HTTP 408"),
            (500, "", ServerError, "HTTP 500"),
            (503, "<h1>down</h1>", ServerError, "down"),
            (302, "", Redirected, "HTTP 302"),
            (200, "", Unreadable, "not a JSON object"),
            (200, "<html>", Unreadable, "not a JSON object"),
            (200, "[1]", Unreadable, "not a JSON object"),
            (200, {"reason": "no", "error": "invalid_client"}, CredentialsRefused, "client secret is wrong"),
            (200, {"reason": "busy", "error": "server_error"}, Unreadable, "access_token: busy"),
            (
                200,
                {"access_token": "", "error": "invalid_client"},
                Unreadable,
                "access_token: invalid_client",
            ),
            (200, {}, Unreadable, "access_token \\["),
            (200, {"access_token": ""}, Unreadable, "access_token"),
            (200, {"access_token": 7}, Unreadable, "access_token"),
            (200, {"access_token": "a\r\nHost: evil"}, Unreadable, "access_token"),
            (200, {"access_token": "a", "expires_in": "soon"}, Unreadable, "expires_in"),
            (200, {"access_token": "a", "expires_in": 0}, Unreadable, "expires_in"),
            (200, {"access_token": "a", "expires_in": -1}, Unreadable, "expires_in"),
            (200, {"access_token": "a", "expires_in": True}, Unreadable, "expires_in"),
            (200, {"access_token": "a", "expires_in": 10**400}, Unreadable, "expires_in"),
            (200, '{"access_token": "a", "expires_in": NaN}', Unreadable, "expires_in"),
            (200, '{"access_token": "a", "expires_in": 1e999}', Unreadable, "expires_in"),
            (200, " " * 1_000_001, Unreadable, "larger than"),
        ],
    )
    def test_every_failure_is_named_and_nothing_happened(
        self,
        auth: ServerToServerAuth,
        zoom: responses.RequestsMock,
        status: int,
        body: object,
        error: type[ZoomError],
        words: str,
    ) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        zoom.post(TOKEN_URL, body=text, status=status)
        with pytest.raises(ZoomError, match=words) as caught:
            auth.token()
        assert type(caught.value) is error
        assert not caught.value.might_have_happened
        assert str(caught.value).startswith("getting an access token: ")


class TestSharing:
    def test_a_token_is_used_until_it_is_given_up(
        self, auth: ServerToServerAuth, zoom: responses.RequestsMock
    ) -> None:
        fetched = zoom.post(TOKEN_URL, json={"access_token": "abc"})
        assert [prepared(auth).headers["Authorization"] for _ in range(3)] == ["Bearer abc"] * 3
        assert fetched.call_count == 1

    def test_a_token_that_is_over_is_replaced(self, zoom: responses.RequestsMock) -> None:
        tokens = MemoryTokenStore()
        tokens.renew(None, lambda: Token("old", time.time() - 1, ""))
        auth = ServerToServerAuth(
            token_url=TOKEN_URL, account_id="a", client_id="i", client_secret="s", tokens=tokens
        )
        zoom.post(TOKEN_URL, json={"access_token": "new"})
        assert auth.token().value == "new"
        assert tokens.current() == auth.token()

    def test_a_token_that_somebody_renewed_already_is_not_renewed_again(
        self, auth: ServerToServerAuth, zoom: responses.RequestsMock
    ) -> None:
        zoom.post(TOKEN_URL, json={"access_token": "first"})
        request = prepared(auth)
        fetched = zoom.post(TOKEN_URL, json={"access_token": "second"})
        for _ in range(3):
            auth.cure(CredentialsRefused("no", status=401), request, write=False)
        assert fetched.call_count == 1
        assert auth.token().value == "second"

    def test_of_many_who_renew_at_once_one_fetches(self) -> None:
        store, fetched, results = MemoryTokenStore(), [], []
        barrier = threading.Barrier(8)
        stale = Token("stale", 0, "")
        store.renew(None, lambda: stale)

        def fetch() -> Token:
            fetched.append(1)
            time.sleep(0.05)
            return Token(f"fresh-{len(fetched)}", time.time() + 60, "")

        def renew() -> None:
            barrier.wait()
            results.append(store.renew(stale, fetch).value)

        threads = [threading.Thread(target=renew) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == ["fresh-1"] * 8

    def test_a_failed_renewal_leaves_the_next_one_its_chance(self) -> None:
        store = MemoryTokenStore()

        def fail() -> Token:
            raise ServerError

        with pytest.raises(ServerError):
            store.renew(None, fail)
        assert store.current() is None
        assert store.renew(None, lambda: Token("good", 1, "")).value == "good"

    def test_only_the_token_that_is_outdated_is_set_aside(self) -> None:
        store = MemoryTokenStore()
        store.set_aside("none yet")
        held = store.renew(None, lambda: Token("good", time.time() + 60, ""))
        store.set_aside("older")
        assert store.current() == held
        store.set_aside("good")
        assert store.current() is None
