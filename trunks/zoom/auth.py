"""Zoom's server-to-server OAuth as an AuthBase: one shared token, renewed in time and once on a 401.

Zoom's older tokens (version 7) died when a newer one was issued; today several may live at once. One shared
token satisfies both rules, which is why the store, and not this object, holds it.
"""

import re
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Protocol

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from trunks.zoom.errors import (
    CredentialsRefused,
    Details,
    ScopeMissing,
    SecretUnreadable,
    TokenReplaced,
    ZoomError,
)
from trunks.zoom.types import Token
from trunks.zoom.verdict import by_status, complaint_of, number, parsed, unreadable
from trunks.zoom.wire import Answer, Errand, Wire, prepare

MARGIN_SECONDS = 120.0
_TOKEN_REFUSED = {124, 4738, 4741}  # the text of the last two names no HTTP status
_APP_DISABLED = 4717
_ERRAND = Errand("getting an access token")
_PLAIN_WORDS = {
    "invalid_client": "the client ID or the client secret is wrong",
    "unsupported_grant_type": "the app is not a server-to-server OAuth app",
    "invalid_request": "Zoom does not accept the token request; the account ID may be wrong",
}


class TokenStore(Protocol):
    """Holds the token that everybody with the same credentials shares."""

    def current(self) -> Token | None:
        """Return the token in store, expired or not."""

    def renew(self, stale: Token | None, fetch: Callable[[], Token]) -> Token:
        """Replace `stale` by what `fetch` returns, or return the token that somebody else put in its place.

        Of all who renew the same stale token at once, one fetches and the others wait for it.
        """

    def set_aside(self, outdated: str) -> None:
        """Give the token of that value to nobody who asks from now on."""


class MemoryTokenStore:
    """A token store for one process; safe for threads."""

    def __init__(self) -> None:
        self._token: Token | None = None
        self._turn = threading.Lock()

    def current(self) -> Token | None:
        return self._token

    def renew(self, stale: Token | None, fetch: Callable[[], Token]) -> Token:
        with self._turn:
            held = self._token
            if held is not None and (stale is None or held.value != stale.value):
                return held
            self._token = fetch()
            return self._token

    def set_aside(self, outdated: str) -> None:
        with self._turn:
            if self._token is not None and self._token.value == outdated:
                self._token = None


class ServerToServerAuth(AuthBase):
    """Puts the shared token on each request; the account is the master's, sub accounts go into the path.

    `deadline` bounds one token request in seconds. The `api_url` of Zoom's token answer is ignored: Zoom says
    that the global address works whatever it holds, and following it would let an answer choose where the
    token is sent.
    """

    def __init__(
        self,
        token_url: str,
        account_id: str,
        client_id: str,
        client_secret: str,
        tokens: TokenStore,
        deadline: float = 30.0,
    ) -> None:
        self._token_url = token_url
        self._account_id = account_id
        self._client_id = client_id
        self._client_secret = client_secret
        self._tokens = tokens
        self._deadline = deadline
        self._held: Token | None = None
        self._replaced = False  # for a write

    def __repr__(self) -> str:
        return f"ServerToServerAuth(account_id={self._account_id!r})"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token().value}"
        return request

    def token(self) -> Token:
        """Return a token that is good now, fetching one if need be. Raises ZoomError, with nothing done.

        The store is asked once, and again when the token's time is up or Zoom refuses it.
        """
        held = self._held or self._tokens.current()
        if held is None or time.time() >= held.expires_at:
            held = self._tokens.renew(held, self._fetch)
        self._held = held
        return held

    def cure(self, error: CredentialsRefused, request: requests.PreparedRequest, *, write: bool) -> None:
        """Replace the token that Zoom refused on `request`; return when the same call may be made again.

        A write may not: it raises TokenReplaced, so that the list is read before anything is sent again. A second one
        raises `error`, as does what no new token cures: Zoom says "Invalid access token" of calls that the app may not
        make as well. Of many that had the same token refused, one replaces it.
        """
        if (error.status != 401 and error.code not in _TOKEN_REFUSED) or (write and self._replaced):
            raise error
        used = request.headers["Authorization"].removeprefix("Bearer ")
        self._held = self._tokens.renew(Token(used, 0.0, ""), self._fetch)
        if write:
            self._replaced = True
            raise TokenReplaced(
                error.message,
                doing=error.doing,
                status=error.status,
                code=error.code,
                tracking_id=error.tracking_id,
            ) from error

    def outdate(self, error: ZoomError) -> None:
        """Make the next user of this account start with a new token, if `error` is about what this token may not do.

        A token keeps the scopes, and perhaps the state, that its app had when it was issued. No call is repeated for it
        here, but what people have mended at Zoom should count at once and not only when the token's hour is over.
        """
        if self._held and (isinstance(error, ScopeMissing) or error.code == _APP_DISABLED):
            self._tokens.set_aside(self._held.value)

    def _fetch(self) -> Token:
        if not self._client_secret:
            raise SecretUnreadable(doing=_ERRAND.doing)
        request = requests.Request(
            "POST",
            self._token_url,
            # As a form, not in the query: the query lands in access logs, and some callers that used it began
            # to get 400 (developer forum, topic 124925).
            data={"grant_type": "account_credentials", "account_id": self._account_id},
            auth=HTTPBasicAuth(self._client_id.encode(), self._client_secret.encode()),
        )
        with closing(Wire()) as wire:
            asked_at = time.time()
            answer = wire.send(prepare(request), _ERRAND, seconds=self._deadline, hide=[self._client_secret])
        if error := _error_of(answer):
            raise error
        return _token(answer, asked_at)


def _error_of(answer: Answer) -> ZoomError | None:
    """Return what a token answer complains of; its bodies are {"reason", "error"}, unlike the API's.

    In a success, as Zoom's API hides errors in one, only what is known counts: anything else is not understood.
    """
    complaint, body = complaint_of(answer.text), parsed(answer.text)
    if 200 <= answer.status < 300:
        known = (
            isinstance(body, dict) and "access_token" not in body and str(body.get("error")) in _PLAIN_WORDS
        )
        if not known:
            return None
    elif error := by_status(answer, _ERRAND):
        return error
    details = Details(
        doing=_ERRAND.doing, status=answer.status, code=complaint.code, tracking_id=answer.tracking_id
    )
    # Whatever the words: whoever gets no token is refused, and that says nothing about what the token was for.
    plain = _PLAIN_WORDS.get(str(body.get("error")), "") if isinstance(body, dict) else ""
    words = f"{plain} ({complaint.message})" if plain else complaint.message
    return CredentialsRefused(words, **details)


def _token(answer: Answer, asked_at: float) -> Token:
    body = parsed(answer.text)
    if answer.cut or not isinstance(body, dict):
        raise unreadable(answer, _ERRAND, answer.cut or "the token answer is not a JSON object")
    value, scope = body.get("access_token"), body.get("scope")
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]+", value):
        said = [
            words for words in ("there is no usable access_token", complaint_of(answer.text).message) if words
        ]
        raise unreadable(answer, _ERRAND, ": ".join(said))
    life = _life(3600 if body.get("expires_in") is None else body["expires_in"])
    if life is None:
        raise unreadable(answer, _ERRAND, "expires_in is not a number of seconds")
    usable = life - min(MARGIN_SECONDS, life / 10)
    return Token(value, asked_at + usable, scope if isinstance(scope, str) else "")


def _life(value: object) -> float | None:
    seconds = value if isinstance(value, float) else number(value)
    return float(seconds) if seconds is not None and 0 < seconds < 1e9 else None
