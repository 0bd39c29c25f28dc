"""The pages for what goes wrong: each says what happened and what to do next."""

import pytest
from django.test import Client, RequestFactory

from tests.conftest import SignedIn
from trunks.models import User
from trunks.views import home, http


def test_an_unknown_address_is_answered_in_the_portal_s_look(signed_in: SignedIn, staff: User) -> None:
    response = signed_in(staff).get("/no-such-page/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()
    assert "SIP trunk portal" in response.content.decode()


def test_an_address_is_not_repeated_as_html(signed_in: SignedIn, staff: User) -> None:
    response = signed_in(staff).get("/<script>alert(1)</script>/")
    assert "<script>alert" not in response.content.decode()


def test_a_fault_of_the_portal_asks_nothing_of_the_database(
    signed_in: SignedIn, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(user: User) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(home, "_masters", broken)
    client = signed_in(staff)
    client.raise_request_exception = False
    response = client.get("/")
    assert response.status_code == 500
    assert "Something went wrong in the portal" in response.content.decode()
    assert "secret detail" not in response.content.decode()


def test_the_500_page_needs_no_database() -> None:
    response = http.server_error(RequestFactory().get("/"))
    assert response.status_code == 500


def test_pages_carry_nothing_that_a_strict_content_policy_forbids(signed_in: SignedIn, staff: User) -> None:
    response = signed_in(staff).get("/requests/new/")
    content = response.content.decode()
    assert "'unsafe" not in response["Content-Security-Policy"]
    assert " style=" not in content
    assert " onclick=" not in content
    assert "<style" not in content
    assert "<script>" not in content


def test_no_page_asks_another_server(signed_in: SignedIn, staff: User, client: Client) -> None:
    content = signed_in(staff).get("/").content.decode() + client.get("/accounts/login/").content.decode()
    for mark in ('src="http', 'href="http', 'src="//', 'href="//'):
        assert mark not in content
