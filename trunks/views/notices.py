"""How a person hears of what happens; and, for administrators, the letters that could not be sent."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from trunks import access
from trunks.forms.notices import ChoicesForm
from trunks.models import Role
from trunks.models.notice import ALARMS
from trunks.views.http import HtmxHttpRequest, not_done_page
from trunks.views.paging import page
from trunks.workflow import choosing
from trunks.workflow import notices as verbs
from trunks.workflow.errors import Stale


@require_http_methods(["GET", "POST"])
def notices(request: HtmxHttpRequest) -> HttpResponse:
    """Show and keep the person's own choices; nobody chooses for somebody else."""
    now = choosing.choices_of(request.user)
    form = ChoicesForm(request.POST if request.method == "POST" else None, now=now)
    if form.is_valid():
        choosing.choose(form.chosen(), actor=request.user)
        messages.success(request, "Your choices are kept.")
        return redirect("notices")
    context = {"form": form, "alarms": [topic.label for topic in ALARMS]}
    return render(request, "trunks/notices.html", context, status=422 if form.is_bound else 200)


@require_GET
def unsent(request: HtmxHttpRequest) -> HttpResponse:
    """List the letters that could not be sent, for good or so far."""
    access.require(request.user, Role.ADMINISTRATOR)
    return render(
        request, "trunks/unsent.html", {"page": page(access.stuck_notices_for(request.user), request)}
    )


@require_POST
def send_again(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    access.require(request.user, Role.ADMINISTRATOR)
    notice = access.stuck_notice_for(request.user, pk)
    try:
        verbs.send_again(notice, actor=request.user)
    except Stale as error:
        return not_done_page(request, error, back=(reverse("notices_unsent"), "Go to the unsent mail"))
    messages.success(request, f"The e-mail to {notice.user} is sent again now.")
    return redirect("notices_unsent")
