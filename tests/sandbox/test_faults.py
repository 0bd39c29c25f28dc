"""Each fault, as the client sees it and as the sandbox's state shows it."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.sandbox.callers import Caller
from trunks.sandbox.server import Sandbox

DNIS = "18888001"
BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


def until(holds: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.005)
    return holds()


def post(caller: Caller, sub: str, **options: Any) -> requests.Response:
    """Make the call that the faults here are about."""
    return caller.assign(sub, ("268", DNIS), **options)


def applied(sandbox: Sandbox, sub: str) -> int:
    """Return how often it took effect."""
    return sandbox.applications(sub, "268", DNIS)


@pytest.mark.parametrize(("apply", "count"), [("never", 0), ("before", 1)])
@pytest.mark.parametrize("kind", ["500", "502", "503", "504"])
def test_a_server_error_comes_with_or_without_the_effect(
    kind: str, apply: str, count: int, sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.fault(kind, method="POST", path="trunks$", apply=apply)
    assert post(caller, sub).status_code == int(kind)
    assert applied(sandbox, sub) == count
    assert post(caller, sub).status_code == 201


@pytest.mark.parametrize(
    ("kind", "body"),
    [("html", "<!DOCTYPE html>"), ("broken_json", '{"sip_trunks": '), ("empty_object", "{}")],
)
def test_an_answer_is_unreadable_although_the_call_took_effect(
    kind: str, body: str, sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.fault(kind, method="POST")
    response = post(caller, sub)
    assert response.status_code == 201
    assert response.text.startswith(body)
    assert applied(sandbox, sub) == 1


def test_broken_json_cannot_be_parsed(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.fault("broken_json", path="/accounts$")
    with pytest.raises(requests.JSONDecodeError):
        caller.get("/accounts").json()


def test_html_can_come_with_a_status_of_its_own_and_without_effect(
    sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.fault("html", apply="never", status=200)
    response = post(caller, sub)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html;charset=UTF-8")
    assert applied(sandbox, sub) == 0


@pytest.mark.parametrize(("apply", "count"), [("never", 0), ("before", 1)])
def test_the_connection_is_closed_without_an_answer(
    apply: str, count: int, sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.fault("drop", method="POST", apply=apply)
    with pytest.raises(requests.ConnectionError):
        post(caller, sub)
    assert applied(sandbox, sub) == count
    assert sandbox.calls[-1].status == 0


def test_half_a_body_is_sent(sandbox: Sandbox, caller: Caller, sub: str) -> None:
    sandbox.fault("half_body", method="POST")
    with pytest.raises(BROKEN):
        post(caller, sub)
    assert applied(sandbox, sub) == 1


@pytest.mark.parametrize("apply", ["before", "after"])
def test_a_call_that_hangs_takes_effect_at_once_or_when_the_hang_ends(
    apply: str, sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.fault("hang", method="POST", apply=apply, seconds=60)
    with pytest.raises(requests.ReadTimeout):
        post(caller, sub, timeout=0.15)
    assert until(lambda: bool(sandbox.calls_of("POST", "trunks$")))
    assert until(lambda: applied(sandbox, sub) == (1 if apply == "before" else 0))
    assert sandbox.calls[-1].status is None
    sandbox.release()
    assert until(lambda: sandbox.calls[-1].status == 201)
    assert applied(sandbox, sub) == 1


def test_a_hang_ends_by_itself(sandbox: Sandbox, caller: Caller, sub: str) -> None:
    sandbox.fault("hang", method="POST", apply="after", seconds=0.3)
    with pytest.raises(requests.ReadTimeout):
        post(caller, sub, timeout=0.05)
    assert until(lambda: applied(sandbox, sub) == 1)


def test_a_call_that_hangs_and_never_takes_effect_ends_without_an_answer(
    sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.fault("hang", method="POST", seconds=0.05)
    with pytest.raises(requests.ConnectionError):
        post(caller, sub)
    assert applied(sandbox, sub) == 0


def test_stopping_drops_what_hangs(sandbox: Sandbox, caller: Caller, sub: str) -> None:
    sandbox.fault("hang", method="POST", apply="after", seconds=60)
    failed: list[Exception] = []

    def call() -> None:
        try:
            post(caller, sub)
        except requests.ConnectionError as error:
            failed.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert until(lambda: len(sandbox.calls_of("POST", "trunks")) == 1)
    sandbox.stop()
    thread.join(30)
    assert len(failed) == 1
    assert applied(sandbox, sub) == 0


def test_a_slow_answer_sends_its_head_at_once_and_arrives_whole(
    sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.fault("slow", method="POST", seconds=60)
    response = post(caller, sub, stream=True)
    assert response.status_code == 201
    assert applied(sandbox, sub) == 1
    sandbox.pauses.stop()
    assert response.json()["sip_trunks"][0]["dnis"] == DNIS


def test_a_slow_answer_takes_its_time(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.fault("slow", seconds=0.1)
    begun = time.monotonic()
    assert caller.get("/accounts").json()["total_records"] == 40
    assert time.monotonic() - begun >= 0.1


def test_a_valid_token_is_refused_once(sandbox: Sandbox, caller: Caller, sub: str) -> None:
    sandbox.fault("unauthorized", method="POST", path="trunks")
    response = post(caller, sub)
    assert (response.status_code, response.json()["code"]) == (401, 124)
    assert post(caller, sub).status_code == 201
    assert applied(sandbox, sub) == 1


def test_latency_holds_up_all_calls_and_other_faults_happen_too(
    sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.fault("latency", seconds=0.05, jitter=0.01)
    sandbox.fault("503", method="POST")
    begun = time.monotonic()
    assert post(caller, sub).status_code == 503
    assert caller.get("/accounts").status_code == 200
    assert time.monotonic() - begun >= 0.1
