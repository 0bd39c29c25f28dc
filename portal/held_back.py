"""Recording sign-in attempts that were not checked because there were too many; allauth announces none of them."""

from allauth.account.internal.stagekit import get_pending_stage
from allauth.core.internal import ratelimit
from django.http import HttpRequest, HttpResponse

from trunks.models import User
from trunks.workflow import signing_in

# What allauth calls such a try where it answers with a form.
CODES = frozenset({"too_many_login_attempts", "rate_limited"})
_TRYING = {
    "account_login": "signing in",
    "account_reset_password": "asking for a new password",
    "account_reset_password_from_key": "taking a new password",
    "account_change_password": "changing the password",
    "account_set_password": "changing the password",
    "account_reauthenticate": "proving again who it is",
    "mfa_reauthenticate": "proving again who it is",
    "mfa_authenticate": "the second factor",
    "mfa_activate_totp": "setting up a second factor",
    "mfa_login_webauthn": "signing in",
    "mfa_reauthenticate_webauthn": "proving again who it is",
}


def note(request: HttpRequest) -> None:
    """Write down that what `request` tries is not looked at."""
    name = request.resolver_match.url_name if request.resolver_match else ""
    signing_in.held_back(_who(request), what=_TRYING.get(name or "", "an account"))


def page(request: HttpRequest) -> HttpResponse:
    """Answer with the page that says so, after writing it down."""
    note(request)
    answer: HttpResponse = ratelimit.handler429(request)
    return answer


def _who(request: HttpRequest) -> User | str:
    """Return who tries: signed in, or past the first factor; else the address that was typed, which may be none."""
    if isinstance(request.user, User):
        return request.user
    stage = get_pending_stage(request)
    if stage:
        person: User = stage.login.user
        return person
    typed = request.POST.get("login") or request.POST.get("email") or ""
    return typed.replace("\0", "")  # no form has looked at it
