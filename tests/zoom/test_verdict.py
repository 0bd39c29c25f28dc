"""Zoom's errors, in Zoom's own words, and what the portal makes of each."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from requests.structures import CaseInsensitiveDict

from trunks.zoom import errors
from trunks.zoom.errors import (
    AccountNotFound,
    CredentialsRefused,
    InvalidParameter,
    NotEnrolled,
    NotMaster,
    NoTrunkConfigs,
    RateLimited,
    Refused,
    ScopeMissing,
    ServerError,
    Unreadable,
    ZoomError,
)
from trunks.zoom.verdict import error_of
from trunks.zoom.wire import Answer, Errand

WRITE = Errand("assigning", write=True)
READ = Errand("listing")
NB = "This account does not exist or does not belong to"
NP = (
    "Your account does not have the permission to make updates on this account. "
    "Only a master account can perform this action on a sub account."
)
NM = (
    "This account is not a master account. To get access to this API, your account must be enrolled in the "
    "API Partner Plan and must be a master account."
)


def verdict(status: int, body: object, **headers: str) -> ZoomError:
    text = body if isinstance(body, str) else json.dumps(body)
    named = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    error = error_of(Answer(status, named, text), WRITE)
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("status", "code", "message", "error"),
    [
        (404, 2001, "Account does not exist: abc.", AccountNotFound),
        (400, 2001, "Account does not exist", AccountNotFound),
        (404, 2001, f"{NB} this master account.", AccountNotFound),
        (404, 2001, f"{NB} you.", AccountNotFound),
        (401, 124, "Account does not exist: abc.", AccountNotFound),
        (200, 2001, "Account does not exist", AccountNotFound),
        (400, 2001, "words nobody has seen", AccountNotFound),
        (401, 124, "Access token is expired.", CredentialsRefused),
        (401, 124, "Invalid access token.", CredentialsRefused),
        (400, 124, "Invalid access token.", CredentialsRefused),
        (401, None, "", CredentialsRefused),
        (400, 4717, "The app has been disabled", CredentialsRefused),
        (400, 4738, "The token is disabled by admin.", CredentialsRefused),
        (401, 4741, "The token has been revoked.", CredentialsRefused),
        (400, 200, "Account does not enabled REST API.", CredentialsRefused),
        (200, 200, "Account does not enabled REST API.", CredentialsRefused),
        (400, 4700, "Invalid access token, does not contain scopes: [a:b]", ScopeMissing),
        (400, 4711, "Invalid access token, does not contain scopes:[a:b].", ScopeMissing),
        (401, 104, "Invalid access token, does not contain scopes:[a:b]", ScopeMissing),
        (
            400,
            300,
            "Request failed because this account is not enrolled in SIP Connected Audio plan.",
            NotEnrolled,
        ),
        (400, 2100, "This sub account has no sip trunk plan.", NotEnrolled),
        (400, 300, "This sub account has no sip trunk plan.", NotEnrolled),
        (400, 300, NP, NotMaster),
        (400, 300, NM, NotMaster),
        (400, 300, "The master account has no sip trunk configs.", NoTrunkConfigs),
        (400, 300, "Invalid parameter: sip_trunks.", InvalidParameter),
        (400, 300, "Validation Failed.", InvalidParameter),
        (400, 300, "Request Body should be a valid JSON object.", InvalidParameter),
        (200, 300, "Invalid parameter: sip_trunks.", InvalidParameter),
        (400, 400, "This number does not belong to master account.", Refused),
        (400, 300, "The next page token is invalid or expired.", Refused),
        (403, None, "", Refused),
        (404, 1001, "User does not exist", Refused),
        (409, 409, "conflict", Refused),
        (425, None, "", Refused),
        (200, 300, "Words that nobody has seen.", Refused),
        (200, 404, "No such trunk.", Refused),
        (200, 429, "Too many", RateLimited),
    ],
)
def test_a_definite_refusal_is_named_and_did_not_happen(
    status: int, code: int | None, message: str, error: type[ZoomError]
) -> None:
    found = verdict(status, {"code": code, "message": message})
    assert type(found) is error
    assert not found.might_have_happened
    assert found.retryable is (error is RateLimited)
    assert (found.status, found.code, found.message) == (status, code, message)


@pytest.mark.parametrize("code", [500, 5000, 3001, -1])
def test_an_error_that_nobody_knows_inside_a_success_leaves_a_write_open(code: int) -> None:
    answer = Answer(200, {}, json.dumps({"code": code, "message": "Internal service error"}))
    for write in (True, False):
        found = error_of(answer, Errand("testing", write=write))
        assert type(found) is Refused
        assert (found.might_have_happened, found.retryable) == (write, not write)


@pytest.mark.parametrize("status", [600, 999, 101])
def test_a_status_that_does_not_exist_leaves_a_write_open(status: int) -> None:
    found = verdict(status, "")
    assert isinstance(found, Unreadable)
    assert found.might_have_happened


def test_a_server_error_stays_one_whatever_its_body_says() -> None:
    assert isinstance(verdict(500, {"code": 2001, "message": "Account does not exist"}), ServerError)


class TestWords:
    @pytest.mark.parametrize("key", ["message", "error_message", "reason", "error"])
    def test_zooms_words_are_found_under_every_known_name(self, key: str) -> None:
        assert verdict(400, {"code": "300", key: "words\x00"}).message == "words\N{REPLACEMENT CHARACTER}"

    @pytest.mark.parametrize(
        "body",
        [
            {"errors": {"dnis": ["taken"]}},
            {"error": {"code": "Forbidden", "message": "not yours"}},
            {"title": "Unavailable", "detail": "for legal reasons"},
            {"code": 7, "traces": [1]},
        ],
    )
    def test_words_in_a_place_that_nobody_knows_are_shown_as_they_came(self, body: dict[str, object]) -> None:
        assert verdict(422, body).message == json.dumps(body)

    def test_what_is_known_is_recognised_wherever_it_stands(self) -> None:
        assert isinstance(verdict(400, {"error": {"message": "Account does not exist: x."}}), AccountNotFound)

    @pytest.mark.parametrize("body", [{}, {"code": 7}, {"code": 7, "message": "", "errors": []}])
    def test_an_object_without_any_words_says_nothing(self, body: dict[str, object]) -> None:
        assert verdict(422, body).message == ""

    @pytest.mark.parametrize("code", [10**18, -(10**18), 10**400], ids=["over", "under", "far over"])
    def test_a_code_that_no_database_could_hold_is_none(self, code: int) -> None:
        found = verdict(400, {"code": code, "message": "odd"})
        assert (type(found), found.code, found.message) == (Refused, None, "odd")

    def test_fields_of_a_failed_validation_are_kept(self) -> None:
        rows = [{"field": "dnis", "message": "too long"}, {"field": "id"}, {"message": "no name"}, "odd"]
        found = verdict(400, {"code": 300, "message": "Validation Failed.", "errors": rows})
        assert isinstance(found, InvalidParameter)
        assert found.fields == {"dnis": "too long", "id": ""}

    def test_an_unknown_wording_with_fields_is_a_failed_validation(self) -> None:
        rows = [{"field": "dnis", "message": "too long"}]
        assert isinstance(verdict(400, {"code": 300, "message": "Oops", "errors": rows}), InvalidParameter)

    def test_the_parameter_that_zoom_names_is_a_field(self) -> None:
        found = verdict(400, {"code": 300, "message": "Invalid parameter: sip_trunks."})
        assert isinstance(found, InvalidParameter)
        assert found.fields == {"sip_trunks": "Invalid parameter: sip_trunks."}

    def test_scopes_are_read_from_the_message(self) -> None:
        message = (
            "Invalid access token, does not contain scopes:"
            "[sip_connected_audio:write:trunks:master, account:read:list_sub_accounts:master]."
        )
        found = verdict(400, {"code": 4711, "message": message})
        assert isinstance(found, ScopeMissing)
        assert found.scopes == (
            "sip_connected_audio:write:trunks:master",
            "account:read:list_sub_accounts:master",
        )

    def test_a_scope_error_in_broken_json_is_recognised(self) -> None:
        message = 'Invalid access token, does not contain scopes:["a:b","c_d:e"]'
        found = verdict(400, f'{{"code":104,"message":"{message}"}}')
        assert isinstance(found, ScopeMissing)
        assert (found.code, found.message, found.scopes) == (104, message, ("a:b", "c_d:e"))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", ""),
            ("<h1>Not\n  Found</h1>", "Not Found"),
            ("\n<html><head><TITLE>502 Bad\nGateway</TITLE></head><h1>Sorry</h1></html>", "502 Bad Gateway"),
            ("<title> </title><style>p > b {}</style><!-- a > b --><p>Up &amp; <b>away</b>", "Up & away"),
            ("<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "AccessDenied"),
            ("<script>" + "x" * 9000, ""),
            ("<p>" + "x" * 9000, "x" * 300),
            ("<p>&#xD800;&lt;b&gt;", "\N{REPLACEMENT CHARACTER}<b>"),
            ("x" * 5000, "x" * 300),
            ("[1, 2]", "[1, 2]"),
            ('{"code": "x", "message": "m', "m"),
        ],
    )
    def test_a_body_that_is_no_json_is_survived(self, text: str, message: str) -> None:
        found = verdict(404, text)
        assert type(found) is Refused
        assert (found.code, found.message) == (None, message)

    def test_such_a_page_is_no_answer_to_a_reading_and_a_no_to_a_write(self) -> None:
        page = Answer(403, {}, "<h1>Access denied</h1>")
        for errand, again in ((READ, True), (WRITE, False)):
            found = error_of(page, errand)
            assert found is not None
            assert (type(found), found.retryable, found.might_have_happened) == (Refused, again, False)

    def test_the_tracking_id_is_found_in_any_case(self) -> None:
        assert verdict(404, "", X_ZM_TrackingID="WEB_1").tracking_id == "WEB_1"
        assert verdict(404, "").tracking_id == ""


class TestRateLimits:
    def test_the_documented_daily_answer_is_read(self) -> None:
        found = verdict(
            429,
            {
                "code": 429,
                "message": "You have reached the maximum daily rate limit for this API. Refer to …",
            },
            X_RateLimit_Category="Heavy",
            X_RateLimit_Type="Daily-limit",
            X_RateLimit_Limit="30000",
            X_RateLimit_Remaining="0",
            Retry_After="2020-05-31T00:00:00Z",
        )
        assert isinstance(found, RateLimited)
        assert found.retry_at == datetime(2020, 5, 31, tzinfo=UTC)
        assert (found.daily, found.limit, found.remaining, found.category) == (True, 30000, 0, "Heavy")

    def test_the_limit_per_second_comes_without_headers(self) -> None:
        found = verdict(429, {"code": 429, "message": "You have reached the maximum per-second rate limit"})
        assert isinstance(found, RateLimited)
        assert (found.daily, found.retry_at, found.limit, found.remaining) == (False, None, None, None)

    def test_a_daily_limit_without_an_instant_ends_at_midnight_utc(self) -> None:
        found = verdict(429, "", X_RateLimit_Type="Daily-limit")
        assert isinstance(found, RateLimited)
        assert found.retry_at is not None
        left = found.retry_at - datetime.now(UTC)
        assert timedelta(0) < left <= timedelta(days=1)
        assert (found.retry_at.hour, found.retry_at.minute, found.retry_at.second) == (0, 0, 0)

    @pytest.mark.parametrize("value", ["5", "5.0", " 5 "])
    def test_seconds_count_from_now(self, value: str) -> None:
        found = verdict(429, "", Retry_After=value)
        assert isinstance(found, RateLimited)
        assert found.retry_at is not None
        assert abs(found.retry_at - datetime.now(UTC) - timedelta(seconds=5)) < timedelta(seconds=2)

    @pytest.mark.parametrize(
        "value",
        [
            "Sun, 31 May 2020 00:00:00 GMT",
            "Sun, 31 May 2020 00:00:00 -0000",
            "2020-05-31T00:00:00",
            "2020-05-31T02:00:00+02:00",
            "2020-05-31",
        ],
    )
    def test_an_instant_is_read_in_every_known_form(self, value: str) -> None:
        found = verdict(429, "", Retry_After=value)
        assert isinstance(found, RateLimited)
        assert found.retry_at == datetime(2020, 5, 31, tzinfo=UTC)

    @pytest.mark.parametrize(
        "wrong", [timedelta(hours=1), timedelta(hours=-1), timedelta(seconds=1), timedelta(days=9)]
    )
    def test_an_instant_is_by_zooms_clock_and_not_by_this_machines(self, wrong: timedelta) -> None:
        now = datetime.now(UTC)
        there = now - wrong if wrong < timedelta(days=1) else now
        headers = {"Date": format_datetime(now - wrong, usegmt=True)}
        for value in (format_datetime(there + timedelta(seconds=9), usegmt=True), "9"):
            found = verdict(429, "", Retry_After=value, **headers)
            assert isinstance(found, RateLimited)
            assert found.retry_at is not None
            assert abs(found.retry_at - now - timedelta(seconds=9)) < timedelta(seconds=2)

    @pytest.mark.parametrize("value", ["0001-01-01", ""])
    def test_an_instant_that_is_long_over_or_absent_is_no_trouble_on_a_wrong_clock(self, value: str) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
        found = verdict(429, "", Retry_After=value, Date=date)
        assert isinstance(found, RateLimited)
        assert found.retry_at is None or abs(found.retry_at - datetime.now(UTC)) < timedelta(seconds=2)

    @pytest.mark.parametrize(("factor", "ahead"), [(1, 30), (1000, 30), (1, -30)])
    def test_a_number_that_is_far_too_large_for_seconds_is_a_unix_time(self, factor: int, ahead: int) -> None:
        at = datetime.now(UTC) + timedelta(seconds=ahead)
        found = verdict(429, "", Retry_After=str(int(at.timestamp() * factor)))
        assert isinstance(found, RateLimited)
        assert found.retry_at is not None
        expected = max(at, datetime.now(UTC))
        assert abs(found.retry_at - expected) < timedelta(seconds=2)

    @pytest.mark.parametrize("value", ["9" * 400, "9999-12-31T23:59:59-23:59", "2999-01-01"])
    def test_an_absurd_instant_is_at_most_a_year_away(self, value: str) -> None:
        found = verdict(429, "", Retry_After=value)
        assert isinstance(found, RateLimited)
        assert found.retry_at is None or found.retry_at < datetime.now(UTC) + timedelta(days=367)

    @pytest.mark.parametrize("value", ["", "soon", "-5", "nan", "٣"])
    def test_nonsense_is_no_instant(self, value: str) -> None:
        found = verdict(429, "", Retry_After=value)
        assert isinstance(found, RateLimited)
        assert found.retry_at is None


def test_every_error_is_drawn_in_the_tree() -> None:
    drawn = errors.__doc__ or ""
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    named = [cls.__name__ for cls in classes if issubclass(cls, Exception)]
    assert len(named) == 19
    assert [name for name in named if name not in drawn] == []
