"""How to reach every operation and every error of the contract."""

from collections.abc import Callable
from typing import Any

import requests

from tests.sandbox.callers import Caller, account_named
from tests.sandbox.conftest import Connect
from tests.sandbox.contract import CONTRACT
from trunks.sandbox.estate import (
    NO_PLAN,
    NO_TRUNKS,
    NORTHWIND,
    NOT_A_MASTER,
    TWO_TRUNK_CUSTOMER,
    UNENROLLED_CUSTOMER,
    zoom_id,
)
from trunks.sandbox.records import App
from trunks.sandbox.server import Sandbox

Operation = dict[str, Any]
NUMBER = {
    "number": "+16466661110",
    "display_number": "+1 646 666 1110",
    "country": "US",
    "type": 0,
    "labels": "Head office",
    "languages": "en-GB",
}
BODIES: dict[str, dict[str, Any]] = {
    "assignment_batch": {
        "sip_trunks": [{"id": "268", "dnis": "18888777", "outbound_caller_id": "+14155550123"}]
    },
    "settings_update": {"enable": True, "show_zoom_provided_numbers": 2},
    "number_batch": {"phone_numbers": ["18885550100"]},
    "country_batch": {"callout_countries": [{"id": "DE"}]},
    "internal_number_batch": {"internal_numbers": [NUMBER]},
}


def request(caller: Caller, operation: Operation, account_id: str = "", **options: Any) -> requests.Response:
    """Make a call of an operation that works unless something is changed."""
    known = account_id or account_named(caller.sandbox, TWO_TRUNK_CUSTOMER)
    path = operation["path"].format(
        account_id=known, trunk_id="4711", country_id="US", number_id="A26fhgdfg63"
    )
    if "body" in operation and "data" not in options:
        options.setdefault("json", BODIES[operation["body"]])
    return caller.call(operation["method"], path, **options)


def with_scopes(sandbox: Sandbox, kind: str, scopes: list[str]) -> App:
    """Give Northwind Telecom another app."""
    app = App(f"app-{kind}", "secret", NORTHWIND.account_id, scopes, kind)
    sandbox.estate.add_app(app)
    return app


def _expired(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    caller = connect()
    sandbox.advance(CONTRACT["token"]["values"]["expires_in"] + 1)
    return request(caller, operation)


def _invalid(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    caller = connect()
    caller.session.headers["Authorization"] = "Bearer nonsense"
    return request(caller, operation)


def _scope(kind: str) -> "Scenario":
    return lambda sandbox, connect, operation: request(
        connect(with_scopes(sandbox, kind, ["user:read"])), operation
    )


def _until_limited(caller: Caller, operation: Operation) -> requests.Response:
    caller.sandbox.limits.enabled = True
    tries = (request(caller, operation) for _ in range(50))
    return next(response for response in tries if response.status_code == 429)


def _per_second(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    sandbox.estate.accounts[NORTHWIND.account_id].rate_plan = "free"
    return _until_limited(connect(), operation)


def _per_day(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    sandbox.estate.accounts[NORTHWIND.account_id].daily_limit = 1
    return _until_limited(connect(), operation)


def _unknown_account(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    if "{account_id}" not in operation["path"]:
        return request(connect(), operation, params={"sub_reseller_id": zoom_id("nobody")})
    return request(connect(), operation, zoom_id("nobody"))


def _not_this_masters(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    if "{account_id}" not in operation["path"]:
        return request(connect(NO_PLAN), operation)
    return request(connect(), operation, zoom_id("nobody"))


def _unenrolled(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    return request(connect(), operation, account_named(sandbox, UNENROLLED_CUSTOMER))


def _no_master_own(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    return request(connect(NOT_A_MASTER), operation, "me")


def _no_master_other(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    return request(connect(NOT_A_MASTER), operation)


def _no_trunks(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    return request(connect(NO_TRUNKS), operation, account_named(sandbox, "Tailspin Toys"))


def _bad_json(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    return request(connect(), operation, data=b'{"sip_trunks":', headers={"Content-Type": "application/json"})


def _bad_fields(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    if "body" in operation:
        return request(connect(), operation, json=BODIES[operation["body"]] | {"unknown": 1})
    return request(connect(), operation, params={"page_size": 301})


def _bad_page(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    return request(connect(), operation, params={"next_page_token": "w7587w4eiyfsudgf"})


def _body(body: dict[str, Any]) -> "Scenario":
    return lambda sandbox, connect, operation: request(connect(), operation, json=body)


def _number_twice(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    caller = connect()
    request(caller, operation)
    return request(caller, operation, "me")


def _no_room(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    sandbox.estate.accounts[account_named(sandbox, TWO_TRUNK_CUSTOMER)].max_internal_numbers = 1
    return request(connect(), operation)


def _unknown_trunk(sandbox: Sandbox, connect: Connect, operation: Operation) -> requests.Response:
    return request(connect(), operation, account_named(sandbox, "Fourth Coffee"))


Scenario = Callable[[Sandbox, Connect, Operation], requests.Response]
SCENARIOS: dict[str, Scenario] = {
    "TOKEN_INVALID": _invalid,
    "TOKEN_EXPIRED": _expired,
    "SCOPE_CLASSIC": _scope("classic"),
    "SCOPE_GRANULAR": _scope("granular"),
    "QPS": _per_second,
    "DAILY": _per_day,
    "BAD_JSON": _bad_json,
    "BAD_FIELDS": _bad_fields,
    "BAD_PAGE": _bad_page,
    "NX": _unknown_account,
    "NX_DETAIL": _unknown_account,
    "NB_MASTER": _not_this_masters,
    "NB_YOU": _no_master_other,
    "EN": _unenrolled,
    "NP": _no_master_other,
    "NM": _no_master_own,
    "NO_TRUNKS": _no_trunks,
    "BAD_TRUNKS": _body({"sip_trunks": [{"id": "268", "dnis": "99999777"}]}),
    "NO_PLAN": _unenrolled,
    "FOREIGN_NUMBER": _body({"phone_numbers": ["000000000"]}),
    "BAD_COUNTRIES": _body({"callout_countries": [{"id": "ZZ"}]}),
    "TOO_MANY_NUMBERS": _no_room,
    "NUMBER_USED": _number_twice,
    "BAD_NUMBERS": _body({"internal_numbers": [NUMBER | {"number": "16466661110"}]}),
    "UNKNOWN_TRUNK": _unknown_trunk,
}
