"""allauth's addresses: what who is signed in gets, whatever the role, and what who is not.

The portal adds nothing to these views, so that they are told in columns, in the order of METHODS.
"""

from __future__ import annotations

from tests.matrix.rows import EVERYBODY, Cells, Row
from tests.matrix.scene import METHODS, NOBODY

ALWAYS_SIGN_IN = "302 302 302 302 302 302 302"
SHOWN = "200 200 405 405 405 405 200"
FORM = "200 200 200 200 405 405 200"
MOVED = "301 301 301 301 301 301 301"
NOT_FOUND = "404 404 404 404 404 404 404"


def _cells(signed_in: int, nobody: int) -> Cells:
    return dict.fromkeys(EVERYBODY, signed_in) | dict.fromkeys(NOBODY, nobody)


def row(path: str, signed_in: str, nobody: str = "") -> Row:
    """Return the row of `path`: seven statuses for who is signed in, and seven (or the same) for who is not."""
    pairs = zip(METHODS, signed_in.split(), (nobody or signed_in).split(), strict=True)
    answers = {method: _cells(int(inside), int(outside)) for method, inside, outside in pairs}
    return Row(path, answers, poster="anonymous" if nobody.startswith("200") else "staff")


ONE_KEY = "accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$"
SORRY = "200 200 200 200 200 200 200"

ROWS: dict[str, Row] = {
    ONE_KEY: row("/accounts/password/reset/key/1-abc/", SORRY),
    "accounts/email/": row("/accounts/email/", ALWAYS_SIGN_IN),
    "accounts/3rdparty/": row("/accounts/3rdparty/", ALWAYS_SIGN_IN),
    "accounts/login/": row("/accounts/login/", ALWAYS_SIGN_IN, FORM),
    "accounts/logout/": row(
        "/accounts/logout/", "200 200 302 405 405 405 200", "302 302 302 405 405 405 200"
    ),
    "accounts/inactive/": row("/accounts/inactive/", SHOWN),
    "accounts/signup/": row("/accounts/signup/", ALWAYS_SIGN_IN, SORRY),
    "accounts/reauthenticate/": row("/accounts/reauthenticate/", FORM, ALWAYS_SIGN_IN),
    "accounts/confirm-email/": row("/accounts/confirm-email/", SHOWN),
    "accounts/password/change/": row("/accounts/password/change/", FORM, ALWAYS_SIGN_IN),
    "accounts/password/set/": row("/accounts/password/set/", ALWAYS_SIGN_IN),
    "accounts/password/reset/": row("/accounts/password/reset/", FORM),
    "accounts/login/code/confirm/": row("/accounts/login/code/confirm/", ALWAYS_SIGN_IN),
    r"accounts/^confirm-email/(?P<key>[-:\w]+)/$": row(
        "/accounts/confirm-email/abc/", "200 200 404 405 405 405 200"
    ),
    "accounts/password/reset/key/done/": row("/accounts/password/reset/key/done/", SHOWN),
    "accounts/password/reset/done/": row("/accounts/password/reset/done/", SHOWN),
    "accounts/2fa/": row("/accounts/2fa/", SHOWN, ALWAYS_SIGN_IN),
    "accounts/2fa/authenticate/": row("/accounts/2fa/authenticate/", ALWAYS_SIGN_IN),
    "accounts/2fa/reauthenticate/": row("/accounts/2fa/reauthenticate/", ALWAYS_SIGN_IN),
    "accounts/2fa/totp/activate/": row("/accounts/2fa/totp/activate/", FORM, ALWAYS_SIGN_IN),
    "accounts/2fa/totp/deactivate/": row("/accounts/2fa/totp/deactivate/", NOT_FOUND, ALWAYS_SIGN_IN),
    "accounts/2fa/recovery-codes/": row(
        "/accounts/2fa/recovery-codes/", "404 404 405 405 405 405 200", ALWAYS_SIGN_IN
    ),
    "accounts/2fa/recovery-codes/generate/": row(
        "/accounts/2fa/recovery-codes/generate/", FORM, ALWAYS_SIGN_IN
    ),
    "accounts/2fa/recovery-codes/download/": row(
        "/accounts/2fa/recovery-codes/download/", NOT_FOUND, ALWAYS_SIGN_IN
    ),
    "accounts/3rdparty/login/cancelled/": row("/accounts/3rdparty/login/cancelled/", SHOWN),
    "accounts/3rdparty/login/error/": row("/accounts/3rdparty/login/error/", "401 401 405 405 405 405 200"),
    "accounts/3rdparty/signup/": row("/accounts/3rdparty/signup/", ALWAYS_SIGN_IN),
    "accounts/social/login/cancelled/": row("/accounts/social/login/cancelled/", MOVED),
    "accounts/social/login/error/": row("/accounts/social/login/error/", MOVED),
    "accounts/social/signup/": row("/accounts/social/signup/", MOVED),
    "accounts/social/connections/": row("/accounts/social/connections/", MOVED),
    "accounts/oidc/^(?P<provider_id>[^/]+)/login/": row("/accounts/oidc/portal/login/", NOT_FOUND),
    "accounts/oidc/^(?P<provider_id>[^/]+)/login/callback/": row(
        "/accounts/oidc/portal/login/callback/", NOT_FOUND
    ),
    "accounts/sessions/": row("/accounts/sessions/", "200 200 302 302 405 405 200", ALWAYS_SIGN_IN),
}
