"""What people do to a request from its page: each address carries out one verb, by POST alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from trunks import access
from trunks.forms.decisions import DecisionForm
from trunks.forms.problems import show
from trunks.models import TrunkRequest, User
from trunks.references import reference_to
from trunks.step_up import Kept
from trunks.views.http import HtmxHttpRequest, not_done_page
from trunks.views.request_page import request_page
from trunks.views.step_up import proof_required
from trunks.views.together import approved_words
from trunks.workflow import attention, endings, filing, provisioning, reconcile, review
from trunks.workflow.errors import Invalid, Refused, Stale


class Verb(Protocol):
    """What somebody does to a request as a page showed it, with what they wrote beside it."""

    def __call__(
        self, trunk_request: TrunkRequest, /, *, actor: User, version: int, comment: str
    ) -> object: ...


def _reference(kept: Kept) -> str:
    return reference_to(kept.args["reference"])


@require_POST
@proof_required("approve {}", _reference)
def approve(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    verb = partial(review.approve, stands_on=request.POST.get("base", ""))
    return _carry_out(request, reference, "approve", verb, approved_words)


@require_POST
def take_back(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    done = "waits again: your approval is taken back."
    return _carry_out(request, reference, "take_back", review.take_back, done)


@require_POST
def revalidate(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    before = access.trunk_request_for(request.user, reference).version

    def done(trunk_request: TrunkRequest) -> str:
        if trunk_request.version == before:
            return "is as it was: Zoom was read, and nothing that concerns it has changed."
        return "is validated again, against what Zoom has now. Look at it before you decide."

    return _carry_out(request, reference, "revalidate", _uncommented(review.revalidate), done)


@require_POST
@proof_required("deny {}", _reference)
def deny(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    return _carry_out(request, reference, "deny", review.deny, partial(_ended, "denied"))


@require_POST
@proof_required("send {} back", _reference)
def send_back(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    done = "sent back to the person who filed it."
    return _carry_out(request, reference, "send_back", review.send_back, done)


@require_POST
def withdraw(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    return _carry_out(request, reference, "withdraw", filing.withdraw, partial(_ended, "withdrawn"))


@require_POST
def retry(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    done = "queued again, for the lines that did not succeed."
    return _carry_out(request, reference, "retry", _uncommented(provisioning.retry), done)


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
    done = "was given up. Its page says what is not known."
    return _carry_out(request, reference, "give_up", reconcile.give_up, done)


@require_POST
def end_alarm(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    done = "no longer raises the alarm about the customer's trunk."
    return _carry_out(request, reference, "end_alarm", attention.end_alarm, done)


@require_POST
def end_displaced(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    done = "no longer raises the alarm about other trunks of the customer."
    return _carry_out(request, reference, "end_displaced", attention.end_displaced, done)


def _uncommented(verb: Callable[..., object]) -> Verb:
    """Return a verb that takes no comment as one that leaves the form's aside."""

    def carry_out(trunk_request: TrunkRequest, /, *, actor: User, version: int, comment: str) -> object:
        return verb(trunk_request, actor=actor, version=version)

    return carry_out


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
        verb(trunk_request, actor=request.user, **form.cleaned_data)
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
