"""Proving who one is through the identity provider, and going on with what was kept meanwhile."""

from __future__ import annotations

from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from trunks import step_up
from trunks.views.http import HtmxHttpRequest

NEXT = "proof_next"


@require_GET
def single_sign_on(request: HtmxHttpRequest) -> HttpResponse:
    """Show the way to the identity provider, which is told to ask anew who it is."""
    if not SocialAccount.objects.filter(user=request.user).exists():
        return redirect("account_reauthenticate")
    request.session[NEXT] = get_next_redirect_url(request) or ""
    login = reverse("openid_connect_login", args=[settings.OIDC_PROVIDER])
    asked: dict[str, str] = {"process": "login", "auth_params": "prompt=login&max_age=0"}
    context = {"address": f"{login}?{urlencode(asked)}", "name": settings.OIDC_NAME}
    return render(request, "trunks/proof_sso.html", context)


@require_GET
def resume(request: HtmxHttpRequest) -> HttpResponse:
    """Show what was kept, to be sent by a click: a page that is opened by GET carries nothing out.

    Where a page asked for the proof and no form, lead back to it.
    """
    kept = step_up.Kept.of(request)
    if step_up.is_due(request):
        return redirect("home")
    if kept is None:
        return redirect(request.session.pop(NEXT, "") or "home")
    values = [
        (name, value)
        for name, values in kept.post.lists()
        for value in values
        if name != "csrfmiddlewaretoken"
    ]
    return render(request, "trunks/proof.html", {"kept": kept, "values": values})
