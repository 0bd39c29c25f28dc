"""The control endpoints, the front page and the journal."""

import logging
from typing import Any

import pytest
import requests

from tests.sandbox.callers import Caller, account_named, ask_token, control
from tests.sandbox.conftest import Connect
from trunks.sandbox.estate import CONTOSO, NORTHWIND, TWO_TRUNK_CUSTOMER, zoom_id
from trunks.sandbox.server import Sandbox

NEW_TRUNK = {"id": "400", "name": "New", "sip_server_address": "192.0.2.1", "dnis": "55555123"}
ZINNIA = zoom_id(f"{NORTHWIND.account_id}/Zinnia Gardens")


def console(sandbox: Sandbox, action: str, account_id: str, **rest: Any) -> requests.Response:
    """Change something as if in Zoom's own console."""
    return control(sandbox, "POST", "console", json={"action": action, "account_id": account_id, **rest})


def test_switches_are_read_and_set(sandbox: Sandbox) -> None:
    assert control(sandbox, "GET", "switches").json()["trunk_id"] == "own"
    changed = control(sandbox, "PUT", "switches", json={"trunk_id": "master", "list_delay": 2.5})
    assert (changed.json()["trunk_id"], changed.json()["list_delay"]) == ("master", "2.5")
    refused = control(sandbox, "PUT", "switches", json={"trunk_id": "mine"})
    assert refused.status_code == 400
    assert "own, master" in refused.json()["error"]


def test_faults_are_added_listed_and_removed(sandbox: Sandbox, caller: Caller) -> None:
    first = control(
        sandbox, "POST", "faults", json={"kind": "503", "nth": 2, "count": 1, "path": "/accounts$"}
    ).json()
    second = control(sandbox, "POST", "faults", json={"kind": "latency", "seconds": 0}).json()
    assert (first["skip"], first["times"], second["times"]) == (1, 1, 0)
    assert [caller.get("/accounts").status_code for _ in range(3)] == [200, 503, 200]
    assert [fault["fired"] for fault in control(sandbox, "GET", "faults").json()] == [1, 3]
    assert control(sandbox, "DELETE", "faults", params={"id": first["id"]}).json() == {"removed": 1}
    assert control(sandbox, "DELETE", "faults").json() == {"removed": 1}
    assert control(sandbox, "POST", "faults", json={"kind": "flood"}).status_code == 400


