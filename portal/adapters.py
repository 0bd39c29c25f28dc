"""What the portal asks of allauth: accounts are given out, not taken, and second factors are kept encrypted."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.core import context
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from portal import held_back
from trunks import middleware, step_up
from trunks.models import User
from trunks.models.fields import cipher
from trunks.workflow import signing_in

NO_ADDRESS = "0.0.0.0"  # noqa: S104  # nothing listens on it
REAUTHENTICATION_SECONDS = 300.0
SITE_NAME = "SIP trunk portal"
UNREADABLE = (
    "The portal cannot read your second factor. Ask an administrator to remove it, and set up a new one."
)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is not typed
    """Nobody signs up by themselves, and rate limits count the same caller that the audit trail names."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "The e-mail address or the password is wrong.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        # Lists of sessions keep it in a column for addresses, so that nobody's is the unspecified one.
        return middleware.client_ip(request) or NO_ADDRESS

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a letter that names the portal by its own address, and not by what the caller wrote into Host.

        Django checks the names there, but no port: whoever listens on another one of the machine, or is known to it by
        another name, would be sent the link that sets a password.
        """
        links = {name: _at_the_site(url) for name, url in context.items() if name.endswith("_url")}
        named = SimpleNamespace(name=SITE_NAME, domain=urlsplit(settings.SITE_URL).netloc)
        super().send_mail(template_prefix, email, {**context, **links, "current_site": named})

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        """Ask for no proof from somebody who has just signed in or given one.

        Raises ReauthenticationRequired for people who can prove themselves only at the identity provider: allauth takes
        any session of theirs as proof, so a stolen one could set up the very factor that it then proves itself by.
        """
        request = context.request
        if step_up.is_recent(request, REAUTHENTICATION_SECONDS):
            return False
        required = bool(super().is_reauthentication_required(app=app, **more))
        if required and not get_reauthentication_flows(request.user):
            raise ReauthenticationRequired
        return required

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        """Offer the identity provider as well to who has come through it; last, because it takes the longest way."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if settings.OIDC_ISSUER and SocialAccount.objects.filter(user_id=user.pk).exists():
            entry = {"id": "sso", "description": f"Use {settings.OIDC_NAME}", "url": reverse("proof_sso")}
            methods.append(entry)
        return methods

    def validation_error(self, code: str, *arguments: Any) -> ValidationError:
        # allauth says in no other way that it looks at no more passwords or codes for a while.
        if code in held_back.CODES:
            held_back.note(context.request)
        error: ValidationError = super().validation_error(code, *arguments)
        return error

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        signing_in.failed(str(credentials.get("email") or ""))

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        signing_in.failed(user.email)
        answer: HttpResponse = super().respond_user_inactive(request, user)
        return answer

    def reauthenticate(self, user: User, password: str) -> bool:
        # allauth's own looks the person up by a table of addresses that is not kept here.
        right = user.check_password(password)
        if not right:
            signing_in.not_confirmed(user)
        return right

    def logout(self, request: HttpRequest) -> None:
        if isinstance(request.user, User):
            signing_in.signed_out(actor=request.user, session_key=request.session.session_key)
        super().logout(request)


class SessionsAdapter(DefaultUserSessionsAdapter):  # type: ignore[misc]  # allauth is not typed
    """Writes down that somebody has ended their other sessions."""

    def end_sessions(self, sessions: Sequence[UserSession]) -> None:
        super().end_sessions(sessions)
        if sessions:
            signing_in.others_ended(actor=sessions[0].user, number=len(sessions))


class FactorUnreadable(ValidationError, InvalidToken):
    """The key that a second factor was encrypted with is not there: said beside the code that somebody enters."""


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is not typed
    """Keeps the secrets of second factors as the portal keeps Zoom's: a stolen database dump opens nothing."""

    def encrypt(self, text: str) -> str:
        return cipher().encrypt(text.encode()).decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        # The name of the site, not what the caller wrote into Host: a passkey is good for one site.
        return {"id": str(urlsplit(settings.SITE_URL).hostname), "name": SITE_NAME}

    def generate_authenticator_name(self, user: User, type: str) -> str:  # noqa: A002  # allauth's name
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return f"Passkey {number}"

    def decrypt(self, encrypted_text: str) -> str:
        """Return the text. Raises FactorUnreadable where no key reads it."""
        try:
            return cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken as error:
            raise FactorUnreadable(UNREADABLE) from error


def _at_the_site(url: str) -> str:
    parts = urlsplit(url)
    return settings.SITE_URL + urlunsplit(("", "", parts.path, parts.query, ""))
