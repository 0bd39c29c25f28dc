"""The sandbox is what the contract says, so that it cannot drift away from what the client is built for."""

import pytest

from tests.sandbox.callers import Caller
from tests.sandbox.conftest import Connect
from tests.sandbox.contract import CONTRACT, OPERATIONS, is_error, misfits, wrong_bodies
from tests.sandbox.scenarios import BODIES, SCENARIOS, request, with_scopes
from trunks.sandbox import limits, routes
from trunks.sandbox.server import Sandbox

ALL = sorted(OPERATIONS)
WITH_BODY = [name for name in ALL if "body" in OPERATIONS[name]]
ERRORS = [
    (name, error)
    for name in ALL
    for error in [
        *CONTRACT["every_operation"],
        *OPERATIONS[name]["errors"],
        *OPERATIONS[name].get("guessed", []),
    ]
]


def test_the_contract_has_the_sixteen_operations() -> None:
    assert len(OPERATIONS) == 16


def test_contract_and_sandbox_have_the_same_operations_labels_and_scopes() -> None:
    agreed = {
        name: (
            item["method"],
            item["path"],
            item["label"] or "Light",
            set(item["classic"]),
            set(item["granular"]),
        )
        for name, item in OPERATIONS.items()
    }
    built = {
        route.name: (route.method, route.template, route.label, set(route.classic), set(route.granular))
        for route in routes.ROUTES
    }
    assert built == agreed


def test_contract_and_sandbox_have_the_same_rate_limits() -> None:
    assert {plan: CONTRACT["limits"][plan] for plan in limits.PER_SECOND} == limits.PER_SECOND
    assert CONTRACT["limits"]["free_per_day"] == limits.PER_DAY["free"]


@pytest.mark.parametrize("name", ALL)
def test_an_operation_answers_as_agreed(name: str, caller: Caller) -> None:
    operation = OPERATIONS[name]
    response = request(caller, operation)
    assert response.status_code == operation["success"], response.text
    if "answer" in operation:
        assert misfits(response.json(), CONTRACT["answers"][operation["answer"]]) == []
    else:
        assert response.content == b""


@pytest.mark.parametrize("name", [name for name in ALL if {"me", "answer"} <= set(OPERATIONS[name])])
def test_an_answer_about_the_master_itself_has_the_agreed_shape(name: str, caller: Caller) -> None:
    operation = OPERATIONS[name]
    answer = request(caller, operation, "me").json()
    assert misfits(answer, CONTRACT["answers"][operation["answer"]]) == []


@pytest.mark.parametrize(("name", "error"), ERRORS)
def test_every_error_of_the_contract_can_be_reached(
    name: str, error: str, sandbox: Sandbox, connect: Connect
) -> None:
    response = SCENARIOS[error](sandbox, connect, OPERATIONS[name])
    assert is_error(response, error), f"{response.status_code} {response.text}"
    assert response.headers["X-Sandbox"] == "sip-trunk-portal"


@pytest.mark.parametrize("name", WITH_BODY)
def test_every_limit_of_a_body_is_kept(name: str, caller: Caller) -> None:
    operation = OPERATIONS[name]
    for why, body in wrong_bodies(operation["body"], BODIES[operation["body"]]):
        response = request(caller, operation, json=body)
        assert response.status_code == 400, f"{why}: {response.status_code} {response.text}"
        assert response.json()["code"] == 300, f"{why}: {response.text}"


@pytest.mark.parametrize("size", [5, 6, 7, 8])
def test_a_dnis_of_five_to_eight_digits_is_accepted(size: int, caller: Caller, sub: str) -> None:
    assert caller.assign(sub, ("268", "18888000"[:size])).status_code == 201


@pytest.mark.parametrize("dnis", ["1888", "188880000"])
def test_a_dnis_of_another_length_is_named_as_the_invalid_field(dnis: str, caller: Caller, sub: str) -> None:
    body = caller.assign(sub, ("268", "18888001"), ("268", dnis)).json()
    assert body["message"] == "Validation Failed."
    assert body["errors"] == [{"field": "sip_trunks[1].dnis", "message": "Invalid field."}]


def test_thirty_trunks_and_a_caller_id_of_32_characters_are_accepted(caller: Caller, sub: str) -> None:
    rows = [{"id": "268", "dnis": f"188887{n:02}", "outbound_caller_id": "9" * 32} for n in range(30)]
    response = request(caller, OPERATIONS["assign_trunks"], sub, json={"sip_trunks": rows})
    assert response.status_code == 201
    assert len(response.json()["sip_trunks"]) == 30


@pytest.mark.parametrize("name", [name for name in ALL if "{account_id}" in OPERATIONS[name]["path"]])
def test_me_is_the_caller_where_the_text_says_so_and_nobody_elsewhere(name: str, caller: Caller) -> None:
    operation = OPERATIONS[name]
    response = request(caller, operation, "me")
    assert response.status_code == (operation["success"] if operation.get("me") else 404), response.text


@pytest.mark.parametrize("kind", ["classic", "granular"])
@pytest.mark.parametrize("name", ALL)
def test_each_scope_of_an_operation_suffices_alone(
    name: str, kind: str, sandbox: Sandbox, connect: Connect
) -> None:
    operation = OPERATIONS[name]
    for scope in operation[kind]:
        sandbox.reset()
        # Only details need another scope for the caller's own account.
        own = name == "get_account" and scope.endswith(":admin")
        caller = connect(with_scopes(sandbox, kind, [scope]))
        response = request(caller, operation, "me" if own else "")
        assert response.status_code == operation["success"], f"{scope}: {response.text}"