def test_the_journal_tells_what_was_called_and_what_took_effect(
    sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.fault("drop", method="POST", path="trunks", apply="before")
    with pytest.raises(requests.ConnectionError):
        caller.assign(sub, ("268", "18888001"), ("281", "90001001"))
    journal = control(sandbox, "GET", "calls", params={"method": "POST", "path": "trunks$"}).json()
    assert journal["applied"] == 2
    (entry,) = journal["calls"]
    assert (entry["status"], entry["result"], entry["operation"]) == (0, 201, "assign_trunks")
    assert entry["fault"] == "drop#1 apply=before"
    assert entry["account_id"] == NORTHWIND.account_id
    assert entry["body"]["sip_trunks"][0] == {"id": "268", "dnis": "18888001"}
    later = control(sandbox, "GET", "calls", params={"since": entry["number"]}).json()
    assert later["calls"] == []
    assert control(sandbox, "DELETE", "calls").status_code == 200
    assert sandbox.calls == []


def test_each_answer_carries_the_tracking_id_of_its_journal_entry(sandbox: Sandbox, caller: Caller) -> None:
    answers = [caller.get("/accounts"), caller.get("/nowhere"), caller.get("/accounts/me")]
    ids = [answer.headers["x-zm-trackingid"] for answer in answers]
    assert [entry.tracking_id for entry in sandbox.calls[-3:]] == ids
    assert len(set(ids)) == 3
    assert all(text.startswith("v=2.0;clid=us02;rid=WEB_") for text in ids)


def test_neither_journal_nor_log_holds_a_secret(
    sandbox: Sandbox, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trunks.sandbox")
    token = caller.renew()
    caller.get("/accounts", params={"access_token": "in-the-query", "page_size": 5})
    logged = "\n".join(record.getMessage() for record in caplog.records)
    seen = control(sandbox, "GET", "calls").text + logged
    assert "/oauth/token 200" in logged
    assert "in-the-query" not in seen
    assert "page_size=5" in seen
    assert token not in seen
    assert NORTHWIND.client_secret not in seen


def test_each_call_is_one_line_even_when_its_path_has_control_characters(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trunks.sandbox")
    sandbox.switch("partial", "yes")
    sandbox.fault("500")
    ask_token(sandbox, NORTHWIND)
    (record,) = caplog.records
    line = record.getMessage()
    assert "POST /oauth/token 500 v=2.0" in line
    assert line.endswith("500#1 apply=never partial=yes")


def test_state_shows_the_truth_and_the_counters(sandbox: Sandbox, caller: Caller, sub: str) -> None:
    sandbox.switch("list_delay", "60")
    caller.assign(sub, ("268", "18888001"))
    state = control(sandbox, "GET", "state").json()
    mine = next(account for account in state["accounts"] if account["id"] == sub)
    assert [trunk["dnis"] for trunk in mine["assigned"]] == ["18888001"]
    assert state["applications"] == [{"account_id": sub, "trunk_id": "268", "dnis": "18888001", "count": 1}]
    assert "secret" not in str(state)


def test_reset_goes_back_to_the_beginning(sandbox: Sandbox, caller: Caller, sub: str) -> None:
    before = sandbox.estate.to_dict()
    caller.assign(sub, ("268", "18888001"))
    sandbox.switch("partial", "yes")
    sandbox.fault("500", times=0)
    assert control(sandbox, "POST", "reset", json={}).status_code == 200
    assert sandbox.estate.to_dict() == before
    assert sandbox.world.switches["partial"] == "no"
    assert (sandbox.calls, sandbox.faults.list(), sandbox.applications(sub, "268", "18888001")) == ([], [], 0)
    assert caller.get("/accounts").status_code == 401


def test_an_estate_is_merged_or_replaces_the_old_one(sandbox: Sandbox, caller: Caller) -> None:
    extra = {"id": "extra", "name": "Extra Ltd", "number": 1, "master_id": NORTHWIND.account_id}
    assert control(sandbox, "POST", "estate", json={"mode": "merge", "accounts": [extra]}).status_code == 200
    assert caller.get("/accounts/extra").json()["account_name"] == "Extra Ltd"
    assert control(sandbox, "POST", "estate", json={"accounts": [extra]}).json() == {"accounts": 1}
    wrong = control(sandbox, "POST", "estate", json={"accounts": [extra | {"colour": "red"}]})
    assert wrong.status_code == 400
    assert "colour" in wrong.json()["error"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "1"),
        ("name", None),
        ("sip_plan", 1),
        ("numbers", "18885550100"),
        ("numbers", [18885550100]),
        ("trunks", [NEW_TRUNK | {"dnis": 55555123}]),
        ("settings", {"show_zoom_provided_numbers": "2"}),
    ],
)
def test_an_estate_with_a_value_of_another_type_is_refused_with_the_field(
    field: str, value: object, sandbox: Sandbox
) -> None:
    before = sandbox.estate.to_dict()
    account = {"id": "extra", "name": "Extra Ltd", "number": 1, field: value}
    refused = control(sandbox, "POST", "estate", json={"mode": "merge", "accounts": [account]})
    inner = "dnis" if field == "trunks" else "show_zoom_provided_numbers" if field == "settings" else field
    assert refused.status_code == 400
    assert f"{inner} of " in refused.json()["error"]
    assert sandbox.estate.to_dict() == before


@pytest.mark.parametrize(
    ("method", "name", "body"),
    [
        ("GET", "calls?path=(", b""),
        ("POST", "faults", b'{"kind": "drop", "nth": 1e999}'),
        ("POST", "clock", b'{"advance": 1' + b"0" * 400 + b"}"),
    ],
)
def test_an_expression_or_a_number_that_is_none_is_refused(
    method: str, name: str, body: bytes, sandbox: Sandbox
) -> None:
    headers = {"Content-Type": "application/json"}
    refused = control(sandbox, method, name, data=body, headers=headers)
    assert (refused.status_code, list(refused.json())) == (400, ["error"])


def test_somebody_assigns_and_removes_a_trunk_in_the_console(
    sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    made = console(sandbox, "put_trunk", sub, trunk_id="268", dnis="18888900", outbound_caller_id="+1").json()
    assert caller.listed(sub) == [{name: value for name, value in made.items() if name != "trunk_id"}]
    assert sandbox.applications(sub, "268", "18888900") == 0
    assert console(sandbox, "remove_trunk", sub, dnis="18888900").json() == {"removed": 1}
    assert caller.listed(sub) == []


def test_somebody_renames_a_customer_and_takes_its_plan_in_the_console(
    sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    assert console(sandbox, "change_account", sub, name="Fifth Coffee", sip_plan=False).status_code == 200
    assert caller.get(f"/accounts/{sub}").json()["account_name"] == "Fifth Coffee"
    assert caller.get(f"/accounts/{sub}/sip_trunk/trunks").json()["code"] == 300


def test_somebody_removes_a_customer_in_the_console(sandbox: Sandbox, caller: Caller, sub: str) -> None:
    assert console(sandbox, "remove_account", sub).status_code == 200
    assert caller.assign(sub, ("268", "18888001")).status_code == 404
    assert caller.get("/accounts").json()["total_records"] == 39


def test_somebody_adds_and_removes_a_master_trunk_in_the_console(
    sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    master = NORTHWIND.account_id
    assert console(sandbox, "put_master_trunk", master, **NEW_TRUNK).status_code == 200
    assert caller.assign(sub, ("400", "55555999")).status_code == 201
    assert console(sandbox, "remove_master_trunk", master, id="400").json() == {"removed": 1}
    assert caller.assign(sub, ("400", "55555998")).status_code == 400


@pytest.mark.parametrize(
    "order",
    [
        {"action": "explode"},
        {"action": "remove_account", "account_id": "nobody"},
        {"action": "change_account", "account_id": CONTOSO.account_id, "seats": "many"},
        {"action": "change_account", "account_id": CONTOSO.account_id, "trunks": []},
        {"action": "change_account", "account_id": CONTOSO.account_id, "rate_plan": "gold"},
        {"action": "put_master_trunk", "account_id": CONTOSO.account_id, **NEW_TRUNK, "dnis": 55555123},
        {"action": "put_master_trunk", "account_id": CONTOSO.account_id, **NEW_TRUNK, "id": 400},
        {"action": "put_trunk", "account_id": CONTOSO.account_id, "trunk_id": "501", "dnis": "70003111"},
        {"action": "put_trunk", "account_id": ZINNIA, "trunk_id": "501", "dnis": "70003111"},
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused(order: dict[str, Any], sandbox: Sandbox) -> None:
    before = sandbox.estate.to_dict()
    assert control(sandbox, "POST", "console", json=order).status_code == 400
    assert sandbox.estate.to_dict() == before


def test_the_clock_is_pushed_and_tokens_are_revoked(sandbox: Sandbox, connect: Connect) -> None:
    first, second = connect(), connect(CONTOSO)
    assert control(sandbox, "DELETE", "tokens").status_code == 200
    assert first.get("/accounts").json()["message"] == "Invalid access token."
    second.renew()
    assert control(sandbox, "POST", "clock", json={"advance": 3601}).status_code == 200
    assert second.get("/accounts").json()["message"] == "Access token is expired."
    assert control(sandbox, "POST", "clock", json={"advance": -1}).status_code == 400


def test_release_ends_a_hang(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.fault("hang", seconds=60, apply="after", path="/accounts$")
    with pytest.raises(requests.ReadTimeout):
        caller.get("/accounts", timeout=0.1)
    assert control(sandbox, "POST", "release", json={}).json() == {"released": True}


@pytest.mark.parametrize(("method", "name", "status"), [("GET", "nothing", 404), ("DELETE", "switches", 405)])
def test_unknown_control_calls_are_refused(method: str, name: str, status: int, sandbox: Sandbox) -> None:
    assert control(sandbox, method, name).status_code == status


def test_a_web_page_cannot_control_the_sandbox(sandbox: Sandbox) -> None:
    form = control(sandbox, "POST", "reset", data={"a": "b"})
    rebound = control(sandbox, "GET", "state", headers={"Host": "evil.example"})
    assert (form.status_code, rebound.status_code) == (400, 400)


def test_the_front_page_says_what_it_is_and_escapes_names(sandbox: Sandbox, caller: Caller) -> None:
    caller.get("/accounts")
    sandbox.fault("drop", path="<trunks>", times=0)
    page = requests.get(sandbox.url, timeout=5)
    assert page.headers["X-Sandbox"] == "sip-trunk-portal"
    assert "This is not Zoom." in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script" not in page.text
    for text in (
        TWO_TRUNK_CUSTOMER,
        "list_delay",
        "/v2/accounts",
        "&lt;trunks&gt;",
        "any number",
        NORTHWIND.client_id,
        sandbox.api_url,
    ):
        assert text in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert account_named(sandbox, TWO_TRUNK_CUSTOMER) in page.text
