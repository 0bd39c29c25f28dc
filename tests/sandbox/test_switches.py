"""Each switch, in each of its positions."""

from typing import Any

import pytest

from tests.sandbox.callers import Caller
from trunks.sandbox import switches
from trunks.sandbox.estate import NORTHWIND
from trunks.sandbox.server import Sandbox
from trunks.sandbox.switches import CHOICES, DEFAULTS


def _delete(caller: Caller, sub: str, trunk_id: str) -> int:
    return caller.call("DELETE", f"/accounts/{sub}/sip_trunk/trunks/{trunk_id}").status_code


def test_an_assigned_trunk_has_an_id_of_its_own(sandbox: Sandbox, caller: Caller, sub: str) -> None:
    answered = caller.assign(sub, ("268", "18888001")).json()["sip_trunks"][0]["id"]
    assert answered != "268"
    assert [row["id"] for row in caller.listed(sub)] == [answered]
    assert _delete(caller, sub, "268") == 404
    assert _delete(caller, sub, answered) == 204
    assert sandbox.assigned(sub) == []


def test_an_assigned_trunk_has_the_masters_id(sandbox: Sandbox, caller: Caller, sub: str) -> None:
    sandbox.switch("trunk_id", "master")
    assert caller.assign(sub, ("268", "18888001")).json()["sip_trunks"][0]["id"] == "268"
    assert [row["id"] for row in caller.listed(sub)] == ["268"]
    assert _delete(caller, sub, "268") == 204
    assert sandbox.assigned(sub) == []


