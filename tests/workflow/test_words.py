"""Every error of Zoom's that is known, with the explanation people get; what is unknown is kept for administrators."""

import json
from datetime import UTC, datetime

import pytest

from tests import cast
from tests.zoom.loopback import Loopback, answer
from trunks.models import UnknownError, ZoomCall
from trunks.models import unknown_error as kept
from trunks.workflow import unknown, words
from trunks.workflow.causes import TABLE
from trunks.zoom import errors
from trunks.zoom.auth import MemoryTokenStore, ServerToServerAuth
from trunks.zoom.errors import ZoomError
from trunks.zoom.verdict import error_of
from trunks.zoom.wire import Answer, Errand

EN = "Request failed because this account is not enrolled in SIP Connected Audio plan."
NP = (
    "Your account does not have the permission to make updates on this account. "
    "Only a master account can perform this action on a sub account."
)
NM = (
    "This account is not a master account. To get access to this API, your account must be enrolled in the "
    "API Partner Plan and must be a master account."
)
PER_SECOND = "You have reached the maximum per-second rate limit for this API. Try again later."
DAILY = (
    "You have reached the maximum daily rate limit for this API. Refer to the response header for details on "
    "when you can make another request."
)
PER_USER = (
    "You have exceeded the daily rate limit (100) of Meeting Create/Update API requests permitted for this "
    "particular user. You may resume these requests at GMT 00:00:00."
)
CONCURRENT = "Too many concurrent requests. A request to disassociate this user has already been made."
USED = (
    "The value you provided for the ‘number’ field has already been used. "
    "Please provide a unique value for this field."
)

API = [
    # the calls about SIP trunks and their settings
    (400, 300, EN, "plan"),
    (400, 300, "The master account has no sip trunk configs.", "no_trunks"),
    (400, 300, "Invalid parameter: sip_trunks.", "trunk_value"),
    (400, 300, NP, "not_own"),
    (400, 300, NM, "not_master"),
    (404, 2001, "Account does not exist: q6gBJVO5TzexKYTb_I2rpg.", "account_missing"),
    (404, 2001, "This account does not exist or does not belong to this master account.", "account_missing"),
    (404, 2001, "This account does not exist or does not belong to you.", "account_missing"),
    (400, 2100, "This sub account has no sip trunk plan.", "sub_account_plan"),
    (400, 400, "This number does not belong to master account.", "number_foreign"),
    (400, 300, "Invalid parameter: callout_countries.", "countries"),
    (400, 300, "Invalid parameter: internal_numbers.", "numbers_value"),
    (400, 300, "You can only assign a maximum of 5 phone numbers to this account.", "numbers_many"),
    (400, 300, USED, "number_used"),
    # accounts and their lists
    (400, 300, "The next page token is invalid or expired.", "page_token"),
    (200, 2001, "Account does not exist", "account_missing"),
    (400, 2001, "Account does not exist", "account_missing"),
    (401, 124, "Account does not exist: abc.", "account_missing"),
    (200, 300, "The pay mode cannot be updated for this account.", "pay_mode"),
    (404, 1001, "User does not exist: x.", "user_missing"),
    # tokens and scopes
    (401, 124, "Access token is expired.", "token_expired"),
    (401, 124, "Invalid access token.", "credentials"),
    (401, 4741, "The token has been revoked.", "token_revoked"),
    (400, 4741, "The token has been revoked.", "token_revoked"),
    (401, 4740, "The token is of a version without tolerance.", "token_revoked"),
    (401, 4717, "The app has been disabled", "app_disabled"),
    (400, 4738, "The token is disabled by admin.", "token_disabled"),
    (400, 200, "Account does not enabled REST API.", "rest_disabled"),
    (400, 4711, "Invalid access token, does not contain scopes:[user:read:list_users:admin].", "scope"),
    (400, 4700, "Invalid access token, does not contain scopes: [sip_trunk:master]", "scope"),
    (400, 104, "Invalid access token, does not contain scopes:[a:b]", "scope"),
    # rate limits
    (429, 429, PER_SECOND, "rate"),
    (429, 429, DAILY, "rate_daily"),
    (429, 429, PER_USER, "rate_user"),
    (429, 429, CONCURRENT, "rate_concurrent"),
    # what the API's error page names
    (400, 300, "Request Body should be a valid JSON object.", "not_json"),
    (400, 300, "Validation Failed.", "validation"),
    # silence and noise
    (408, 0, "", "no_answer"),
    (500, 0, "Internal error", "server_error"),
    (503, 0, "", "server_error"),
    (302, 0, "", "redirected"),
    (100, 0, "", "unreadable"),
    # nobody knows
    (400, 3000, "Words that nobody has seen.", "unknown"),
    (418, 0, "", "unknown"),
]
TOKEN = [
    (400, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}, "client_wrong"),
    (400, {"reason": "unsupported grant type", "error": "unsupported_grant_type"}, "app_kind"),
    (400, {"reason": "other words", "error": "unsupported_grant_type"}, "app_kind"),
    (400, {"reason": "Bad account", "error": "invalid_request"}, "token_request"),
    (401, {}, "credentials"),
    (200, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}, "client_wrong"),
    (200, b"<html>hello</html>", "unreadable"),
    (200, b"", "unreadable"),
    (400, {"reason": "never seen"}, "credentials"),
]


