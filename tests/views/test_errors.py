"""The pages for what goes wrong: each says what happened and what to do next."""

import pytest
from django.test import Client, RequestFactory

from tests.conftest import SignedIn
from trunks.models import User, usage
from trunks.views import http


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
    def broken(_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(usage, "with_estate_counts", broken)
    client = signed_in(staff)
    client.raise_request_exception = False
    response = client.get("/")
    assert response.status_code == 500
    assert "Something went wrong in the portal" in response.content.decode()
    assert "secret detail" not in response.content.decode()


def test_a_page_that_is_too_old_says_what_to_do_and_nothing_of_roles(staff: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    response = client.post("/requests/new/", {"reason": "x"})
    content = response.content.decode()
    assert response.status_code == 403
    assert "This page is too old" in content
    assert "load the page again" in content
    assert "You may not do this" not in content
    assert "ask an administrator" not in content


def test_a_page_for_another_role_says_once_who_grants_it(signed_in: SignedIn, staff: User) -> None:
    response = signed_in(staff).get("/approvals/")
    content = response.content.decode().split("error-page")[1]
    assert response.status_code == 403
    assert "This page is for people with the role supervisor." in content
    assert content.count("ask an administrator") == content.count("administrator") == 1


def test_more_fields_than_any_form_has_are_answered_in_the_portal_s_look(
    signed_in: SignedIn, staff: User
) -> None:
    fields = {f"lines-{number}-dnis": "1" for number in range(501)}
    response = signed_in(staff).post("/requests/new/", fields)
    assert response.status_code == 400
    assert "This was not understood" in response.content.decode()
    assert "SIP trunk portal" in response.content.decode()


def test_another_host_name_is_answered_without_a_word_of_it(client: Client) -> None:
    response = client.get("/", headers={"host": "evil.example"})
    assert response.status_code == 400
    assert "came to a host name" in response.content.decode()
    assert "evil" not in response.content.decode()


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
