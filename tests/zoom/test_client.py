"""Reading the trunks of an account."""

from typing import Any

import pytest
import responses
from responses.matchers import header_matcher, query_param_matcher

from tests.zoom.conftest import API, TOKEN, Opened
from trunks.zoom.errors import AccountNotFound, Refused, Unreadable
from trunks.zoom.types import Trunk

TRUNKS = f"{API}/accounts/sub/sip_trunk/trunks"
HTML = "<!doctype html><p>Sign in to the network"


class TestListingTrunks:
    def test_zooms_own_example_is_read_though_its_total_is_wrong(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        row = {"name": "HQ", "sip_server_address": "1.11.1.1", "dnis": "90001258", "number_prefix": "0"}
        zoom.get(
            f"{API}/accounts/me/sip_trunk/trunks",
            json={
                "total_records": 1,
                "sip_trunks": [{"id": "268", **row}, {"id": 281, "outbound_caller_id": "", "dnis": None}],
            },
            match=[
                header_matcher(
                    {
                        "Authorization": f"Bearer {TOKEN}",
                        "Accept": "application/json",
                        "Cache-Control": "no-cache",
                    }
                )
            ],
        )
        assert client.list_trunks() == [
            Trunk("268", "HQ", "1.11.1.1", "90001258", "0", None),
            Trunk("281", "", "", "", "", ""),
        ]

    def test_a_row_is_known_by_its_dnis_however_it_is_written(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        rows = [
            {"id": None, "dnis": 90001258},
            {
                "id": 7,
                "dnis": " 18888001 ",
                "name": [],
                "sip_server_address": {"a": 1},
                "number_prefix": False,
            },
        ]
        zoom.get(TRUNKS, json={"total_records": "2", "sip_trunks": rows})
        assert client.list_trunks("sub") == [
            Trunk("", "", "", "90001258", "", None),
            Trunk("7", "", "", "18888001", "", None),
        ]

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("18888-001", "18888001"),
            ("18888\N{NO-BREAK SPACE}001", "18888001"),
            ("18888\N{NON-BREAKING HYPHEN}001", "18888001"),
            ("18888\N{ZERO WIDTH SPACE}001", "18888001"),
            ("\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH DIGIT ONE}8888001", "18888001"),
            ("+18888001", "18888001"),
            ("+1 (888) 8.001", "18888001"),
            ("dolore43tr4u", "dolore43tr4u"),
            ("18888-x01", "18888-x01"),
            ("1888+8001", "1888+8001"),
            ("-", "-"),
        ],
    )
    def test_a_dnis_is_its_digits_however_they_are_set(
        self, client: Opened, zoom: responses.RequestsMock, written: str, read: str
    ) -> None:
        zoom.get(TRUNKS, json={"sip_trunks": [{"id": "1", "dnis": written}]})
        assert [trunk.dnis for trunk in client.list_trunks("sub")] == [read]

    @pytest.mark.parametrize("body", ['{"total_records": 0}', '{"total_records": "0", "sip_trunks": null}'])
    def test_a_list_that_counts_to_nought_is_empty(
        self, client: Opened, zoom: responses.RequestsMock, body: str
    ) -> None:
        zoom.get(TRUNKS, body=body)
        assert client.list_trunks("sub") == []

    def test_pages_that_zoom_does_not_document_are_read_to_the_end(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        for query, page in (
            ({}, {"sip_trunks": [{"id": "1", "dnis": "1"}], "next_page_token": "x"}),
            ({"next_page_token": "x"}, {"sip_trunks": [], "next_page_token": "y"}),
            ({"next_page_token": "y"}, {"sip_trunks": [{"id": "2", "dnis": "2"}], "next_page_token": ""}),
        ):
            zoom.get(TRUNKS, json=page, match=[query_param_matcher(query)])
        assert [trunk.id for trunk in client.list_trunks("sub")] == ["1", "2"]

    @pytest.mark.parametrize("count", [2, "3"])
    def test_a_page_that_counts_others_and_leads_to_none_is_no_list(
        self, client: Opened, zoom: responses.RequestsMock, count: object
    ) -> None:
        """So Zoom's older lists come, by `page_number`: what later pages have would look absent, and be sent again."""
        page = {"page_count": count, "page_number": 1, "sip_trunks": [{"id": "1", "dnis": "1"}]}
        zoom.get(TRUNKS, json=page)
        with pytest.raises(Unreadable, match="pages, and leads to no other"):
            client.list_trunks("sub")
        zoom.get(TRUNKS, json={**page, "page_count": 1})
        assert [trunk.id for trunk in client.list_trunks("sub")] == ["1"]

    def test_a_row_that_moved_to_a_page_that_was_read_is_found_by_the_second_reading(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        """Row 1 was removed between the two pages, so that row 3 stood on the first by then."""
        one, two, three, four = ({"id": id_, "dnis": f"1888800{id_}"} for id_ in "1234")
        first: list[Any] = []
        second = [query_param_matcher({"next_page_token": "x"})]
        zoom.get(TRUNKS, json={"sip_trunks": [one, two], "next_page_token": "x"}, match=first)
        zoom.get(TRUNKS, json={"sip_trunks": [four], "next_page_token": ""}, match=second)
        zoom.get(TRUNKS, json={"sip_trunks": [two, three], "next_page_token": "x"}, match=first)
        zoom.get(TRUNKS, json={"sip_trunks": [four], "next_page_token": ""}, match=second)
        assert [trunk.id for trunk in client.list_trunks("sub")] == ["2", "3", "4", "1"]

    @pytest.mark.parametrize("size", [1, 2])
    def test_pages_that_leave_out_rows_that_zoom_counts_are_no_list(
        self, client: Opened, zoom: responses.RequestsMock, size: int
    ) -> None:
        """Sorted by a name that many rows share, each page may come in another order: one row twice, one never."""
        rows = [{"id": id_, "dnis": f"1888800{id_}"} for id_ in "12"[:size]]
        for _ in range(2):
            for query, shown, token in (({}, rows, "x"), ({"next_page_token": "x"}, rows[:1], "")):
                page = {"sip_trunks": shown, "next_page_token": token, "total_records": size + 1}
                zoom.get(TRUNKS, json=page, match=[query_param_matcher(query)])
        with pytest.raises(Unreadable, match="Zoom counts 1 more than its pages show"):
            client.list_trunks("sub")

    def test_nor_is_a_row_missed_that_moved_to_the_first_page_from_a_second_that_is_empty_by_then(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        one, two, three = ({"id": id_, "dnis": f"1888800{id_}"} for id_ in "123")
        for query, rows, token, total in (
            ({}, [one, two], "x", 3),
            ({"next_page_token": "x"}, [], "", 2),
            ({}, [two, three], "", 2),
        ):
            page = {"sip_trunks": rows, "next_page_token": token, "total_records": total}
            zoom.get(TRUNKS, json=page, match=[query_param_matcher(query)])
        assert [trunk.id for trunk in client.list_trunks("sub")] == ["2", "3", "1"]

    def test_a_part_of_a_list_is_no_list(self, client: Opened, zoom: responses.RequestsMock) -> None:
        zoom.get(TRUNKS, json={"sip_trunks": [], "total_records": 0}, status=206)
        with pytest.raises(Unreadable, match="a part of the list"):
            client.list_trunks("sub")

    def test_a_page_token_that_leads_back_to_the_same_rows_means_nothing(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        zoom.get(TRUNKS, json={"sip_trunks": [{"id": "1"}, {"id": "1"}], "next_page_token": "x"})
        assert [trunk.id for trunk in client.list_trunks("sub")] == ["1", "1"]
        assert len(client.calls) == 2

    def test_an_empty_list_that_promises_more_is_no_list(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        zoom.get(TRUNKS, json={"sip_trunks": [], "next_page_token": "x"})
        with pytest.raises(Unreadable, match="twice"):
            client.list_trunks("sub")

    @pytest.mark.parametrize(
        "shown", ["+346*****56", "1603****199", "\u2022\u2022\u2022\u20220100", "xxx-xxx-0100"]
    )
    def test_a_caller_id_of_which_digits_are_hidden_is_none(
        self, client: Opened, zoom: responses.RequestsMock, shown: str
    ) -> None:
        zoom.get(TRUNKS, json={"sip_trunks": [{"id": "1", "outbound_caller_id": shown}]})
        assert client.list_trunks("sub")[0].outbound_caller_id is None

    def test_a_reported_caller_id_is_kept(self, client: Opened, zoom: responses.RequestsMock) -> None:
        zoom.get(TRUNKS, json={"sip_trunks": [{"id": "1", "outbound_caller_id": "+15550100"}]})
        assert client.list_trunks("sub")[0].outbound_caller_id == "+15550100"

    def test_text_no_database_can_store_is_replaced(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        zoom.get(TRUNKS, body=rb'{"sip_trunks": [{"id": "1", "name": "a\u0000b\ud800"}]}')
        assert client.list_trunks("sub")[0].name == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "{}",
            "[]",
            "null",
            HTML,
            '{"sip_trunks": null}',
            '{"sip_trunks": {"id": "1"}}',
            '{"sip_trunks": ["1"]}',
            '{"sip_trunks": [{"name": "no id"}]}',
            '{"sip_trunks": [{"id": ""}]}',
            '{"sip_trunks": [{"id": true}]}',
            '{"sip_trunks": [{"id": 1.5}]}',
            '{"sip_trunks": [{"id": 1e999}]}',
            '{"sip_trunks": [{"id": "1", "dnis": {"a": 1}}]}',
            '{"sip_trunks": [{"id": "1", "outbound_caller_id": []}]}',
            '{"sip_trunks": ' + "[" * 100_000,
            '{"code": 0, "message": ""}',
        ],
    )
    def test_anything_but_a_list_is_an_error_and_not_an_empty_list(
        self, client: Opened, zoom: responses.RequestsMock, body: str
    ) -> None:
        zoom.get(TRUNKS, body=body)
        with pytest.raises(Unreadable) as caught:
            client.list_trunks("sub")
        assert caught.value.retryable
        assert not caught.value.might_have_happened
        assert client.calls[0].error == str(caught.value)

    def test_an_error_inside_http_200_is_found(self, client: Opened, zoom: responses.RequestsMock) -> None:
        zoom.get(TRUNKS, json={"code": "2001", "error_message": "Account does not exist: sub."})
        with pytest.raises(AccountNotFound) as caught:
            client.list_trunks("sub")
        assert (caught.value.status, caught.value.code) == (200, 2001)

    def test_a_list_with_a_code_beside_it_is_a_list(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        zoom.get(TRUNKS, json={"code": 300, "message": "odd", "sip_trunks": [{"id": "1"}]})
        assert [trunk.id for trunk in client.list_trunks("sub")] == ["1"]

    @pytest.mark.parametrize(
        "complaint",
        [
            {"code": 300, "message": "odd"},
            {"code": "SERVICE_UNAVAILABLE", "message": "odd"},
            {"error": "odd"},
            {"error_message": "odd"},
        ],
    )
    def test_a_list_that_is_empty_beside_a_complaint_is_no_list(
        self, client: Opened, zoom: responses.RequestsMock, complaint: dict[str, object]
    ) -> None:
        zoom.get(TRUNKS, json=complaint | {"sip_trunks": []})
        with pytest.raises(Refused, match="odd"):
            client.list_trunks("sub")

    @pytest.mark.parametrize("beside", [{"code": 0}, {"code": "OK"}, {"code": "200"}, {"error": ""}, {}])
    def test_one_beside_a_kind_word_is_empty(
        self, client: Opened, zoom: responses.RequestsMock, beside: dict[str, object]
    ) -> None:
        zoom.get(TRUNKS, json=beside | {"message": "Success", "sip_trunks": []})
        assert client.list_trunks("sub") == []
