"""Reading the sub accounts of a master account."""

import json
from collections.abc import Callable
from itertools import count

import pytest
import responses
from requests import PreparedRequest
from responses.matchers import query_param_matcher

from tests.zoom.conftest import API, Opened
from tests.zoom.test_client import TRUNKS
from trunks.zoom.errors import RateLimited, Refused, Unreadable
from trunks.zoom.hooks import Result
from trunks.zoom.types import Label, SubAccount


def accounts_page(token: str | None, *ids: str) -> dict[str, object]:
    page: dict[str, object] = {"accounts": [{"id": id_} for id_ in ids]}
    return page if token is None else page | {"next_page_token": token}


class TestSubAccounts:
    @pytest.mark.parametrize("total", [3, "3"])
    def test_an_empty_list_beside_a_count_is_no_list(
        self, client: Opened, zoom: responses.RequestsMock, total: object
    ) -> None:
        """Believed, it would make every sub account gone."""
        zoom.get(f"{API}/accounts", json={"total_records": total, "accounts": [], "next_page_token": ""})
        with pytest.raises(Unreadable, match="the list is empty, and Zoom counts 3") as caught:
            list(client.list_sub_accounts())
        assert caught.value.retryable

    def test_nor_are_empty_pages_beside_a_count(self, client: Opened, zoom: responses.RequestsMock) -> None:
        for token, then in (("", "x"), ("x", "")):
            query = {"page_size": "300"} | ({"next_page_token": token} if token else {})
            body = {"total_records": 3, "accounts": [], "next_page_token": then}
            zoom.get(f"{API}/accounts", json=body, match=[query_param_matcher(query)])
        with pytest.raises(Unreadable, match="counts 3"):
            list(client.list_sub_accounts())

    @pytest.mark.parametrize("total", [0, "0", -1, None, "many"])
    def test_an_empty_list_without_a_count_is_empty(
        self, client: Opened, zoom: responses.RequestsMock, total: object
    ) -> None:
        zoom.get(f"{API}/accounts", json={"total_records": total, "accounts": []})
        assert list(client.list_sub_accounts()) == []

    def test_a_last_page_may_be_empty(self, client: Opened, zoom: responses.RequestsMock) -> None:
        for token, then, rows in (("", "x", [{"id": "a"}]), ("x", "", [])):
            query = {"page_size": "300"} | ({"next_page_token": token} if token else {})
            body = {"total_records": 1, "accounts": rows, "next_page_token": then}
            zoom.get(f"{API}/accounts", json=body, match=[query_param_matcher(query)])
        assert [account.id for account in client.list_sub_accounts()] == ["a"]

    def test_all_pages_are_read_with_the_same_query(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        url = f"{API}/accounts"
        zoom.get(url, json=accounts_page("two", "a"), match=[query_param_matcher({"page_size": "300"})])
        for token, page in [
            (
                "two",
                accounts_page(
                    "3&=",
                ),
            ),
            ("3&=", accounts_page("", "b", "c")),
        ]:
            query = {"page_size": "300", "next_page_token": token}
            zoom.get(url, json=page, match=[query_param_matcher(query)])
        assert [account.id for account in client.list_sub_accounts()] == ["a", "b", "c"]
        assert client.turns == [Label.MEDIUM] * 3
        assert [call.path for call in client.calls] == ["/accounts"] * 3

    def test_a_page_that_is_read_again_does_not_start_the_list_anew(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        zoom.get(f"{API}/accounts", json=accounts_page("two", "a"))
        zoom.get(f"{API}/accounts", json={"code": 429, "message": "Too many."}, status=429)
        zoom.get(
            f"{API}/accounts",
            json=accounts_page("", "b"),
            match=[query_param_matcher({"page_size": "300", "next_page_token": "two"})],
        )

        def twice(read: Callable[[], Result]) -> Result:
            try:
                return read()
            except RateLimited:
                return read()

        assert [account.id for account in client.list_sub_accounts(twice)] == ["a", "b"]
        assert len(client.calls) == 3

    def test_an_absent_page_token_ends_the_list(self, client: Opened, zoom: responses.RequestsMock) -> None:
        zoom.get(f"{API}/accounts", json=accounts_page(None, "a"))
        assert len(list(client.list_sub_accounts())) == 1

    def test_a_page_token_that_comes_twice_is_an_error(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        zoom.get(f"{API}/accounts", json=accounts_page("again", "a"))
        with pytest.raises(Unreadable, match="twice"):
            list(client.list_sub_accounts())
        assert len(client.calls) == 2

    def test_a_page_token_that_never_changes_leads_to_the_end_all_the_same(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        pages = (("a",), (), ("b",))
        for page in (*(accounts_page("same", *ids) for ids in pages), accounts_page("", "b", "c")):
            zoom.get(f"{API}/accounts", json=page)
        assert [account.id for account in client.list_sub_accounts()] == ["a", "b", "c"]

    def test_a_list_without_end_is_an_error(
        self, client: Opened, zoom: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("trunks.zoom.client.PAGES_AT_MOST", 5)
        numbers = count()

        def page(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
            return 200, {}, json.dumps(accounts_page(str(next(numbers))))

        zoom.add_callback("GET", f"{API}/accounts", page)
        with pytest.raises(Unreadable, match="more than 5 pages"):
            list(client.list_sub_accounts())

    def test_pages_without_end_that_bring_nothing_new_are_given_up_soon(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        for number in range(11):
            zoom.get(f"{API}/accounts", json=accounts_page(f"token {number}", *["a"][number:]))
        with pytest.raises(Unreadable, match="10 pages brought nothing new"):
            list(client.list_sub_accounts())
        assert len(client.calls) == 11

    def test_trunks_that_come_again_under_ever_new_tokens_are_read_for_some_pages_only(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        for number in range(11):
            zoom.get(TRUNKS, json={"sip_trunks": [{"id": "1"}], "next_page_token": f"token {number}"})
        assert [trunk.id for trunk in client.list_trunks("sub")] == ["1"]
        assert len(client.calls) == 11

    @pytest.mark.parametrize("last", [0, None, False, ""])
    def test_a_page_token_may_be_a_number(
        self, client: Opened, zoom: responses.RequestsMock, last: object
    ) -> None:
        for query, token, ids in (({}, 2, "ab"), ({"next_page_token": "2"}, last, "c")):
            page = accounts_page("", *ids) | {"next_page_token": token}
            matches = query_param_matcher(query | {"page_size": "300"})
            zoom.get(f"{API}/accounts", json=page, match=[matches])
        assert [account.id for account in client.list_sub_accounts()] == ["a", "b", "c"]

    @pytest.mark.parametrize(
        ("found", "words"), [("a" * 201, "more than 200 characters"), (".", "no id"), ("..", "no id")]
    )
    def test_an_id_that_cannot_be_kept_or_named_is_an_error(
        self, client: Opened, zoom: responses.RequestsMock, found: str, words: str
    ) -> None:
        zoom.get(f"{API}/accounts", json=accounts_page("", found))
        with pytest.raises(Unreadable, match=words):
            list(client.list_sub_accounts())

    @pytest.mark.parametrize("token", [True, 1.5, ["x"], {"x": 1}])
    def test_a_page_token_that_is_no_text_is_an_error(
        self, client: Opened, zoom: responses.RequestsMock, token: object
    ) -> None:
        zoom.get(f"{API}/accounts", json={"accounts": [], "next_page_token": token})
        with pytest.raises(Unreadable, match="next_page_token"):
            list(client.list_sub_accounts())

    def test_an_expired_page_token_is_a_refusal_that_reading_anew_cures(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        body = {"code": 300, "message": "The next page token is invalid or expired."}
        zoom.get(f"{API}/accounts", json=body, status=400)
        with pytest.raises(Refused) as caught:
            list(client.list_sub_accounts())
        assert caught.value.retryable

    def test_one_account_is_read_with_its_numbers_as_text(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        zoom.get(
            f"{API}/accounts/q6gB_J-rpg",
            body='{"id": "q6gB_J-rpg", "account_name": "Acme", "account_number": 1.0010370036E10,'
            '"account_type": "API Partner", "owner_email": "o@example.com",'
            '"created_at": "2020-01-01T00:00:00Z"}',
        )
        assert client.sub_account("q6gB_J-rpg") == SubAccount(
            "q6gB_J-rpg", "Acme", "10010370036", "API Partner", "o@example.com", "2020-01-01T00:00:00Z"
        )
        assert client.turns == [Label.LIGHT]
