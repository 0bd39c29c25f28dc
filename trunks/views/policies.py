"""The approval policy of a master account: its rules, what they say in words, and what they would have meant."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from trunks import access
from trunks.forms.policies import PolicyForm, initial_of
from trunks.forms.problems import Problem, of_fields, show
from trunks.models import ApprovalPolicy, MasterAccount, Role
from trunks.models.approval_policy import CONDITIONS
from trunks.views.http import HtmxHttpRequest, not_done_page
from trunks.views.step_up import proof_required
from trunks.workflow import policies
from trunks.workflow.approval_rules import sentences
from trunks.workflow.deciders import supervisors_for
from trunks.workflow.errors import Invalid, Problems, Refused, Stale
from trunks.workflow.rehearsal import rehearse

LISTED = 50


@require_http_methods(["GET", "POST"])
@proof_required("save the approval policy of {}", lambda kept: access.master_for(kept.user, kept.args["pk"]))
def policy(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Show the policy in force with its form, or save a new version."""
    master = _administered(request, pk)
    if request.method == "GET":
        return _page(request, master)
    form = PolicyForm(request.POST)
    if not form.is_valid():
        return _page(request, master, form, status=422)
    try:
        saved = policies.save(form.policy(master), actor=request.user, version=form.cleaned_data["version"])
    except Invalid as error:
        show(form, error.problems)
        return _page(request, master, form, status=422)
    except (Refused, Stale) as error:
        back = reverse("master_policy", args=[pk]), "Go to the policy"
        return not_done_page(request, error, back=back)
    messages.success(request, f"Version {saved.version} of the policy of {master} is in force.")
    return redirect("master_policy", pk)


@require_GET
def preview(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Show what the rules say that stand in the form, saved or not, and rehearse them."""
    master = _administered(request, pk)
    form = PolicyForm(request.GET)
    return render(request, "trunks/partials/policy_preview.html", _preview(master, form))


def _administered(request: HtmxHttpRequest, pk: int) -> MasterAccount:
    master = access.master_for(request.user, pk)
    access.require(request.user, Role.ADMINISTRATOR, master_id=pk)
    return master


def _page(
    request: HtmxHttpRequest, master: MasterAccount, failed: PolicyForm | None = None, status: int = 200
) -> HttpResponse:
    """Answer the page, with the policy in force in its form, or with what was typed and `failed`."""
    saved = list(master.approval_policies.select_related("made_by").order_by("-version")[:LISTED])
    now = saved[0] if saved else ApprovalPolicy.current(master)
    form, shown = failed or PolicyForm(initial=initial_of(now)), failed or PolicyForm(initial_of(now))
    context = {
        "master": master,
        "form": form,
        "conditions": [form[name] for name in CONDITIONS],
        "problems": _summary(form),
        "now": now,
        "in_force": sentences(now),
        "versions": saved,
    }
    return render(request, "trunks/policy.html", context | _preview(master, shown), status=status)


def _preview(master: MasterAccount, form: PolicyForm) -> dict[str, Any]:
    """Return what is shown of the rules in `form`: nothing but the problems while there are some."""
    unread = not form.is_valid() and set(form.errors) != {NON_FIELD_ERRORS}
    found: Problems = {NON_FIELD_ERRORS: ["Some of what was typed cannot be read."]} if unread else {}
    draft = form.policy(master) if not found else None
    found = found or policies.problems(draft) if draft else found
    if draft is None or found:
        return {"wrong": [text for texts in found.values() for text in texts]}
    found_out = rehearse(draft)
    most = max(getattr(draft, name) for name in ("approvals", *CONDITIONS))
    return {
        "master": master,
        "said": sentences(draft),
        "rehearsal": found_out,
        "differing": found_out.differing[:LISTED],
        "unreachable": found_out.unreachable[:LISTED],
        "supervisors": (number := len(supervisors_for(master.pk))),
        "too_few": number < most,
        "most": most,
    }


def _summary(form: PolicyForm) -> list[Problem]:
    return [*(Problem(str(text)) for text in form.non_field_errors()), *of_fields(form)]