@pytest.mark.parametrize(("choice", "status", "length"), [("empty", 201, "0"), ("none204", 204, None)])
def test_an_assignment_is_answered_without_a_body(
    choice: str, status: int, length: str | None, sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.switch("assign_body", choice)
    response = caller.assign(sub, ("268", "18888001"))
    assert (response.status_code, response.content) == (status, b"")
    assert response.headers.get("Content-Length") == length
    assert sandbox.applications(sub, "268", "18888001") == 1


@pytest.mark.parametrize(("choice", "shown"), [("yes", "+14155550123"), ("no", None)])
def test_the_list_shows_the_caller_id_or_not(
    choice: str, shown: str | None, sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.switch("list_caller_id", choice)
    row = {"id": "268", "dnis": "18888001", "outbound_caller_id": "+14155550123"}
    caller.call("POST", f"/accounts/{sub}/sip_trunk/trunks", json={"sip_trunks": [row]})
    assert caller.listed(sub)[0].get("outbound_caller_id") == shown


@pytest.mark.parametrize(
    ("choice", "status", "held"),
    [("add", 201, ["18888001", "18888002"]), ("replace", 201, ["18888002"]), ("refuse", 400, ["18888001"])],
)
def test_the_same_trunk_again_is_added_replaced_or_refused(
    choice: str, status: int, held: list[str], sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.switch("second_assignment", choice)
    caller.assign(sub, ("268", "18888001"))
    assert caller.assign(sub, ("268", "18888002")).status_code == status
    assert [trunk.dnis for trunk in sandbox.assigned(sub)] == held


def test_the_same_assignment_twice_is_counted_twice(sandbox: Sandbox, caller: Caller, sub: str) -> None:
    for _ in range(2):
        caller.assign(sub, ("268", "18888001"))
    assert sandbox.applications(sub, "268", "18888001") == 2
    assert len(caller.listed(sub)) == 2


@pytest.mark.parametrize(("choice", "status"), [("accept", 201), ("refuse", 400)])
def test_a_dnis_of_another_sub_account_is_accepted_or_refused(
    choice: str, status: int, sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.switch("duplicate_dnis", choice)
    assert caller.assign(sub, ("268", "18888451")).status_code == status


def test_a_dnis_twice_in_one_request_is_a_duplicate_too(sandbox: Sandbox, caller: Caller, sub: str) -> None:
    sandbox.switch("duplicate_dnis", "refuse")
    assert caller.assign(sub, ("268", "18888001"), ("305", "18888001")).status_code == 400
    assert sandbox.assigned(sub) == []


def test_lists_show_a_change_only_after_the_delay(sandbox: Sandbox, caller: Caller, sub: str) -> None:
    sandbox.switch("list_delay", "60")
    caller.assign(sub, ("268", "18888001"))
    sandbox.advance(30)
    caller.assign(sub, ("268", "18888002"))
    assert caller.listed(sub) == []
    assert len(sandbox.assigned(sub)) == 2
    sandbox.advance(31)
    assert [row["dnis"] for row in caller.listed(sub)] == ["18888001"]
    sandbox.advance(30)
    assert [row["dnis"] for row in caller.listed(sub)] == ["18888001", "18888002"]


@pytest.mark.parametrize(("choice", "held"), [("no", []), ("yes", ["18888001", "90001001"])])
def test_a_batch_with_one_bad_item_applies_nothing_or_the_good_ones(
    choice: str, held: list[str], sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.switch("partial", choice)
    response = caller.assign(sub, ("268", "18888001"), ("268", "90001001"), ("281", "90001001"))
    assert response.json() == {"code": 300, "message": "Invalid parameter: sip_trunks."}
    assert [trunk.dnis for trunk in sandbox.assigned(sub)] == held
    assert sandbox.calls[-1].applied == len(held)


@pytest.mark.parametrize("choice", CHOICES["delete_unknown"])
def test_deleting_an_unknown_trunk_answers_as_switched(
    choice: str, sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    sandbox.switch("delete_unknown", choice)
    assert _delete(caller, sub, "268") == int(choice)


@pytest.mark.parametrize(
    ("name", "value"),
    [("nothing", "yes"), ("partial", "maybe"), ("list_delay", "-1"), ("list_delay", "soon")],
)
def test_a_bad_switch_is_refused_with_what_is_allowed(name: str, value: str, sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="switch"):
        sandbox.switch(name, value)
    assert sandbox.world.switches.as_dict() == DEFAULTS


def test_one_bad_switch_among_several_changes_none() -> None:
    known = switches.Switches()
    with pytest.raises(ValueError, match="partial"):
        known.set_all({"trunk_id": "master", "partial": "maybe"})
    assert known.as_dict() == DEFAULTS


BAD_ITEMS: list[dict[str, Any]] = [
    {"dnis": "18888001"},
    {"id": "268"},
    {"id": "999", "dnis": "18888001"},
    {"id": "268", "dnis": "90001001"},
    {"id": "268", "dnis": "1888800a"},
    {"id": "268", "dnis": "18888٣٤"},
    {"id": "268", "dnis": " 1888800"},
]


@pytest.mark.parametrize("item", BAD_ITEMS)
def test_an_unfit_item_is_an_invalid_parameter(
    item: dict[str, str], sandbox: Sandbox, caller: Caller, sub: str
) -> None:
    response = caller.call("POST", f"/accounts/{sub}/sip_trunk/trunks", json={"sip_trunks": [item]})
    assert response.json() == {"code": 300, "message": "Invalid parameter: sip_trunks."}
    assert sandbox.assigned(sub) == []


def test_the_prefix_of_a_ten_digit_master_dnis_is_its_first_five_digits(caller: Caller, sub: str) -> None:
    trunk = next(row for row in caller.listed("me") if row["id"] == "305")
    assert len(trunk["dnis"]) == 10
    assert caller.assign(sub, ("305", trunk["dnis"][:5] + "999")).status_code == 201


def test_deleting_does_not_lower_the_counter(sandbox: Sandbox, caller: Caller, sub: str) -> None:
    own_id = caller.assign(sub, ("268", "18888001")).json()["sip_trunks"][0]["id"]
    _delete(caller, sub, own_id)
    assert sandbox.applications(sub, "268", "18888001") == 1
    assert sandbox.applications(NORTHWIND.account_id, "268", "18888001") == 0
