"""Invitations: made and kept by administrators, taken up by whoever has the link."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from trunks import access
from trunks.forms.people import InviteForm, JoinForm
from trunks.forms.problems import show
from trunks.models import Invitation, Role
from trunks.models.invitation import digest_of
from trunks.step_up import Kept
from trunks.views.http import HtmxHttpRequest, not_done_page
from trunks.views.people import what_may_be_given
from trunks.views.step_up import proof_required
from trunks.workflow import invitations
from trunks.workflow.errors import Invalid, Refused, Stale
from trunks.workflow.invitations import Sent

KEPT = "invitation"
PAGE = "trunks/invitation.html"


def _invited(kept: Kept) -> Invitation:
    return access.invitation_for(kept.user, kept.args["pk"])


@require_http_methods(["GET", "POST"])
@proof_required("invite {}", lambda kept: kept.post.get("email", ""))
def invite(request: HtmxHttpRequest) -> HttpResponse:
    """Show the form, or invite somebody and show the link, this once."""
    access.require(request.user, Role.ADMINISTRATOR)
    form = InviteForm(request.POST if request.method == "POST" else None, **what_may_be_given(request.user))
    if form.is_valid():
        try:
            return _sent(request, invitations.invite(form.offer, actor=request.user))
        except Invalid as error:
            show(form, error.problems)
        except Refused as error:
            return _not_done(request, error)
    return render(request, "trunks/invite.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@proof_required("renew the invitation of {}", _invited)
def renew(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Send an invitation with a new link, and show it, this once."""
    access.require(request.user, Role.ADMINISTRATOR)
    try:
        return _sent(request, invitations.renew(access.invitation_for(request.user, pk), actor=request.user))
    except (Refused, Stale) as error:
        return _not_done(request, error)


@require_POST
@proof_required("withdraw the invitation of {}", _invited)
def withdraw(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    access.require(request.user, Role.ADMINISTRATOR)
    invitation = access.invitation_for(request.user, pk)
    try:
        invitations.withdraw(invitation, actor=request.user)
    except (Refused, Stale) as error:
        return _not_done(request, error)
    messages.success(request, f"The invitation of {invitation} is withdrawn; its link is void.")
    return redirect("people")


@require_GET
@never_cache
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the link's token out of the address bar: it would stay in the history and in what pages refer to.

    Opening a link changes nothing, because mail servers open links as well.
    """
    if request.user.is_authenticated:
        return render(request, PAGE, status=409)
    kept = digest_of(token)
    if Invitation.objects.by_digest(kept) is None:  # nothing is kept for whoever tries
        return render(request, PAGE, status=404)
    request.session[KEPT] = kept
    return redirect("invitation_accept")


@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "POST"])
@never_cache
def accept(request: HttpRequest) -> HttpResponse:
    """Let the invited person set name and password, and sign them in."""
    if request.user.is_authenticated:
        return render(request, PAGE, status=409)
    invitation = Invitation.objects.by_digest(request.session.get(KEPT, ""))
    if invitation is None:
        return render(request, PAGE, status=404)
    posted = request.POST if request.method == "POST" else None
    form = JoinForm(posted, initial={"name": invitation.name})
    if form.is_valid():
        try:
            return _join(request, invitation, form)
        except Invalid as error:
            show(form, error.problems)
        except Stale as error:
            return render(request, PAGE, {"void": error.reason}, status=409)
    context = {"form": form, "invitation": invitation}
    return render(request, PAGE, context, status=422 if form.errors else 200)


def _join(request: HttpRequest, invitation: Invitation, form: JoinForm) -> HttpResponse:
    password = form.cleaned_data["password1"]
    user = invitations.accept(invitation, name=form.cleaned_data["name"], password=password)
    del request.session[KEPT]
    response: HttpResponse = perform_password_login(
        request, {"email": user.email}, Login(user=user, email=user.email)
    )
    return response


def _sent(request: HtmxHttpRequest, sent: Sent) -> HttpResponse:
    """Show the link in the answer to the post itself: it is kept nowhere to be shown again."""
    return render(request, "trunks/invited.html", {"sent": sent, "invitation": sent.invitation})


def _not_done(request: HtmxHttpRequest, error: Refused | Stale) -> HttpResponse:
    return not_done_page(request, error, back=(reverse("people"), "Go to the people"))
