"""Pages of lists, and the estates that fill them."""

import re
from contextlib import ExitStack
from typing import Any

import pytest

from tests.sandbox.callers import Caller, account_named
from tests.sandbox.conftest import Connect
from trunks.sandbox.estate import (
    CONTOSO,
    DEMO_CREDENTIALS,
    NORTHWIND,
    TWO_TRUNK_CUSTOMER,
    big_estate,
    demo_estate,
    empty_estate,
    sub_account,
)
from trunks.sandbox.records import Estate
from trunks.sandbox.server import Sandbox


def pages(caller: Caller, path: str, **query: Any) -> list[dict[str, Any]]:
    """Return all pages of a list."""
    found = [caller.get(path, params=query).json()]
    while token := found[-1]["next_page_token"]:
        found.append(caller.get(path, params=query | {"next_page_token": token}).json())
    return found


def test_a_list_comes_in_pages_of_thirty_and_ends_with_an_empty_token(caller: Caller) -> None:
    found = pages(caller, "/accounts")
    assert [len(page["accounts"]) for page in found] == [30, 10]
    assert {page["total_records"] for page in found} == {40}
    ids = [row["id"] for page in found for row in page["accounts"]]
    assert len(set(ids)) == 40


def test_thousands_of_sub_accounts_are_listed_completely(connect: Connect, stack: ExitStack) -> None:
    big = stack.enter_context(Sandbox(big_estate(3000), rate_limits=False))
    found = pages(connect(other=big), "/accounts", page_size=300)
    assert len({row["id"] for page in found for row in page["accounts"]}) == 3040


@pytest.mark.parametrize("change", [{"page_size": 11}, {"email": "it-0001@customer.example"}])
def test_a_page_token_belongs_to_its_parameters(change: dict[str, Any], caller: Caller) -> None:
    token = caller.get("/accounts", params={"page_size": 10}).json()["next_page_token"]
    same = caller.get("/accounts", params={"page_size": 10, "next_page_token": token})
    other = caller.get("/accounts", params={"page_size": 10, "next_page_token": token} | change)
    assert same.status_code == 200
    assert other.json() == {"code": 300, "message": "The next page token is invalid or expired."}


def test_a_page_token_belongs_to_its_account(caller: Caller, connect: Connect) -> None:
    token = caller.get("/accounts", params={"page_size": 10}).json()["next_page_token"]
    stranger = connect(CONTOSO).get("/accounts", params={"page_size": 10, "next_page_token": token})
    assert stranger.status_code == 400


def test_a_page_token_lives_fifteen_minutes(caller: Caller, sandbox: Sandbox) -> None:
    token = caller.get("/accounts").json()["next_page_token"]
    sandbox.advance(14 * 60)
    assert caller.get("/accounts", params={"next_page_token": token}).status_code == 200
    sandbox.advance(61)
    assert caller.get("/accounts", params={"next_page_token": token}).status_code == 400


@pytest.mark.parametrize("token", ["x", "é", "A" * 32, "=" * 9])
def test_an_invented_page_token_is_refused(token: str, caller: Caller) -> None:
    response = caller.get("/accounts", params={"next_page_token": token})
    assert response.json() == {"code": 300, "message": "The next page token is invalid or expired."}


@pytest.mark.parametrize("size", ["0", "301", "-1", "ten", "1e2", "٣", "9" * 5000])
def test_a_page_size_outside_1_to_300_is_refused(size: str, caller: Caller) -> None:
    response = caller.get("/accounts", params={"page_size": size})
    assert response.json()["errors"] == [{"field": "page_size", "message": "Invalid field."}]


def test_the_deprecated_page_number_works(caller: Caller) -> None:
    assert len(caller.get("/accounts", params={"page_number": 2}).json()["accounts"]) == 10


def test_the_list_can_be_filtered_by_the_owners_mail(caller: Caller) -> None:
    rows = caller.get("/accounts", params={"email": "it-0002@customer.example"}).json()["accounts"]
    assert [row["account_name"] for row in rows] == ["Alpine Ski House"]


def test_a_second_tier_is_listed_by_its_reseller_and_not_among_the_first(
    caller: Caller, sandbox: Sandbox
) -> None:
    reseller = account_named(sandbox, "Relecloud")
    sandbox.estate.add(sub_account(reseller, "Third Tier Ltd", 900))
    rows = caller.get("/accounts", params={"sub_reseller_id": reseller}).json()["accounts"]
    assert [row["account_name"] for row in rows] == ["Third Tier Ltd"]
    assert caller.get("/accounts").json()["total_records"] == 40
    assert caller.get(f"/accounts/{rows[0]['id']}/sip_trunk/trunks").status_code == 404


