"""Setting a first password, for people who have signed in through the identity provider only."""

from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.account.views import password_set
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from trunks.models import User


def page(request: HttpRequest) -> HttpResponse:
    """Answer as allauth does, but ask for a proof first: a session could set the password that then proves it.

    A post that comes too late is not kept for after the proof, as others are: a password would lie in the session.
    """
    if isinstance(request.user, User) and not request.user.has_usable_password():
        try:
            raise_if_reauthentication_required(request, app="allauth.mfa")
        except ReauthenticationRequired:
            if request.method == "POST":
                return redirect(request.path)
            raise
    answer: HttpResponse = password_set(request)
    return answer
