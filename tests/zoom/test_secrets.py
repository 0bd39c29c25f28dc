"""A canary secret and a canary token: neither may turn up in what can be printed, stored or shown."""

import base64
import dataclasses
import json
import traceback
from collections.abc import Callable

import pytest
import responses
from requests import PreparedRequest

from tests.zoom.conftest import API, SECRET, TOKEN, TOKEN_URL, Open, make_auth
from tests.zoom.loopback import Loopback, Script
from trunks.zoom.errors import ZoomError
from trunks.zoom.types import Assignment, Token

BASIC = base64.b64encode(f"client-id:{SECRET}".encode()).decode()
CANARIES = [SECRET, TOKEN, BASIC, *(base64.b64encode(s.encode()).decode() for s in (SECRET, TOKEN))]


def assert_silent(*things: object) -> None:
    for thing in things:
        text = f"{thing} {thing!r} {vars(thing) if isinstance(thing, Exception) else ''}"
        assert [canary for canary in CANARIES if canary in text.replace("\\/", "/")] == []


def test_no_representation_holds_a_secret() -> None:
    auth = make_auth()
    assert_silent(auth, auth.token(), Token(TOKEN, 1.0, "scope"), auth.token)


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 404, 429, 500])
@pytest.mark.parametrize("as_json", [True, False])
def test_a_server_that_echoes_our_headers_reveals_nothing(
    open_client: Open, zoom: responses.RequestsMock, status: int, as_json: bool
) -> None:
    def echo(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        words = f"you sent {request.headers['Authorization']}"
        if request.url == TOKEN_URL:
            words += f", and your secret is {SECRET}"
        body = json.dumps({"code": 300, "message": words, "reason": words, "error": words})
        return status, {"Location": "https://elsewhere/"}, body.replace("/", "\\/") if as_json else words

    zoom.add_callback("POST", f"{API}/accounts/sub/sip_trunk/trunks", echo)
    zoom.add_callback("POST", TOKEN_URL, echo)
    zoom.assert_all_requests_are_fired = False
    for client in (open_client(), open_client(auth=make_auth(token=None))):
        with pytest.raises(ZoomError) as caught:
            client.assign_trunks("sub", [Assignment("1", "12345")])
        printed = "".join(traceback.format_exception(caught.value))
        assert_silent(caught.value, printed, *client.calls, *map(dataclasses.asdict, client.calls))


def test_a_garbled_answer_that_echoes_the_token_reveals_nothing(
    open_client: Open, serve: Callable[[Script], Loopback]
) -> None:
    client = open_client(serve(f"HTTP/9 {TOKEN} {TOKEN}\r\n\r\n".encode()).url)
    with pytest.raises(ZoomError) as caught:
        client.list_trunks()
    assert_silent(caught.value, *client.calls)
