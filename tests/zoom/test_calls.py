"""Around each call: the token and its renewal, the turn, the record."""

from datetime import UTC, datetime, timedelta

import pytest
import responses
from requests import PreparedRequest
from responses.matchers import header_matcher

from tests.zoom.conftest import API, TOKEN, TOKEN_URL, Open, Opened, make_auth
from trunks.zoom.auth import ServerToServerAuth
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import (
    AccountNotFound,
    CredentialsRefused,
    NotEnrolled,
    NotSent,
    ScopeMissing,
    ServerError,
    TokenReplaced,
)
from trunks.zoom.types import Assignment, Label

TRUNKS = f"{API}/accounts/sub/sip_trunk/trunks"
EXPIRED = {"code": 124, "message": "Access token is expired."}

OUTDATED: list[dict[str, object]] = [
    {"code": 4711, "message": "Invalid access token, does not contain scopes:[a:b]."},
    {"code": 4717, "message": "The app has been disabled."},
]


class TestRenewing:
    def test_an_expired_token_is_renewed_and_a_reading_repeated_once(
        self, open_client: Open, zoom: responses.RequestsMock
    ) -> None:
        client = open_client()
        old, new = ({"Authorization": f"Bearer {token}"} for token in (TOKEN, "new"))
        zoom.get(TRUNKS, json=EXPIRED, status=401, match=[header_matcher(old)])
        zoom.post(TOKEN_URL, json={"access_token": "new"})
        zoom.get(TRUNKS, json={"sip_trunks": []}, match=[header_matcher(new)])
        assert client.list_trunks("sub") == []
        assert client.turns == [Label.LIGHT] * 2
        assert [call.status for call in client.calls] == [401, 200]

    def test_an_expired_token_is_renewed_for_a_write_which_is_left_to_the_caller(
        self, open_client: Open, zoom: responses.RequestsMock
    ) -> None:
        client = open_client()
        zoom.post(
            TRUNKS, json=EXPIRED, status=401, match=[header_matcher({"Authorization": f"Bearer {TOKEN}"})]
        )
        zoom.post(TOKEN_URL, json={"access_token": "new"})
        zoom.post(TRUNKS, status=201, match=[header_matcher({"Authorization": "Bearer new"})])
        with pytest.raises(TokenReplaced, match="Access token is expired") as caught:
            client.assign_trunks("sub", [Assignment("1", "12345")])
        assert (caught.value.retryable, caught.value.might_have_happened) == (True, False)
        assert [call.status for call in client.calls] == [401]
        assert client.assign_trunks("sub", [Assignment("1", "12345")]) == []
        assert client.turns == [Label.LIGHT] * 2
        assert [call.status for call in client.calls] == [401, 201]

    def test_a_write_that_is_refused_with_the_new_token_too_asks_for_no_other(
        self, open_client: Open, zoom: responses.RequestsMock
    ) -> None:
        client = open_client()
        refusal = zoom.post(TRUNKS, json={"code": 124, "message": "Invalid access token."}, status=401)
        renewal = zoom.post(TOKEN_URL, json={"access_token": "new"})
        for error in (TokenReplaced, CredentialsRefused, CredentialsRefused):
            with pytest.raises(error):
                client.assign_trunks("sub", [Assignment("1", "12345")])
        assert (refusal.call_count, renewal.call_count) == (3, 1)

    def test_a_second_401_means_the_credentials_are_refused(
        self, open_client: Open, zoom: responses.RequestsMock
    ) -> None:
        client = open_client()
        refusal = zoom.get(TRUNKS, json={"code": 124, "message": "Invalid access token."}, status=401)
        renewal = zoom.post(TOKEN_URL, json={"access_token": "new"})
        with pytest.raises(CredentialsRefused):
            client.list_trunks("sub")
        assert (refusal.call_count, renewal.call_count) == (2, 1)

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (401, {"code": 4741, "message": "The token has been revoked."}),
            (400, {"code": 4741, "message": "The token has been revoked."}),
            (400, {"code": 4738, "message": "The token is disabled by admin."}),
            (400, {"code": 124, "message": "Invalid access token."}),
            (401, {"code": 401, "message": "Unauthorized"}),
            (401, {}),
        ],
    )
    def test_a_token_that_is_refused_in_other_words_is_renewed_once_too(
        self, open_client: Open, zoom: responses.RequestsMock, status: int, body: dict[str, object]
    ) -> None:
        client = open_client()
        refusal = zoom.get(TRUNKS, json=body, status=status)
        renewal = zoom.post(TOKEN_URL, json={"access_token": "new"})
        with pytest.raises(CredentialsRefused):
            client.list_trunks("sub")
        assert (refusal.call_count, renewal.call_count) == (2, 1)

    def test_what_is_not_about_the_token_is_not_cured_by_one(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        body = {"code": 124, "message": "Account does not exist: sub."}
        refusal = zoom.get(TRUNKS, json=body, status=401)
        with pytest.raises(AccountNotFound):
            client.list_trunks("sub")
        assert refusal.call_count == 1

    @pytest.mark.parametrize("body", OUTDATED)
    def test_what_was_mended_at_zoom_counts_for_whoever_asks_next(
        self, open_client: Open, zoom: responses.RequestsMock, body: dict[str, object]
    ) -> None:
        old, new = ({"Authorization": f"Bearer {token}"} for token in (TOKEN, "new"))
        auth = make_auth()
        refusal = zoom.get(TRUNKS, json=body, status=400, match=[header_matcher(old)])
        zoom.post(TOKEN_URL, json={"access_token": "new"})
        zoom.get(TRUNKS, json={"sip_trunks": []}, match=[header_matcher(new)])
        with pytest.raises((ScopeMissing, CredentialsRefused)):
            open_client(auth=auth).list_trunks("sub")
        auth._held = None  # as in another conversation
        assert open_client(auth=auth).list_trunks("sub") == []
        assert refusal.call_count == 1

    @pytest.mark.parametrize("body", OUTDATED)
    def test_nothing_is_asked_or_sent_twice_for_a_scope_or_a_disabled_app(
        self, client: Opened, zoom: responses.RequestsMock, body: dict[str, object]
    ) -> None:
        refusal = zoom.post(TRUNKS, json=body, status=400)
        with pytest.raises((ScopeMissing, CredentialsRefused)):
            client.assign_trunks("sub", [Assignment("1", "12345")])
        zoom.get(TRUNKS, json={"sip_trunks": []})
        assert client.list_trunks("sub") == []
        assert refusal.call_count == 1

    def test_a_token_that_cannot_be_renewed_leaves_a_write_undone(
        self, open_client: Open, zoom: responses.RequestsMock
    ) -> None:
        client = open_client()
        zoom.post(TRUNKS, json=EXPIRED, status=401)
        zoom.post(TOKEN_URL, status=503)
        with pytest.raises(ServerError, match="access token") as caught:
            client.assign_trunks("sub", [Assignment("1", "12345")])
        assert not caught.value.might_have_happened


class TestRecord:
    def test_a_call_is_recorded_with_what_support_needs(
        self, client: Opened, zoom: responses.RequestsMock
    ) -> None:
        zoom.get(
            TRUNKS, body=' {"sip_trunks": []}' + " " * 5000, headers={"X-ZM-TrackingId": "v=2.0;rid=WEB_1"}
        )
        client.list_trunks("sub")
        (call,) = client.calls
        assert (call.method, call.path, call.label) == ("GET", "/accounts/sub/sip_trunk/trunks", Label.LIGHT)
        assert (call.status, call.tracking_id, call.error) == (200, "v=2.0;rid=WEB_1", "")
        assert len(call.answer) == 4000
        assert datetime.now(UTC) - call.started_at < timedelta(seconds=30)
        assert 0 <= call.duration_ms < 30_000

    def test_a_refused_call_is_recorded(self, client: Opened, zoom: responses.RequestsMock) -> None:
        message = "Request failed because this account is not enrolled in SIP Connected Audio plan."
        zoom.get(TRUNKS, json={"code": 300, "message": message}, status=400)
        with pytest.raises(NotEnrolled) as caught:
            client.list_trunks("sub")
        assert client.calls[0].error == str(caught.value)
        assert message in client.calls[0].answer

    def test_an_interrupted_call_is_recorded(self, client: Opened, zoom: responses.RequestsMock) -> None:
        def interrupt(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
            raise KeyboardInterrupt

        zoom.add_callback("GET", TRUNKS, interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.list_trunks("sub")
        assert (client.calls[0].status, client.calls[0].error) == (None, "KeyboardInterrupt")

    def test_what_observe_raises_reaches_the_caller(self, zoom: responses.RequestsMock) -> None:
        def disk_full(call: object) -> None:
            raise OSError("disk full")

        zoom.get(TRUNKS, json={"sip_trunks": []})
        with (
            ZoomClient(api_url=API, auth=make_auth(), observe=disk_full) as client,
            pytest.raises(OSError, match="disk full"),
        ):
            client.list_trunks("sub")

    def test_a_turn_that_raises_keeps_the_request_from_being_sent(self) -> None:
        def lease_over(label: Label) -> None:
            raise RuntimeError("lease")

        with (
            responses.RequestsMock(),
            ZoomClient(api_url=API, auth=make_auth(), turn=lease_over) as client,
            pytest.raises(RuntimeError, match="lease"),
        ):
            client.list_trunks("sub")

    def test_without_callbacks_nothing_waits_and_nothing_is_recorded(
        self, zoom: responses.RequestsMock
    ) -> None:
        zoom.get(TRUNKS, json={"sip_trunks": []})
        with ZoomClient(api_url=API + "/", auth=make_auth()) as client:
            assert client.list_trunks("sub") == []


def test_a_deadline_that_is_over_before_sending_sends_nothing(
    open_client: Open, zoom: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = make_auth()

    def slow(self: ServerToServerAuth, request: PreparedRequest) -> PreparedRequest:
        return request

    monkeypatch.setattr(ServerToServerAuth, "__call__", slow)
    with pytest.raises(NotSent) as caught:
        open_client(auth=auth, deadline=0.0).assign_trunks("sub", [Assignment("1", "12345")])
    assert not caught.value.might_have_happened
