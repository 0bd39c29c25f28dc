"""The HTTP layer: connections, sizes, paths and methods."""

import http.client
import threading
from contextlib import ExitStack, closing

import pytest
import requests

from tests.sandbox.callers import Caller, control
from tests.sandbox.conftest import Connect
from trunks.sandbox.server import Sandbox
from trunks.sandbox.wire import API_BODY_BYTES


def raw(sandbox: Sandbox, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    """Send a request head that `requests` would not send."""
    with closing(http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=5)) as connection:
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        response.read()
        return response.status, dict(response.headers)


def test_a_connection_serves_one_call_after_another(sandbox: Sandbox) -> None:
    with closing(http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=5)) as connection:
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("GET", "/v2/accounts")
            answer = connection.getresponse()
            assert (answer.status, answer.version) == (401, 11)
            answer.read()
        assert connection.sock is first


def test_what_is_refused_unread_has_no_tracking_id_of_an_earlier_call(sandbox: Sandbox) -> None:
    with closing(http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=5)) as connection:
        ids = []
        for path, length in (("/v2/accounts", "0"), ("/", "0"), ("/v2/accounts", "-5")):
            connection.request("GET", path, headers={"Content-Length": length})
            answer = connection.getresponse()
            answer.read()
            ids.append(answer.headers["x-zm-trackingid"])
    assert len(set(ids)) == 3
    assert [entry.tracking_id for entry in sandbox.calls] == ids[:1]


@pytest.mark.parametrize("path", ["/nowhere", "/accounts/", "/accounts//sip_trunk/trunks", "/ACCOUNTS"])
def test_an_unknown_path_is_404(path: str, caller: Caller) -> None:
    assert caller.get(path).status_code == 404


def test_a_wrong_method_is_405_with_what_is_allowed(caller: Caller, sub: str) -> None:
    response = caller.call("PUT", f"/accounts/{sub}/sip_trunk/trunks", json={})
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, POST")


def test_even_a_method_nobody_knows_gets_a_marked_answer(sandbox: Sandbox) -> None:
    status, headers = raw(sandbox, "BREW", "/v2/accounts", {})
    assert (status, headers["X-Sandbox"]) == (501, "sip-trunk-portal")
    assert "x-zm-trackingid" in headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": str(API_BODY_BYTES + 1)}, 413),
        ({"Content-Length": "9" * 30}, 413),
        ({"Content-Length": "-5"}, 400),
        ({"Content-Length": "٣".encode().decode("latin-1")}, 400),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_a_body_of_no_acceptable_length_is_refused_unread(
    headers: dict[str, str], status: int, sandbox: Sandbox
) -> None:
    answered, sent = raw(sandbox, "POST", "/v2/accounts", headers)
    assert (answered, sent["Connection"]) == (status, "close")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'"x"', b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":NaN']
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes, caller: Caller, sub: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = caller.call("POST", f"/accounts/{sub}/sip_trunk/trunks", data=body, headers=headers)
    assert response.json() == {"code": 300, "message": "Request Body should be a valid JSON object."}


GOOD_BODY = '{"sip_trunks":[{"id":"268","dnis":"18888001"}]}'


@pytest.mark.parametrize(
    "body",
    [
        GOOD_BODY.replace('"}', '","outbound_caller_id":"\\ud800"}').encode(),
        GOOD_BODY.encode("utf-16"),
        GOOD_BODY.encode("utf-32-le"),
        GOOD_BODY.encode("utf-8-sig"),
    ],
    ids=["half a surrogate pair", "utf-16", "utf-32", "byte order mark"],
)
def test_what_is_no_utf_8_or_no_text_is_refused_and_the_list_stays_readable(
    body: bytes, sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    headers = {"Content-Type": "application/json"}
    response = caller.call("POST", f"/accounts/{sub}/sip_trunk/trunks", data=body, headers=headers)
    assert response.json() == {"code": 300, "message": "Request Body should be a valid JSON object."}
    assert caller.listed(sub) == []
    assert control(sandbox, "GET", "calls").status_code == 200


def test_json_of_another_content_type_is_refused(caller: Caller, sub: str) -> None:
    response = caller.call(
        "POST",
        f"/accounts/{sub}/sip_trunk/trunks",
        data=b'{"sip_trunks":[]}',
        headers={"Content-Type": "text/plain"},
    )
    assert response.json()["message"] == "Request Body should be a valid JSON object."


def test_a_stopped_sandbox_answers_on_no_connection(connect: Connect, stack: ExitStack) -> None:
    other = stack.enter_context(Sandbox())
    caller = connect(other=other)
    assert caller.get("/accounts").status_code == 200
    other.stop()
    with pytest.raises(requests.ConnectionError):
        caller.get("/accounts")


def test_parallel_assignments_all_take_effect_once(sandbox: Sandbox, connect: Connect, sub: str) -> None:
    callers = [connect() for _ in range(8)]
    statuses: list[int] = []

    def work(number: int) -> None:
        for step in range(5):
            dnis = f"18888{number}{step}"
            statuses.append(callers[number].assign(sub, ("268", dnis)).status_code)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201] * 40
    assert len({trunk.id for trunk in sandbox.assigned(sub)}) == 40
    assert all(sandbox.applications(sub, "268", trunk.dnis) == 1 for trunk in sandbox.assigned(sub))


def test_an_unstarted_sandbox_says_so() -> None:
    with pytest.raises(RuntimeError, match="not been started"):
        assert Sandbox().url