def api_error(status: int, code: int, message: str) -> ZoomError:
    body = json.dumps({"code": code, "message": message} if code else {"message": message})
    error = error_of(Answer(status, {"x-zm-trackingid": "v=2.0;rid=1"}, body), Errand("testing", write=True))
    assert error is not None
    return error


@pytest.mark.parametrize(("status", "code", "message", "key"), API)
def test_each_known_error_of_the_api_has_its_explanation(
    status: int, code: int, message: str, key: str
) -> None:
    error = api_error(status, code, message)
    assert words.explain(error).key == key
    assert error.message in words.sentence(error)


@pytest.mark.parametrize(("status", "body", "key"), TOKEN)
def test_each_known_error_of_the_token_endpoint_has_its_explanation(
    status: int, body: object, key: str
) -> None:
    with Loopback(answer(status, body)) as server:
        auth = ServerToServerAuth(f"{server.url}/oauth/token", "a", "b", "c", MemoryTokenStore(), 5.0)
        with pytest.raises(ZoomError) as caught:
            auth.token()
    assert words.explain(caught.value).key == key


def test_the_network_has_its_explanations() -> None:
    assert words.explain(errors.NotSent("refused")).key == "not_sent"
    assert words.explain(errors.HeldBack("the next turn is at 12:00:00 UTC")).key == "held_back"
    assert words.explain(errors.TokenReplaced("Invalid access token.", status=401)).key == "token_replaced"
    assert words.explain(errors.SecretUnreadable()).key == "secret_lost"
    assert words.explain(errors.NoAnswer("time-out")).key == "no_answer"
    assert words.sentence(errors.NotSent("refused")).endswith("(what happened: refused)")
    assert words.sentence(errors.NotSent()) == str(words.explain(errors.NotSent()))


def test_every_row_of_the_table_is_proved_by_one_of_these_tests() -> None:
    own = {"not_sent", "held_back", "token_replaced", "secret_lost"}
    proved = {key for *_, key in API} | {key for *_, key in TOKEN} | own
    assert {row.explanation.key for row in TABLE} == proved - {"unknown"}


def test_every_explanation_says_what_happened_what_to_do_who_and_whether_to_try_again() -> None:
    for row in TABLE:
        said = row.explanation
        assert all((said.cause, said.next_step, said.who, said.again)), said.key
        assert said.cause.endswith(".")
        assert said.next_step.endswith(".")


def kinds(base: type[ZoomError]) -> list[type[ZoomError]]:
    return [kind for child in base.__subclasses__() for kind in (child, *kinds(child))]


@pytest.mark.parametrize(
    "kind", [kind for kind in kinds(ZoomError) if kind not in (errors.Doubtful, errors.Refused)]
)
def test_every_kind_but_the_last_resort_is_explained_whatever_its_words(kind: type[ZoomError]) -> None:
    assert words.explain(kind("message")).key != words.UNKNOWN


def test_zooms_own_words_and_the_tracking_id_stand_behind() -> None:
    error = errors.NotEnrolled("No plan.", status=400, code=300, tracking_id="WEB_1")
    assert words.sentence(error).endswith("(Zoom's words: “No plan.”, HTTP 400, code 300, tracking id WEB_1)")


