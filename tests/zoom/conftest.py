"""Fixtures of the Zoom client's tests: a client with a token, and servers on 127.0.0.1."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest
import responses

from tests.zoom.loopback import Loopback, Script
from trunks.zoom.auth import MemoryTokenStore, ServerToServerAuth
from trunks.zoom.client import ZoomClient
from trunks.zoom.types import Call, Label, Token

API = "https://api.zoom.test/v2"
TOKEN_URL = "https://zoom.test/oauth/token"
SECRET = "canary-secret/8d1f"
TOKEN = "canary-token-4711"


def make_auth(
    token_url: str = TOKEN_URL, token: str | None = TOKEN, deadline: float = 5.0
) -> ServerToServerAuth:
    """Return credentials; with `token` one is in store already and good for an hour."""
    tokens = MemoryTokenStore()
    if token is not None:
        good = Token(token, time.time() + 3600, "")
        tokens.renew(None, lambda: good)
    return ServerToServerAuth(
        token_url=token_url,
        account_id="master-account",
        client_id="client-id",
        client_secret=SECRET,
        tokens=tokens,
        deadline=deadline,
    )


class Opened(ZoomClient):
    """A client that remembers its turns and calls."""

    turns: list[Label]
    calls: list[Call]


class Open(Protocol):
    """Opens a client that is closed after the test."""

    def __call__(
        self, api_url: str = API, auth: ServerToServerAuth | None = None, deadline: float = 5.0
    ) -> Opened: ...


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as everything:
        yield everything


@pytest.fixture
def open_client(stack: ExitStack) -> Open:
    def opened(api_url: str = API, auth: ServerToServerAuth | None = None, deadline: float = 5.0) -> Opened:
        turns: list[Label] = []
        calls: list[Call] = []
        client = Opened(
            api_url=api_url,
            auth=auth or make_auth(),
            deadline=deadline,
            turn=turns.append,
            observe=calls.append,
        )
        client.turns, client.calls = turns, calls
        stack.enter_context(client)
        return client

    return opened


@pytest.fixture
def serve(stack: ExitStack) -> Callable[..., Loopback]:
    def served(*scripts: Script) -> Loopback:
        return stack.enter_context(Loopback(*scripts))

    return served


@pytest.fixture
def zoom() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def client(open_client: Open, zoom: responses.RequestsMock) -> Opened:
    return open_client()
