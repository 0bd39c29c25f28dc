"""What Django and allauth announce about signing in, each handed to the verb that writes it down."""

from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.signals import (
    authentication_step_completed,
    password_changed,
    password_reset,
    password_set,
    user_logged_in,
)
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
    authenticator_used,
)
from django.contrib.auth.signals import user_logged_in as session_began
from django.dispatch import receiver
from django.http import HttpRequest

from trunks import step_up
from trunks.models import User
from trunks.workflow import recognising, signing_in


@receiver(session_began)
def _session_began(request: HttpRequest, user: User, **_: Any) -> None:
    step_up.mark(request)
    recognising.take_back_unmapped(user)


@receiver(user_logged_in)
def _signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    signing_in.signed_in(actor=user, by=_ways(request, user))


@receiver(authentication_step_completed)
def _confirmed(request: HttpRequest, user: User, method: str, **more: Any) -> None:
    if more.get("reauthenticated"):
        step_up.mark(request)
        signing_in.confirmed(actor=user, by=_way({"method": method} | more))


@receiver(authenticator_added)
def _factor_added(user: User, authenticator: Authenticator, **_: Any) -> None:
    signing_in.factor_added(actor=user, kind=authenticator.type)


@receiver(authenticator_removed)
def _factor_removed(user: User, authenticator: Authenticator, **_: Any) -> None:
    signing_in.factor_removed(actor=user, kind=authenticator.type)


@receiver(authenticator_reset)
def _codes_generated(user: User, **_: Any) -> None:
    signing_in.codes_generated(actor=user)


@receiver(authenticator_used)
def _factor_used(user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        authenticator.refresh_from_db()  # the code was crossed out on another copy of the row
        signing_in.code_used(actor=user, left=len(authenticator.wrap().get_unused_codes()))


@receiver(authentication_failed)
def _factor_failed(user: User, **_: Any) -> None:
    signing_in.factor_failed(user)


@receiver(password_changed)
@receiver(password_set)
def _password_changed(request: HttpRequest, user: User, **_: Any) -> None:
    signing_in.password_changed(actor=user, keep=request.session.session_key)


@receiver(password_reset)
def _password_reset(user: User, **_: Any) -> None:
    signing_in.password_reset(user)


def _ways(request: HttpRequest, user: User) -> list[str]:
    return [_way(record) for record in get_authentication_records(request, user)]


def _way(record: dict[str, Any]) -> str:
    """Return how somebody proved who they are: `password`, `totp`, `webauthn`, or the identity provider."""
    return str(record.get("type") or record.get("provider") or record["method"])
