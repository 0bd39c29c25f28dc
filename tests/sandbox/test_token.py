"""The token endpoint, and what tokens are worth."""

from typing import Any

import pytest
import requests

from tests.sandbox.callers import Caller, ask_token
from tests.sandbox.conftest import Connect
from tests.sandbox.contract import CONTRACT, misfits
from trunks.sandbox.estate import CONTOSO, NORTHWIND
from trunks.sandbox.server import Sandbox

TOKEN = CONTRACT["token"]
GOOD = {"grant_type": "account_credentials", "account_id": NORTHWIND.account_id}
WRONG: dict[str, list[dict[str, Any]]] = {
    "BAD_CLIENT": [
        {"auth": (NORTHWIND.client_id, "wrong")},
        {"auth": (CONTOSO.client_id, NORTHWIND.client_secret)},
        {"auth": None},
        {"auth": None, "headers": {"Authorization": "Basic !!!"}},
    ],
    "BAD_GRANT": [{"data": GOOD | {"grant_type": "client_credentials"}}, {"data": {}}],
    "BAD_ACCOUNT": [
        {"data": GOOD | {"account_id": CONTOSO.account_id}},
        {"data": {"grant_type": GOOD["grant_type"]}},
    ],
}


@pytest.mark.parametrize("place", TOKEN["parameters_in"])
def test_a_token_is_given_for_parameters_in_the_form_or_the_query(place: str, sandbox: Sandbox) -> None:
    parameters = {"data": GOOD} if place == "form" else {"data": None, "params": GOOD}
    response = ask_token(sandbox, NORTHWIND, **parameters)
    assert response.status_code == TOKEN["success"]
    body = response.json()
    assert misfits(body, TOKEN["answer"]) == []
    assert {name: body[name] for name in TOKEN["values"]} == TOKEN["values"]
    assert (body["scope"], body["api_url"]) == ("sip_trunk:master account:master", sandbox.url)


@pytest.mark.parametrize(("error", "changes"), [(name, one) for name, many in WRONG.items() for one in many])
def test_a_wrong_request_is_refused_in_the_shape_of_the_token_endpoint(
    error: str, changes: dict[str, Any], sandbox: Sandbox
) -> None:
    response = ask_token(sandbox, NORTHWIND, **changes)
    agreed = TOKEN["errors"][error]
    assert response.status_code == agreed["status"]
    assert response.json() == {"reason": agreed["reason"], "error": agreed["error"]}


def test_a_json_body_is_no_form(sandbox: Sandbox) -> None:
    response = ask_token(sandbox, NORTHWIND, data=None, json=GOOD)
    assert response.json()["error"] == "unsupported_grant_type"


def test_only_post_gives_tokens(sandbox: Sandbox) -> None:
    response = requests.get(sandbox.oauth_url, params=GOOD, timeout=5)
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


def test_a_token_works_for_an_hour(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.advance(3590)
    assert caller.get("/accounts").status_code == 200
    sandbox.advance(20)
    assert caller.get("/accounts").json() == {"code": 124, "message": "Access token is expired."}


@pytest.mark.parametrize("header", [None, "Bearer ", "Basic abc", "bearer"])
def test_a_missing_or_malformed_bearer_token_is_refused(header: str | None, sandbox: Sandbox) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = requests.get(f"{sandbox.api_url}/accounts", headers=headers, timeout=5)
    assert (response.status_code, response.json()["code"]) == (401, 124)


def test_a_token_reaches_only_sub_accounts_of_its_own_master(connect: Connect, sub: str) -> None:
    response = connect(CONTOSO).get(f"/accounts/{sub}/sip_trunk/trunks")
    assert response.json() == {"code": 2001, "message": f"Account does not exist: {sub}."}


def test_the_masters_own_id_is_not_taken_for_me(caller: Caller) -> None:
    assert caller.get(f"/accounts/{NORTHWIND.account_id}/sip_trunk/trunks").status_code == 404


def test_revoked_tokens_are_invalid(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.revoke_tokens()
    assert caller.get("/accounts").json() == {"code": 124, "message": "Invalid access token."}
    caller.renew()
    assert caller.get("/accounts").status_code == 200


@pytest.mark.parametrize(("rule", "status"), [("many", 200), ("one", 401)])
def test_token_rule_says_whether_a_new_token_ends_the_old_one(
    rule: str, status: int, sandbox: Sandbox, connect: Connect, caller: Caller
) -> None:
    sandbox.switch("token_rule", rule)
    assert ask_token(sandbox, NORTHWIND).status_code == 200
    assert caller.get("/accounts").status_code == status


def test_one_token_per_app_leaves_other_apps_alone(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.switch("token_rule", "one")
    contoso = connect(CONTOSO)
    assert ask_token(sandbox, NORTHWIND).status_code == 200
    assert contoso.get("/accounts").status_code == 200


def test_a_token_keeps_the_scopes_that_its_app_had(sandbox: Sandbox, caller: Caller) -> None:
    scopes = sandbox.world.estate.apps[NORTHWIND.client_id].scopes
    given = list(scopes)
    scopes.clear()
    assert caller.get("/accounts").status_code == 200
    caller.renew()
    assert caller.get("/accounts").json()["code"] == 4700
    scopes[:] = given
    assert caller.get("/accounts").json()["code"] == 4700
    caller.renew()
    assert caller.get("/accounts").status_code == 200
