"""Master accounts: how they stand, reading them again, and connecting one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, ExpressionWrapper
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from trunks import access
from trunks.forms.estate import ConnectForm
from trunks.models import MasterAccount, Role, User, usage
from trunks.views.http import HtmxHttpRequest
from trunks.views.step_up import proof_required
from trunks.workflow import connecting, estate

PATIENCE_SECONDS = 60
SECRET = "client_secret"  # noqa: S105  # the name of the field
NOT_KEPT = "It was not kept while you proved who you are. Enter it again."


@dataclass(frozen=True)
class Asked:
    """Which master account the person has just asked to be read, and when: the page looks until a worker begins."""

    pk: int = 0
    at: float = 0.0

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        """Return what the address says; anything that cannot be understood means nothing was asked."""
        try:
            return cls(int(request.GET.get("asked", "0")), float(request.GET.get("at", "0")))
        except ValueError:
            return cls()

    @property
    def query(self) -> str:
        return urlencode({"asked": self.pk, "at": self.at})

    def waits_for(self, master: MasterAccount, now: float) -> bool:
        begun = master.sync_started_at.timestamp() if master.sync_started_at else 0.0
        return master.pk == self.pk and begun < self.at and 0 <= now - self.at < PATIENCE_SECONDS


@require_GET
def masters(request: HtmxHttpRequest) -> HttpResponse:
    """List the master accounts; the list asks for itself again while one of them is being read."""
    return _list(request, Asked.of(request))


@require_POST
def sync(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Have a worker read the estate of one master account again."""
    master = access.master_for(request.user, pk)
    access.require(request.user, Role.ADMINISTRATOR, master_id=pk)
    under_way = MasterAccount.objects.filter(MasterAccount.being_read(), pk=pk).exists()
    estate.request_sync(master, actor=request.user)
    asked = Asked() if under_way else Asked(pk, timezone.now().timestamp())
    if request.htmx:
        return _list(request, asked)
    again, goes_on = (
        f"Asked for {master} to be read again.",
        f"{master} is being read already, and that goes on.",
    )
    messages.success(request, f"{goes_on if under_way else again} This page shows how far it is.")
    return redirect(f"{reverse('masters')}?{asked.query}")


@sensitive_post_parameters(SECRET)
@require_http_methods(["GET", "POST"])
@proof_required("connect {}", lambda kept: kept.post.get("name", ""), secret=SECRET)
def connect(request: HtmxHttpRequest) -> HttpResponse:
    """Connect a master account, or give one new credentials: they are tried at Zoom before anything is stored."""
    _require_administrator_of_all(request.user)
    known = _known(request)
    form = ConnectForm(request.POST if request.method == "POST" else None, initial=_as_it_is(known))
    if SECRET not in request.POST:
        form.fields[SECRET].error_messages["required"] = NOT_KEPT
    if form.is_valid():
        try:
            master = connecting.connect(**form.credentials, actor=request.user)
        except connecting.CannotConnect as error:
            form.add_error(None, error.findings)
        else:
            return _connected(request, master)
    context = {"form": form, "known": known}
    return render(request, "trunks/connect.html", context, status=422 if form.errors else 200)


def _known(request: HtmxHttpRequest) -> MasterAccount | None:
    """Return the master account that the address says is to have new credentials."""
    asked = request.GET.get("master", "")
    return access.master_for(request.user, int(asked)) if re.fullmatch("[0-9]{1,18}", asked) else None


def _as_it_is(master: MasterAccount | None) -> dict[str, Any]:
    """Return what need not be typed again; the rate plan above all, which would otherwise begin anew."""
    if master is None:
        return {}
    kept = ("name", "client_id", "rate_plan", "rate_share")
    return {name: getattr(master, name) for name in kept} | {"account_id": master.zoom_id}


def _connected(request: HtmxHttpRequest, master: MasterAccount) -> HttpResponse:
    estate.request_sync(master, actor=request.user)
    messages.success(request, f"{master} is connected. Its trunks and sub accounts are being read now.")
    return redirect(f"{reverse('masters')}?{Asked(master.pk, timezone.now().timestamp()).query}")


def _list(request: HtmxHttpRequest, asked: Asked) -> HttpResponse:
    counted = usage.with_estate_counts(access.masters_for(request.user))
    read_now = ExpressionWrapper(MasterAccount.being_read(), output_field=BooleanField())
    rows = list(counted.annotate(under_way=read_now))
    context = {
        "masters": rows,
        "running": {master.pk for master in rows if master.under_way},
        "waiting": {master.pk for master in rows if asked.waits_for(master, timezone.now().timestamp())},
        "asked": asked,
        "administered": set(access.administered_masters(request.user).values_list("pk", flat=True)),
        "may_connect": access.for_all_masters(request.user, Role.ADMINISTRATOR),
    }
    part = "trunks/partials/master_list.html"
    return render(request, part if request.htmx else "trunks/masters.html", context)


def _require_administrator_of_all(user: User) -> None:
    if not access.for_all_masters(user, Role.ADMINISTRATOR):
        raise PermissionDenied("Connecting a master account is for administrators of all master accounts.")
