"""What people do to a request from its page: each address carries out one verb, by POST alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from trunks import access
from trunks.forms.decisions import DecisionForm
from trunks.forms.problems import show
from trunks.models import TrunkRequest
from trunks.references import reference_to
from trunks.step_up import Kept
from trunks.views.http import HtmxHttpRequest, not_done_page
from trunks.views.request_page import request_page
from trunks.views.step_up import proof_required
from trunks.views.together import approved_words
from trunks.workflow import attention, endings, filing, provisioning, reconcile, review
from trunks.workflow.errors import Invalid, Refused, Stale

Verb = Callable[[TrunkRequest, int, str], TrunkRequest | None]


def _reference(kept: Kept) -> str:
    return reference_to(kept.args["reference"])


@require_POST
@proof_required("approve {}", _reference)
def approve(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    def verb(trunk_request: TrunkRequest, version: int, comment: str) -> TrunkRequest | None:
        stands_on = request.POST.get("base", "")
        return review.approve(
            trunk_request, actor=request.user, version=version, comment=comment, stands_on=stands_on
        )

    return _carry_out(request, reference, "approve", verb, approved_words)


@require_POST
def take_back(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    def verb(trunk_request: TrunkRequest, version: int, comment: str) -> TrunkRequest | None:
        return review.take_back(trunk_request, actor=request.user, version=version, comment=comment)

    return _carry_out(request, reference, "take_back", verb, "waits again: your approval is taken back.")


@require_POST
def revalidate(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    before = access.trunk_request_for(request.user, reference).version

    def verb(trunk_request: TrunkRequest, version: int, comment: str) -> TrunkRequest | None:
        return review.revalidate(trunk_request, actor=request.user, version=version)

    def done(trunk_request: TrunkRequest) -> str:
        if trunk_request.version == before:
            return "is as it was: Zoom was read, and nothing that concerns it has changed."
        return "is validated again, against what Zoom has now. Look at it before you decide."

    return _carry_out(request, reference, "revalidate", verb, done)


@require_POST
@proof_required("deny {}", _reference)
def deny(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    def verb(trunk_request: TrunkRequest, version: int, comment: str) -> TrunkRequest | None:
        return review.deny(trunk_request, actor=request.user, version=version, comment=comment)

    return _carry_out(request, reference, "deny", verb, partial(_ended, "denied"))


@require_POST
@proof_required("send {} back", _reference)
def send_back(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    def verb(trunk_request: TrunkRequest, version: int, comment: str) -> TrunkRequest | None:
        return review.send_back(trunk_request, actor=request.user, version=version, comment=comment)

    return _carry_out(request, reference, "send_back", verb, "sent back to the person who filed it.")


@require_POST
def withdraw(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    def verb(trunk_request: TrunkRequest, version: int, comment: str) -> TrunkRequest | None:
        return filing.withdraw(trunk_request, actor=request.user, version=version, comment=comment)

    return _carry_out(request, reference, "withdraw", verb, partial(_ended, "withdrawn"))


@require_POST
def retry(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    def verb(trunk_request: TrunkRequest, version: int, comment: str) -> TrunkRequest | None:
        return provisioning.retry(trunk_request, actor=request.user, version=version)

    return _carry_out(request, reference, "retry", verb, "queued again, for the lines that did not succeed.")


@require_POST
def check(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    # Without a version: Zoom is read and nothing is decided, so that it does not matter what the page showed.
    trunk_request = access.trunk_request_for(request.user, reference)
    try:
        asked = reconcile.check_now(trunk_request, actor=request.user)
    except (Refused, Stale) as error:
        return not_done(request, reference, error)
    if asked:
        messages.success(request, f"{trunk_request.reference} is being compared with Zoom's list now.")
    else:
        words = (
            "Zoom does not answer for this master account. It is tried now; the list is read when it answers."
        )
        messages.warning(request, words)
    return redirect("request_detail", reference)


@require_POST
def give_up(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    def verb(trunk_request: TrunkRequest, version: int, comment: str) -> TrunkRequest:
        return reconcile.give_up(trunk_request, actor=request.user, version=version, comment=comment)

    return _carry_out(request, reference, "give_up", verb, "was given up. Its page says what is not known.")


@require_POST
def end_alarm(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    def verb(trunk_request: TrunkRequest, version: int, comment: str) -> None:
        attention.end_alarm(trunk_request, actor=request.user, version=version, comment=comment)

    return _carry_out(
        request, reference, "end_alarm", verb, "no longer raises the alarm about the customer's trunk."
    )


def _ended(how: str, trunk_request: TrunkRequest) -> str:
    return f"{how}. {endings.sentence(trunk_request.kind)}"


def _carry_out(
    request: HtmxHttpRequest,
    reference: int,
    name: str,
    verb: Verb,
    done: str | Callable[[TrunkRequest], str],
) -> HttpResponse:
    """Do `verb` and go back to the page; or say, with the right status, why it was not done."""
    trunk_request = access.trunk_request_for(request.user, reference)
    form = DecisionForm(request.POST, auto_id=f"id_{name}_%s")
    if not form.is_valid():
        return request_page(request, trunk_request, failed=form, verb=name, status=422)
    try:
        verb(trunk_request, form.cleaned_data["version"], form.cleaned_data["comment"])
    except Invalid as error:
        return _with_problems(request, reference, name, form, error)
    except (Refused, Stale) as error:
        return not_done(request, reference, error)
    messages.success(request, f"{trunk_request.reference} {done(trunk_request) if callable(done) else done}")
    return redirect("request_detail", reference)


def _with_problems(
    request: HtmxHttpRequest, reference: int, name: str, form: DecisionForm, error: Invalid
) -> HttpResponse:
    show(form, error.problems)
    trunk_request = access.trunk_request_for(request.user, reference)
    return request_page(request, trunk_request, failed=form, verb=name, status=422)


def not_done(request: HtmxHttpRequest, reference: int, error: Refused | Stale) -> HttpResponse:
    """Answer 403 with the rule and who could, or 409 with who was first; both show how the request stands now."""
    trunk_request = access.trunk_request_for(request.user, reference)
    return not_done_page(request, error, trunk_request=trunk_request)
