"""Signing in through the organisation's identity provider: allauth speaks with it, a verb says who it is."""

from typing import Any, NoReturn

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.db import IntegrityError
from django.http import HttpRequest
from django.shortcuts import redirect, render

from trunks import step_up
from trunks.models import User
from trunks.workflow import recognising, signing_in
from trunks.workflow.errors import Refused

TWICE = "You came in for the first time in two windows at once. Sign in again."


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth is not typed
    """Lets in whom the portal knows, by a verified e-mail address; nobody ties an account to another one by hand."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        known = sociallogin.user if sociallogin.is_existing else None
        claims = claims_of(sociallogin)
        if request.user.is_authenticated:
            _prove(request, known, claims)
        try:
            user = recognising.recognise(claims, known=known)
            if known is None:
                sociallogin.connect(request, user)
        except Refused as error:
            _fail(request, claims, error.reason)
        except IntegrityError:
            # The person, or their account at the provider, was stored between being looked for and this.
            _fail(request, claims, TWICE)

    def on_authentication_error(self, request: HttpRequest, provider: Any, **more: Any) -> None:
        signing_in.failed("", why="the identity provider gave no answer that holds")


def claims_of(sociallogin: SocialLogin) -> dict[str, Any]:
    """Return what the provider says of the person: the signed token, and over it what the userinfo adds."""
    data = sociallogin.account.extra_data
    return {**(data.get("id_token") or {}), **(data.get("userinfo") or {})}


def _fail(request: HttpRequest, claims: dict[str, Any], reason: str) -> NoReturn:
    signing_in.failed(str(claims.get("email") or ""), why=reason)
    refuse(request, reason)


def refuse(request: HttpRequest, reason: str) -> NoReturn:
    raise ImmediateHttpResponse(render(request, "trunks/no_entry.html", {"reason": reason}, status=403))


def _prove(request: HttpRequest, known: User | None, claims: dict[str, Any]) -> NoReturn:
    """Take the provider's word as a proof of who is signed in already; raise the way back to what was asked for."""
    if known is None or known != request.user:
        refuse(request, "You are signed in as somebody else here. Sign out first.")
    if not recognising.is_fresh(claims):
        refuse(
            request, "The identity provider did not ask again who you are. Sign out there, then try again."
        )
    step_up.mark(request)
    signing_in.confirmed(actor=known, by="sso")
    raise ImmediateHttpResponse(redirect("proof"))