@pytest.mark.parametrize("body", ["", "{}"])
def test_nobody_is_sent_to_words_that_zoom_has_not_said(body: str) -> None:
    answer = Answer(422, {"x-zm-trackingid": "WEB_1"}, body)
    error = error_of(answer, Errand("assigning", write=True))
    assert error is not None
    assert words.explain(error).key == words.UNKNOWN
    said = words.sentence(error)
    assert "own words" not in said
    assert said.endswith("and name the tracking id if there is one. (HTTP 422, tracking id WEB_1)")


def test_what_is_wrong_with_an_answer_is_not_called_zooms_words() -> None:
    for error in (
        errors.Unreadable("no JSON", status=200),
        errors.Redirected("https://x.example", status=302),
    ):
        assert f"(what happened: {error.message}, HTTP " in words.sentence(error)


def test_a_daily_limit_is_not_said_to_end_at_midnight_where_zoom_names_another_time() -> None:
    for message in (DAILY, PER_USER):
        assert words.explain(api_error(429, 429, message)).next_step.startswith(
            "It ends when Zoom says, or else"
        )


def test_a_missing_scope_is_named() -> None:
    error = api_error(400, 4711, "does not contain scopes:[sip_connected_audio:write:trunks:master].")
    assert words.explain(error).cause == (
        "The app at Zoom lacks the scope sip_connected_audio:write:trunks:master."
    )
    assert words.explain(errors.ScopeMissing()).cause == "The app at Zoom lacks a scope."


# --- calls that were recorded ---------------------------------------------------------------------------------------


def recorded(status: int | None, body: str, method: str = "POST") -> ZoomCall:
    return ZoomCall(
        method=method,
        path="/accounts/x/sip_trunk/trunks",
        started_at=datetime.now(UTC),
        duration_ms=12,
        status=status,
        tracking_id="v=2.0;rid=1",
        answer=body,
    )


def test_a_recorded_refusal_is_decoded_with_zooms_own_words_beside_it() -> None:
    decoded = words.decode(recorded(400, json.dumps({"code": 300, "message": EN})))
    assert decoded is not None
    assert (decoded.explanation.key, decoded.words) == ("plan", EN)
    assert (decoded.status, decoded.code, decoded.tracking_id) == (400, 300, "v=2.0;rid=1")
    assert decoded.sentence == words.sentence(api_error(400, 300, EN))


@pytest.mark.parametrize(
    "call", [recorded(201, '{"sip_trunks": []}'), recorded(None, ""), recorded(200, "", "GET")]
)
def test_a_call_that_succeeded_or_got_no_answer_has_nothing_to_decode(call: ZoomCall) -> None:
    assert words.decode(call) is None


# --- what nobody knows ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.sqlite
def test_an_unknown_error_is_counted_with_its_latest_tracking_id(estate: cast.Estate) -> None:
    error = api_error(400, 3000, "Words that nobody has seen.\x00")
    unknown.note(estate.master, error)
    unknown.note(estate.master, error)
    unknown.note(estate.foreign_master, error)
    row = UnknownError.objects.get(master=estate.master)
    assert (row.status, row.code, row.count, row.tracking_id) == (400, 3000, 2, "v=2.0;rid=1")
    assert row.message.startswith("Words that nobody has seen.")
    assert str(row) == "HTTP 400, code 3000"


@pytest.mark.django_db
@pytest.mark.sqlite
def test_a_known_error_is_not_kept(estate: cast.Estate) -> None:
    unknown.note(estate.master, api_error(400, 300, EN))
    assert not UnknownError.objects.exists()


@pytest.mark.django_db
@pytest.mark.sqlite
def test_the_table_of_unknown_errors_has_an_end(estate: cast.Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown, "KEPT", 1)
    assert kept.KEPT == 500
    unknown.note(estate.master, errors.Refused("one", status=400))
    unknown.note(estate.master, errors.Refused("two", status=400))
    assert UnknownError.objects.get().message == "one"


@pytest.mark.sqlite
def test_an_error_with_a_code_of_any_size_is_kept(db: None) -> None:
    master = cast.master_account("Northwind", "northwind-account-id")
    for code in (10**18 - 1, 10**18, 10**40):
        unknown.note(master, api_error(400, code, "Words that nobody has seen."))
    assert {(row.code, row.count) for row in UnknownError.objects.all()} == {(10**18 - 1, 1), (0, 2)}
