"""What holds for every web request: its context, the clock, headers, and what is too much or no form."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import resolve
from django.utils import timezone
from pytest_django import Settings

from tests import cast
from trunks import context, middleware
from trunks.models import User

AT_HOME = "203.0.113.9"


def seen_context(**headers: str) -> context.Context:
    """Return the context that a view sees when it is called with `headers` from AT_HOME."""
    seen: list[context.Context] = []

    def view(_: HttpRequest) -> HttpResponse:
        seen.append(context.current())
        return HttpResponse()

    request = RequestFactory(headers=headers).get("/", REMOTE_ADDR=AT_HOME)
    middleware.request_context(view)(request)
    return seen[0]


def zone_seen(cookie: str) -> str:
    seen: list[str] = []

    def view(_: HttpRequest) -> HttpResponse:
        seen.append(timezone.get_current_timezone_name())
        return HttpResponse()

    request = RequestFactory().get("/")
    request.COOKIES["tz"] = cookie
    middleware.time_zone(view)(request)
    return seen[0]


def test_a_view_knows_where_the_request_comes_from() -> None:
    here = seen_context(**{"User-Agent": "Browser 1"})
    assert (here.ip, here.user_agent, len(here.request_id)) == (AT_HOME, "Browser 1", 32)
    assert context.current().request_id == ""


def test_a_request_that_is_answered_lets_go_of_all_the_pages_that_it_was_not_for() -> None:
    request = RequestFactory().get("/audit/")
    request.resolver_match = resolve("/audit/")
    seen: list[bool] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request.resolver_match is not None)
        return HttpResponse()

    middleware.request_context(view)(request)
    assert seen == [True]
    assert request.resolver_match is None


def test_the_answer_carries_the_request_id_and_the_permissions_policy() -> None:
    answer = middleware.request_context(lambda _: HttpResponse())(RequestFactory().get("/"))
    assert len(answer["X-Request-ID"]) == 32
    assert "camera=()" in answer["Permissions-Policy"]


@pytest.mark.parametrize("given", ["a" * 32, "abc-DEF-12345678", "short", "<script>alert", "12345678é", ""])
def test_a_caller_does_not_choose_the_id_that_ties_events_together(given: str) -> None:
    assert seen_context(**{"X-Request-ID": given}).request_id != given
    assert len(seen_context(**{"X-Request-ID": given}).request_id) == 32


def test_a_forwarded_address_counts_for_nothing_without_a_trusted_proxy(settings: Settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    assert seen_context(**{"X-Forwarded-For": "198.51.100.1"}).ip == AT_HOME


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (2, "6.6.6.6, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", AT_HOME),
        (1, "", AT_HOME),
        (1, "not an address", ""),
        (1, "2001:DB8::1", "2001:db8::1"),
        (1, "::FFFF:198.51.100.1", "198.51.100.1"),
    ],
)
def test_behind_proxies_the_address_is_the_one_the_outermost_of_them_saw(
    settings: Settings, proxies: int, forwarded: str, expected: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    assert seen_context(**{"X-Forwarded-For": forwarded}).ip == expected


def test_the_user_agent_is_cut_and_has_no_control_characters() -> None:
    assert seen_context(**{"User-Agent": "a\x00b\r\nc" + "x" * 900}).user_agent == "abc" + "x" * 297


@pytest.mark.parametrize("cookie", ["Europe/Madrid", "Europe%2FMadrid"])
def test_times_are_shown_in_the_zone_of_the_browser(cookie: str) -> None:
    assert zone_seen(cookie) == "Europe/Madrid"


@pytest.mark.parametrize(
    "cookie", ["", "Europe", "No/Where", "../../secret", "/etc/passwd", "x" * 500, "a\x00b"]
)
def test_a_zone_that_nobody_knows_means_utc(cookie: str) -> None:
    assert zone_seen(cookie) == "UTC"


@pytest.mark.parametrize("path", ["/accounts/login/", "/requests/new/"])
def test_more_than_any_form_holds_is_refused_before_it_is_read(
    client: Client, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("the body was read")

    monkeypatch.setattr(WSGIRequest, "_load_post_and_files", read)
    file = SimpleUploadedFile("trunks.csv", b"x" * 1_000_000)
    for body in ({"file": file}, {"reason": "x" * 1_000_000}):
        answer = client.post(path, body)
        assert answer.status_code == 413
        assert "larger than any form of the portal" in answer.content.decode()
        assert answer["Content-Security-Policy"]


@pytest.mark.parametrize("length", ["1000001", "9" * 30, "-1", "many", "٣"])
def test_a_length_that_is_none_or_too_great_is_refused(length: str) -> None:
    request = RequestFactory().post("/")
    request.META["CONTENT_LENGTH"] = length
    assert middleware.bounded(lambda _: HttpResponse())(request).status_code == 413


def test_a_form_of_the_portal_and_a_post_without_a_length_are_let_through(db: None, client: Client) -> None:
    assert client.post("/accounts/login/", {"login": "x" * 100_000}).status_code == 200
    request = RequestFactory().post("/")
    request.META["CONTENT_LENGTH"] = ""
    assert middleware.bounded(lambda _: HttpResponse())(request).status_code == 200


def test_more_fields_than_any_form_has_are_refused(db: None, client: Client) -> None:
    assert (
        client.post("/accounts/login/", {f"field-{number}": "" for number in range(501)}).status_code == 400
    )


CUT = b'--X\r\nContent-Disposition: form-data; name="login"\r\n\r\n+2AA-\\ud800@example.com\r\n--X--\r\n'


@pytest.mark.sqlite
@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "hex", "undefined", "latin-1", "UTF-16"])
@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/password/reset/", "/healthz"])
def test_another_encoding_than_that_of_the_portal_s_forms_is_refused(
    client: Client, path: str, charset: str
) -> None:
    # Some decode to halves of characters, which no database takes, and some to no text at all.
    kind = f"multipart/form-data; boundary=X; charset={charset}"
    posted = client.generic("POST", path, CUT, content_type=kind)
    opened = client.generic("GET", path, b"x", content_type=kind)
    assert (posted.status_code, opened.status_code) == (400, 400)
    assert "was not understood" in posted.content.decode()
    assert posted["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["utf-8", "UTF-8"])
def test_a_form_may_name_the_encoding_that_it_has(client: Client, staff: User, charset: str) -> None:
    form = f"login={staff.email}&password={cast.PASSWORD}"
    kind = f"application/x-www-form-urlencoded; charset={charset}"
    assert client.post("/accounts/login/", form, content_type=kind).status_code == 302