def test_internal_numbers_come_in_pages_without_ids(caller: Caller) -> None:
    number = {"display_number": "x", "country": "US", "type": 1, "labels": "", "languages": "en-US"}
    rows = [number | {"number": f"+1415555{n:04}"} for n in range(1, 8)]
    caller.call("POST", "/accounts/me/sip_trunk/internal_numbers", json={"internal_numbers": rows})
    found = pages(caller, "/accounts/me/sip_trunk/internal_numbers", page_size=5)
    assert [len(page["internal_numbers"]) for page in found] == [5, 2]
    assert not any("id" in row for page in found for row in page["internal_numbers"])


def test_settings_are_copied_from_the_master_dropped_and_changed(
    caller: Caller, sandbox: Sandbox, sub: str
) -> None:
    path = f"/accounts/{sub}/sip_trunk/settings"
    sandbox.estate.accounts[NORTHWIND.account_id].settings.show_zoom_provided_numbers = 1
    caller.call("PATCH", path, json={"enable": True, "show_callout_internal_number": False})
    assert caller.get(path).json() == {
        "show_callout_internal_number": False,
        "show_zoom_provided_callout_countries": 0,
        "show_zoom_provided_numbers": 1,
    }
    caller.call("PATCH", path, json={"enable": False})
    assert caller.get(path).json()["show_zoom_provided_numbers"] == 0


def test_numbers_are_given_and_taken_all_at_once(caller: Caller, sandbox: Sandbox, sub: str) -> None:
    mine = [row["number"] for row in caller.get("/sip_trunk/numbers").json()["phone_numbers"]]
    path = f"/accounts/{sub}/sip_trunk/numbers"
    assert caller.call("POST", path, json={"phone_numbers": mine[:2]}).status_code == 201
    assert sandbox.estate.accounts[sub].numbers == mine[:2]
    assert caller.call("DELETE", path).status_code == 204
    assert sandbox.estate.accounts[sub].numbers == []


def test_countries_are_added_once_and_removed(caller: Caller, sub: str) -> None:
    path = f"/accounts/{sub}/sip_trunk/callout_countries"
    for _ in range(2):
        caller.call("POST", path, json={"callout_countries": [{"id": "DE"}, {"id": "FR"}]})
    assert [row["id"] for row in caller.get(path).json()["callout_countries"]] == ["DE", "FR"]
    assert caller.call("DELETE", f"{path}/DE").status_code == 204
    assert caller.get(path).json()["total_records"] == 1


def test_an_internal_number_is_deleted_by_the_id_its_creation_answered(caller: Caller, sub: str) -> None:
    path = f"/accounts/{sub}/sip_trunk/internal_numbers"
    number = {"number": "+4930555123", "display_number": "x", "country": "DE", "type": 0, "labels": ""}
    body = {"internal_numbers": [number | {"languages": "de-DE", "allow_join": False}]}
    made = caller.call("POST", path, json=body).json()["internal_numbers"][0]
    assert made["allow_join"] is True
    assert caller.call("DELETE", f"{path}/{made['id']}").status_code == 204
    assert caller.get(path).json()["total_records"] == 0


def test_the_demo_estate_is_the_same_every_time() -> None:
    assert demo_estate() == demo_estate()
    assert Estate.from_dict(demo_estate().to_dict()) == demo_estate()


def test_the_demo_estate_has_what_demo_and_tests_rely_on() -> None:
    estate = demo_estate()
    names = {account.name: account for account in estate.accounts.values()}
    northwind = estate.accounts[NORTHWIND.account_id]
    assert [trunk.id for trunk in northwind.trunks] == ["268", "281", "305", "342"]
    assert {trunk.prefix for trunk in northwind.trunks} == {"18888", "90001"}
    assert {trunk.prefix for trunk in estate.accounts[CONTOSO.account_id].trunks} == {"70003"}
    assert len(list(estate.sub_accounts(CONTOSO.account_id))) == 12
    assert len(names[TWO_TRUNK_CUSTOMER].assigned) == 2
    assert any(name.startswith("=") for name in names)
    assert any("<script>" in name for name in names)
    assert any("ü" in name for name in names)


def test_ids_look_like_zooms_and_credentials_look_like_what_they_are() -> None:
    for account_id in big_estate(500).accounts:
        assert re.fullmatch(r"[A-Za-z0-9_-]{22}", account_id)
    for known in DEMO_CREDENTIALS:
        assert known.client_id.startswith("sandbox-only-")
        assert known.client_secret.startswith("sandbox-only-not-a-secret-")
        # An id that began with a dash could not be given to a command as `--account-id ID`.
        assert not known.account_id.startswith("-")


def test_the_empty_estate_has_masters_and_no_sub_accounts() -> None:
    assert list(empty_estate().sub_accounts(NORTHWIND.account_id)) == []
    assert len(empty_estate().accounts[NORTHWIND.account_id].trunks) == 4
