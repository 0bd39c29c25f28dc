"""Server-to-server OAuth: the token endpoint, bearer tokens, scopes."""

import base64
import binascii
import secrets
from dataclasses import replace
from typing import Any

from trunks.sandbox import errors
from trunks.sandbox.exchange import Call
from trunks.sandbox.records import Account, App
from trunks.sandbox.world import Token, World

TOKEN_SECONDS = 3600
GRANT = "account_credentials"


def issue_token(world: World, call: Call, api_url: str) -> dict[str, Any]:
    """Answer the token endpoint; parameters may come in the form body or in the query string."""
    parameters = call.query | call.form()
    app = _app_of(world, call)
    if parameters.get("grant_type") != GRANT:
        raise errors.token_refused("unsupported_grant_type", "unsupported grant type")
    if parameters.get("account_id") != app.account_id:
        # A guess: no public text says what a wrong account_id answers.
        raise errors.token_refused("invalid_request", "Bad Request")
    return {
        "access_token": _new_token(world, app),
        "token_type": "bearer",
        "expires_in": TOKEN_SECONDS,
        "scope": " ".join(app.scopes),
        "api_url": api_url,
    }


def _app_of(world: World, call: Call) -> App:
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    try:
        pair = base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        pair = ""
    client_id, _, secret = pair.partition(":")
    app = world.estate.apps.get(client_id)
    if app is None or not secrets.compare_digest(app.client_secret.encode(), secret.encode()):
        raise errors.token_refused("invalid_client", "Invalid client_id or client_secret")
    return app


def _new_token(world: World, app: App) -> str:
    with world.lock:
        if world.switches["token_rule"] == "one":  # noqa: S105 - a switch
            revoke(world, app.client_id)
        text = f"sandbox.{secrets.token_urlsafe(48)}"
        world.tokens[text] = Token(app.client_id, world.clock.monotonic() + TOKEN_SECONDS, list(app.scopes))
        return text


def revoke(world: World, client_id: str | None = None) -> None:
    """Forget an app's tokens, or everybody's."""
    with world.lock:
        world.tokens = {
            text: token
            for text, token in world.tokens.items()
            if client_id is not None and token.client_id != client_id
        }


def authenticate(world: World, call: Call) -> tuple[App, Account]:
    """Return the app, with the scopes of its token, and the account behind a bearer token; raises 401/124."""
    scheme, _, text = call.headers.get("authorization", "").partition(" ")
    token = world.tokens.get(text.strip()) if scheme.lower() == "bearer" else None
    app = world.estate.apps.get(token.client_id) if token else None
    account = world.estate.accounts.get(app.account_id) if app else None
    if token is None or app is None or account is None:
        raise errors.refusal(401, 124, errors.TOKEN_INVALID)
    if token.expires <= world.clock.monotonic():
        raise errors.refusal(401, 124, errors.TOKEN_EXPIRED)
    return replace(app, scopes=token.scopes), account


def require_scope(app: App, classic: tuple[str, ...], granular: tuple[str, ...]) -> None:
    """Raise 400/4711 or, for a classic app, 400/4700, unless the app has one of the scopes."""
    wanted = granular if app.kind == "granular" else classic
    if set(wanted) & set(app.scopes):
        return
    if app.kind == "granular":
        message = f"Invalid access token, does not contain scopes:[{', '.join(wanted)}]."
        raise errors.refusal(400, 4711, message)
    raise errors.refusal(400, 4700, f"Invalid access token, does not contain scopes: [{', '.join(wanted)}].")
