"""Which calls a fault hits, how often, and what a 429 says."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.sandbox.callers import Caller, ask_token
from tests.sandbox.conftest import Connect
from trunks.sandbox.estate import NORTHWIND
from trunks.sandbox.server import Sandbox


def _seconds_from_now(text: str) -> float:
    return (
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) - datetime.now(UTC)
    ).total_seconds()


def test_429_comes_with_each_form_of_retry_after(sandbox: Sandbox, caller: Caller) -> None:
    headers = {}
    for form in ("seconds", "http-date", "iso", "absent", "absurd"):
        sandbox.fault("429", retry_after=form, seconds=30)
        response = caller.get("/accounts")
        assert response.status_code == 429
        headers[form] = response.headers.get("Retry-After")
    assert headers["seconds"] == "30"
    assert headers["absent"] is None
    assert headers["absurd"] == "864000"
    assert 25 < (parsedate_to_datetime(headers["http-date"] or "") - datetime.now(UTC)).total_seconds() <= 31
    assert 25 < _seconds_from_now(headers["iso"] or "") <= 31


def test_429_of_the_second_and_of_the_day_differ_in_message_and_headers(
    sandbox: Sandbox, caller: Caller
) -> None:
    sandbox.fault("429", path="/accounts$")
    sandbox.fault("429", path="/accounts$", limit="daily")
    second, day = caller.get("/accounts"), caller.get("/accounts")
    assert "per-second" in second.json()["message"]
    assert "daily" in day.json()["message"]
    kinds = [answer.headers["X-RateLimit-Type"] for answer in (second, day)]
    assert kinds == ["QPS", "Daily-limit"]
    assert second.headers["X-RateLimit-Category"] == "Medium"
    assert "Retry-After" not in second.headers
    assert 0 < _seconds_from_now(day.headers["Retry-After"]) <= 86400


def test_429_of_parallel_work_has_words_of_its_own_and_no_headers(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.fault("429", limit="concurrent")
    response = caller.get("/accounts")
    assert response.json()["message"].startswith("Too many concurrent requests.")
    assert not {"X-RateLimit-Type", "X-RateLimit-Limit", "Retry-After"} & set(response.headers)


@pytest.mark.parametrize(
    ("headers", "sent"),
    [("quota", {"X-RateLimit-Category", "X-RateLimit-Limit", "X-RateLimit-Remaining"}), ("none", set())],
)
def test_429_comes_with_fewer_headers_than_documented(
    headers: str, sent: set[str], sandbox: Sandbox, caller: Caller
) -> None:
    sandbox.fault("429", limit="daily", headers=headers)
    response = caller.get("/accounts")
    assert "daily" in response.json()["message"]
    assert {name for name in response.headers if name.startswith("X-Rate") or name == "Retry-After"} == sent
    assert response.headers.get("X-RateLimit-Remaining") != "0"
    sandbox.fault("429", limit="daily", headers=headers, retry_after="seconds", seconds=7)
    assert caller.get("/accounts").headers["Retry-After"] == "7"


def test_a_fault_hits_the_nth_call_that_matches_and_no_other(
    sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.fault("500", method="POST", path=f"{sub}/sip_trunk", skip=1, times=2)
    statuses = [caller.assign(sub, ("268", "18888001")).status_code for _ in range(4)]
    assert statuses == [201, 500, 500, 201]
    assert caller.get("/accounts").status_code == 200


def test_a_fault_without_end_lasts_until_it_is_removed(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.fault("502", times=0)
    assert {caller.get("/accounts").status_code for _ in range(5)} == {502}
    sandbox.clear_faults()
    assert caller.get("/accounts").status_code == 200


def test_the_token_endpoint_has_faults_too(sandbox: Sandbox) -> None:
    sandbox.fault("empty_object", path="/oauth/token")
    assert ask_token(sandbox, NORTHWIND).json() == {}


def test_chances_are_the_same_for_the_same_seed(connect: Connect) -> None:
    def outcomes(seed: int) -> list[int]:
        with Sandbox(seed=seed, rate_limits=False) as other:
            caller = connect(other=other)
            other.fault("500", path="/accounts$", times=0, probability=0.5)
            return [caller.get("/accounts").status_code for _ in range(20)]

    first = outcomes(1)
    assert first == outcomes(1)
    assert first != outcomes(2)
    assert set(first) == {200, 500}


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "flood"},
        {"kind": "drop", "apply": "after"},
        {"kind": "hang", "seconds": 601},
        {"kind": "500", "path": "("},
        {"kind": "500", "probability": 0},
        {"kind": "429", "retry_after": "soon"},
        {"kind": "429", "limit": "weekly"},
        {"kind": "429", "headers": "some"},
        {"kind": "500", "colour": "red"},
        {"kind": "html", "status": 99},
        {"kind": "500", "skip": -1},
    ],
)
def test_a_bad_fault_is_refused(options: dict[str, Any], sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match=r".+"):
        sandbox.fault(**options)
    assert sandbox.faults.list() == []
