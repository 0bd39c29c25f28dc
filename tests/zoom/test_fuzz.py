"""Whatever comes back, the client answers with a typed value or a ZoomError, and with nothing else."""

import json
import re
import socket
from collections.abc import Callable, Iterator

import pytest
import responses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.zoom.conftest import API, TOKEN_URL, make_auth
from tests.zoom.loopback import Loopback
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import ZoomError
from trunks.zoom.retry_after import retry_at
from trunks.zoom.types import Assignment

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
NAMES = [
    "code",
    "message",
    "error_message",
    "errors",
    "field",
    "sip_trunks",
    "accounts",
    "id",
    "dnis",
    "name",
    "next_page_token",
    "access_token",
    "expires_in",
    "reason",
    "error",
    "scope",
]
KEYS = st.sampled_from(NAMES) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
BODIES = st.binary(max_size=300) | VALUES.map(lambda value: json.dumps(value).encode())
STATUSES = st.integers(100, 999)
FIELDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
HEADERS = st.dictionaries(
    st.sampled_from(["Location", "Retry-After", "X-RateLimit-Limit", "X-RateLimit-Type", "x-zm-trackingid"]),
    FIELDS,
)
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def error_in(act: Callable[[], object]) -> ZoomError | None:
    """Return the ZoomError that an act raises, if it does; any other exception fails the test."""
    try:
        act()
    except ZoomError as error:
        return error
    return None


def try_everything(client: ZoomClient) -> None:
    """Call every method; an error must fit the kind of call."""
    for read in (
        lambda: [trunk.dnis.strip() for trunk in client.list_trunks("sub")],
        lambda: client.sub_account("sub").name.strip(),
        lambda: [account.number.strip() for account in client.list_sub_accounts()],
    ):
        error = error_in(read)
        assert error is None or not error.might_have_happened
        assert error is None or str(error)
    for write in (
        lambda: client.assign_trunks("sub", [Assignment("1", "12345")]),
        lambda: client.unassign_trunk("sub", "1"),
    ):
        error = error_in(write)
        assert error is None or not (error.might_have_happened and error.retryable)


@FUZZ
@given(status=STATUSES, body=BODIES, headers=HEADERS)
def test_any_answer_of_the_api_is_survived(status: int, body: bytes, headers: dict[str, str]) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as zoom:
        for method in ("GET", "POST", "DELETE"):
            zoom.add(
                method,
                re.compile(re.escape(API) + ".*"),
                body=body,
                status=status,
                headers=headers,
            )
        zoom.add("POST", TOKEN_URL, json={"access_token": "new"})
        with ZoomClient(api_url=API, auth=make_auth()) as client:
            try_everything(client)


@FUZZ
@given(status=STATUSES, body=BODIES, headers=HEADERS)
def test_any_answer_of_the_token_endpoint_is_survived(
    status: int, body: bytes, headers: dict[str, str]
) -> None:
    with responses.RequestsMock() as zoom:
        zoom.add("POST", TOKEN_URL, body=body, status=status, headers=headers)
        error = error_in(lambda: make_auth(token=None).token().value.strip())
        assert error is None or not error.might_have_happened


@given(FIELDS | st.text())
def test_any_retry_after_is_survived(value: str) -> None:
    retry_at(value, daily=False)


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@FUZZ
@given(
    start=st.sampled_from([b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 201 C\r\nContent-Length: "])
    | st.sampled_from(
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 302 F\r\nLocation: "]
    )
    | st.sampled_from(
        [b"HTTP/1.1 200 OK\r\nSet-Cookie: ", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"]
    )
    | st.sampled_from(
        [b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1", b"HTTP/1.1 200 OK\r\nContent-Type: "]
    ),
    rest=st.binary(max_size=60),
    end=st.sampled_from([b"", b"\r\n\r\n", b'\r\n\r\n{"sip_trunks": []}']),
)
def test_any_bytes_on_the_wire_are_survived(server: Loopback, start: bytes, rest: bytes, end: bytes) -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(start + rest + end)
        connection.close()

    server.scripts = [script] * 20
    with ZoomClient(api_url=server.url, auth=make_auth(server.url), deadline=2) as client:
        try_everything(client)
