"""Webhooks: adding them, switching them, and looking at what was delivered."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from trunks import access
from trunks.forms.problems import show
from trunks.forms.webhooks import WebhookForm
from trunks.models import Delivery, Webhook
from trunks.step_up import Kept
from trunks.views.http import HtmxHttpRequest, not_done_page
from trunks.views.paging import page
from trunks.views.step_up import proof_required
from trunks.workflow import webhooks as verbs
from trunks.workflow.errors import Invalid, Stale


def _hook(kept: Kept) -> Webhook:
    return access.webhook_for(kept.user, kept.args["pk"])


@require_http_methods(["GET", "POST"])
@proof_required("add the webhook {}", lambda kept: kept.post.get("name", ""))
def webhooks(request: HtmxHttpRequest) -> HttpResponse:
    """List the webhooks, and add one: the answer to that shows its secret, and nothing does so again."""
    access.require_all_masters(request.user)
    form = WebhookForm(request.POST) if request.method == "POST" else WebhookForm()
    if not form.is_bound:
        return _list(request, form)
    form.is_valid()
    typed = form.cleaned_data
    try:
        made = verbs.add(
            name=typed.get("name", ""),
            url=typed.get("url", ""),
            topics=typed.get("topics", []),
            actor=request.user,
        )
    except Invalid as error:
        show(form, error.problems)
        return _list(request, form, status=422)
    return _detail(request, made, secret=made.secret)


@require_GET
def detail(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    return _detail(request, access.webhook_for(request.user, pk))


@require_POST
@proof_required("make a new secret for the webhook {}", _hook)
def renew_secret(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    hook = verbs.renew_secret(access.webhook_for(request.user, pk), actor=request.user)
    return _detail(request, hook, secret=hook.secret)


@require_POST
def test(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    return _do(request, pk, verbs.send_test, "A test is on its way.")


@require_POST
@proof_required("switch off the webhook {}", _hook)
def switch_off(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    return _do(request, pk, verbs.switch_off, "The webhook is switched off.")


@require_POST
@proof_required("switch on the webhook {}", _hook)
def switch_on(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    return _do(request, pk, verbs.switch_on, "The webhook is switched on.")


@require_POST
def send_again(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    delivery = access.delivery_for(request.user, pk)
    try:
        verbs.send_again(delivery, actor=request.user)
    except Stale as error:
        return not_done_page(request, error, back=_back(delivery.webhook_id))
    on = delivery.webhook.is_active
    messages.success(
        request, f"The delivery is sent again {'now' if on else 'when the webhook is switched on'}."
    )
    return redirect("webhook", delivery.webhook_id)


def _do(request: HtmxHttpRequest, pk: int, verb: Callable[..., object], done: str) -> HttpResponse:
    hook = access.webhook_for(request.user, pk)
    try:
        verb(hook, actor=request.user)
    except Stale as error:
        return not_done_page(request, error, back=_back(pk))
    messages.success(request, done)
    return redirect("webhook", pk)


def _back(pk: int) -> tuple[str, str]:
    return reverse("webhook", args=[pk]), "Go to the webhook"


def _list(request: HtmxHttpRequest, form: WebhookForm, status: int = 200) -> HttpResponse:
    context = {"page": page(Webhook.objects.all(), request, ("name", "id")), "form": form}
    return render(request, "trunks/webhooks.html", context, status=status)


def _detail(request: HtmxHttpRequest, hook: Webhook, secret: str = "") -> HttpResponse:
    shown = page(Delivery.objects.filter(webhook=hook), request, size=25)
    return render(request, "trunks/webhook.html", {"hook": hook, "page": shown, "secret": secret})
