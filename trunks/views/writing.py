"""The kill switch: whether the portal writes to Zoom, and the four things that supervisors can do about it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from trunks import access
from trunks.forms.writing import ReasonForm
from trunks.models import Role, State, User, WriteStop
from trunks.views.http import HtmxHttpRequest, not_done_page
from trunks.views.step_up import proof_required
from trunks.workflow import stopping
from trunks.workflow.errors import Invalid, Refused, Stale

PAST_SHOWN = 20


@require_GET
def writing(request: HtmxHttpRequest) -> HttpResponse:
    return _page(request)


@require_POST
@proof_required("stop writing to Zoom")
def stop(request: HtmxHttpRequest) -> HttpResponse:
    form = ReasonForm(request.POST)
    verb = partial(stopping.stop, actor=request.user, reason=request.POST.get("reason", ""))
    return _carry_out(
        request, verb, "Writing to Zoom is stopped. Nothing leaves until two supervisors start it.", form
    )


@require_POST
@proof_required("ask for writing to Zoom to start again")
def ask(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    verb = partial(stopping.ask_to_start, get_object_or_404(WriteStop, pk=pk), actor=request.user)
    return _carry_out(request, verb, "You asked for writing to start again. Another supervisor confirms it.")


@require_POST
@proof_required("confirm the start of writing to Zoom")
def confirm(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    verb = partial(stopping.confirm_start, get_object_or_404(WriteStop, pk=pk), actor=request.user)
    return _carry_out(request, verb, "Writing to Zoom has started again; what waited is taken up now.")


@require_POST
@proof_required("decline the start of writing to Zoom")
def decline(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    form = ReasonForm(request.POST)
    reason = request.POST.get("reason", "")
    standing = get_object_or_404(WriteStop, pk=pk)
    verb = partial(stopping.decline_to_start, standing, actor=request.user, reason=reason)
    return _carry_out(request, verb, "Writing to Zoom stays stopped.", form)


def _carry_out(
    request: HtmxHttpRequest, verb: Callable[[], object], done: str, form: ReasonForm | None = None
) -> HttpResponse:
    """Do `verb` and go back to the page; or say, with the right status, why it was not done."""
    try:
        verb()
    except Invalid as error:
        return _page(request, form, error)
    except (Refused, Stale) as error:
        return not_done_page(request, error, back=(reverse("writing"), "Go to Writing to Zoom"))
    messages.success(request, done)
    return redirect("writing")


def _page(
    request: HtmxHttpRequest, failed: ReasonForm | None = None, error: Invalid | None = None
) -> HttpResponse:
    if failed is not None and error is not None and not failed.errors:
        failed.add_error("reason", error.problems["reason"])
    past = WriteStop.objects.filter(in_force=False).select_related(
        "stopped_by", "start_asked_by", "started_by"
    )
    stop = WriteStop.current()
    context = {
        "stop": stop,
        "past": list(past[:PAST_SHOWN]),
        "may": stopping.actions(request.user, stop),
        "dead_end": _dead_end(request.user, stop),
        "form": failed or ReasonForm(),
        "halfway": list(access.trunk_requests_for(request.user).halfway()[:PAST_SHOWN]),
        "waiting": access.trunk_requests_for(request.user).filter(state=State.APPROVED).count(),
    }
    return render(request, "trunks/writing.html", context, status=422 if failed else 200)


def _dead_end(user: User, stop: WriteStop | None) -> str:
    """Return what is to be known before asking for the start, where the button for it is offered."""
    if stop is None or stop.start_asked_by_id or not user.holds(Role.SUPERVISOR):
        return ""
    return stopping.dead_end(stop, user)
