"""Delegations: who decides on whose behalf, making one, ending one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from trunks import access
from trunks.forms.delegations import DelegationForm
from trunks.forms.problems import show
from trunks.models import Delegation, Role, User
from trunks.views.http import HtmxHttpRequest, not_done_page
from trunks.views.paging import page
from trunks.views.step_up import proof_required
from trunks.workflow import delegating
from trunks.workflow.errors import Invalid, Refused, Stale


@require_http_methods(["GET", "POST"])
@proof_required("let somebody else decide for you")
def delegations(request: HtmxHttpRequest) -> HttpResponse:
    """List what the person gave, got, or administers; and take a new one from a supervisor."""
    if request.method == "GET":
        return _page(request, DelegationForm(user=request.user))
    form = DelegationForm(request.POST, user=request.user)
    try:
        if not delegating.may_make(request.user):
            access.require(request.user, Role.SUPERVISOR)
        if not form.is_valid():
            return _page(request, form, status=422)
        made = delegating.make(form.terms, actor=request.user)
    except Invalid as error:
        show(form, error.problems)
        return _page(request, form, status=422)
    except Refused as error:
        return not_done_page(request, error)
    messages.success(
        request, f"{made.receiver} decides on your behalf until the end of {made.ends_on:%-d %B %Y} (UTC)."
    )
    return redirect("delegations")


@require_POST
@proof_required("end the delegation to {}", lambda kept: access.delegation_for(kept.user, kept.args["pk"]))
def end(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    delegation = access.delegation_for(request.user, pk)
    try:
        delegating.end(delegation, actor=request.user)
    except (Refused, Stale) as error:
        return not_done_page(request, error, back=(reverse("delegations"), "Go to the delegations"))
    messages.success(request, f"{delegation.receiver} decides on behalf of {delegation.giver} no longer.")
    return redirect("delegations")


def _page(request: HtmxHttpRequest, form: DelegationForm, status: int = 200) -> HttpResponse:
    found = page(access.delegations_for(request.user), request)
    administered = set(access.administered_masters(request.user).values_list("pk", flat=True))
    context = {
        "form": form if delegating.may_make(request.user) else None,
        "page": found,
        "rows": [
            (one, _where(one, request.user, administered), delegating.may_end(request.user, one))
            for one in found.rows
        ],
    }
    return render(request, "trunks/delegations.html", context, status=status)


def _where(delegation: Delegation, user: User, administered: set[int]) -> str:
    """Return for what it is given; whoever neither gave nor got it reads the names of what they administer alone."""
    if delegation.for_all_masters:
        return f"All that {delegation.giver} supervises"
    named = list(delegation.masters.all())
    if user.pk in (delegation.giver_id, delegation.receiver_id):
        return ", ".join(map(str, named))
    known = [str(master) for master in named if master.pk in administered]
    return ", ".join([*known, "others"] if len(known) < len(named) else known)
