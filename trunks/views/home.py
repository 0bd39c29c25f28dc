"""The home page: what is yours, what waits for you, how the estate is."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from trunks import access, audit
from trunks.models import OPEN_STATES, AuditCheck, Role, State, usage
from trunks.views.http import HtmxHttpRequest
from trunks.workflow import attention, displaced

SHOWN = 8
NEEDS_A_HAND = (State.SENT_BACK, State.PARTIAL, State.FAILED)


@require_GET
def home(request: HtmxHttpRequest) -> HttpResponse:
    user = request.user
    context: dict[str, Any] = {
        "masters": usage.with_estate_counts(access.masters_for(user).select_related("circuit")),
        "roles": user.roles,
    }
    if user.holds(Role.STAFF) or user.holds(Role.SUPERVISOR):
        context["questions"] = list(access.questions_for(user)[:SHOWN])
        context["alarms"] = list(access.without_trunk_for(user).prefetch_related("lines")[:SHOWN])
    if user.holds(Role.STAFF):
        mine = access.trunk_requests_for(user).filter(filed_by=user, state__in=(*OPEN_STATES, *NEEDS_A_HAND))
        context["mine"] = list(mine.prefetch_related("lines")[:SHOWN])
    if access.decides(user):
        waiting = access.decidable_by(user)
        context["waiting"] = list(waiting.prefetch_related("lines")[:SHOWN])
    if user.holds(Role.MANAGER) or user.holds(Role.ADMINISTRATOR):
        context["audit_alarm"] = AuditCheck.alarm()
        context["events"] = list(audit.search(user)[:SHOWN])
        context["unanswered"] = list((audit.unanswered() & audit.readable(user))[:SHOWN])
    if user.holds(Role.SUPERVISOR):
        context["displaced"] = displaced.alarms_for(user)[:SHOWN]
    if user.holds(Role.SUPERVISOR) or user.holds(Role.ADMINISTRATOR):
        context["unsettled"] = list(attention.requests_for(user)[:SHOWN])
        context["troubled"] = list(attention.masters_for(user)[:SHOWN])
    return render(request, "trunks/home.html", context)
