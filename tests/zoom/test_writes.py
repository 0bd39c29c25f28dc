"""Assigning and unassigning: what is sent, what is accepted, and which ids are refused."""

import pytest
import responses
from responses.matchers import json_params_matcher

from tests.zoom.conftest import API, Open, Opened
from trunks.zoom.errors import (
    InvalidParameter,
    Refused,
    Unreadable,
)
from trunks.zoom.types import Assignment

TRUNKS = f"{API}/accounts/sub/sip_trunk/trunks"
HTML = "<!doctype html><p>Sign in to the network"


class TestAssigning:
    def test_the_body_is_zooms_and_an_empty_caller_id_is_left_out(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        body = {
            "sip_trunks": [
                {"id": "133", "dnis": "00045678"},
                {"id": "134", "dnis": "00045", "outbound_caller_id": "+15550100"},
            ]
        }
        answered = {"sip_trunks": [{"id": "represdf324fe", "dnis": "dolore43tr4u", "number_prefix": "0"}]}
        zoom.post(TRUNKS, json=answered, status=201, match=[json_params_matcher(body)])
        items = [Assignment("133", "00045678"), Assignment("134", "00045", "+15550100")]
        assert client.assign_trunks("sub", items)[0].id == "represdf324fe"
        assert client.calls[0].request_body == body

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (204, ""),
            (201, " \n"),
            (201, "{}"),
            (202, "null"),
            (200, '{"total_records": 1}'),
            (200, '{"code": 200, "message": "OK"}'),
            (200, '{"code": 0, "message": "OK"}'),
        ],
    )
    def test_any_success_without_trunks_means_accepted(
        self, client: Opened, zoom: responses.RequestsMock, status: int, body: str
    ) -> None:
        zoom.post(TRUNKS, body=body, status=status)
        assert client.assign_trunks("sub", [Assignment("1", "12345")]) == []
        assert client.calls[0].error == ""

    @pytest.mark.parametrize(
        "body", [HTML, '{"sip_trunks": [', '{"sip_trunks": {}}', '{"sip_trunks": [{"id": null}]}']
    )
    def test_a_success_nobody_understands_might_have_happened(
        self, client: Opened, zoom: responses.RequestsMock, body: str
    ) -> None:
        zoom.post(TRUNKS, body=body, status=201)
        with pytest.raises(Unreadable) as caught:
            client.assign_trunks("sub", [Assignment("1", "12345")])
        assert caught.value.might_have_happened
        assert not caught.value.retryable

    def test_a_refusal_inside_http_200_is_definite(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        zoom.post(TRUNKS, json={"code": 300, "message": "Invalid parameter: sip_trunks."})
        with pytest.raises(InvalidParameter) as caught:
            client.assign_trunks("sub", [Assignment("1", "12345")])
        assert not caught.value.might_have_happened

    def test_one_whose_code_is_in_words_might_have_happened(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        """It passed for an assignment that Zoom accepts and does not list."""
        zoom.post(TRUNKS, json={"code": "INTERNAL", "message": "Something went wrong"})
        with pytest.raises(Refused) as caught:
            client.assign_trunks("sub", [Assignment("1", "12345")])
        assert caught.value.might_have_happened

    @pytest.mark.parametrize("number", [0, 31])
    def test_zoom_takes_one_to_thirty_trunks(self, open_client: Open, number: int) -> None:
        client = open_client()
        with pytest.raises(ValueError, match=str(number)):
            client.assign_trunks("sub", [Assignment("1", "12345")] * number)
        assert client.turns == []


class TestUnassigning:
    def test_the_trunk_is_named_in_the_path(self, client: Opened, zoom: responses.RequestsMock) -> None:
        zoom.delete(f"{TRUNKS}/268", status=204)
        client.unassign_trunk("sub", "268")
        assert (client.calls[0].method, client.calls[0].request_body) == ("DELETE", None)

    def test_a_page_of_html_might_have_happened(self, client: Opened, zoom: responses.RequestsMock) -> None:
        zoom.delete(f"{TRUNKS}/268", body=HTML)
        with pytest.raises(Unreadable) as caught:
            client.unassign_trunk("sub", "268")
        assert caught.value.might_have_happened


class TestIds:
    @pytest.mark.parametrize(
        ("id_", "segment"),
        [
            ("../../users", "..%2F..%2Fusers"),
            ("a%2fb", "a%252fb"),
            ("%2e%2e", "%252e%252e"),
            ("a?b#c", "a%3Fb%23c"),
            ("a b\r\n\x00é", "a%20b%0D%0A%00%C3%A9"),
            (";@:&=+$,", "%3B%40%3A%26%3D%2B%24%2C"),
            ("...", "..."),
            ("q6gB_J-rpg~", "q6gB_J-rpg~"),
        ],
    )
    def test_an_id_is_one_segment_of_the_path(
        self, client: Opened, zoom: responses.RequestsMock, id_: str, segment: str
    ) -> None:
        zoom.add(responses.DELETE, f"{API}/accounts/{segment}/sip_trunk/trunks/{segment}", status=204)
        client.unassign_trunk(id_, id_)
        assert zoom.calls[0].request.url == f"{API}/accounts/{segment}/sip_trunk/trunks/{segment}"

    @pytest.mark.parametrize("id_", ["", ".", "..", "\ud800"])
    def test_an_id_that_is_no_segment_is_refused(self, open_client: Open, id_: str) -> None:
        client = open_client()
        trunk = [Assignment("1", "12345")]
        with pytest.raises(ValueError, match=r"not an id|surrogates"):
            client.sub_account(id_)
        with pytest.raises(ValueError, match=r"not an id|surrogates"):
            client.list_trunks(id_)
        with pytest.raises(ValueError, match=r"not an id|surrogates"):
            client.assign_trunks(id_, trunk)
        with pytest.raises(ValueError, match=r"not an id|surrogates"):
            client.unassign_trunk("sub", id_)
        assert client.turns == []
