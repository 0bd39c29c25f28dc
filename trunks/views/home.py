"""The home page: what is yours, what waits for you, how the estate is."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from trunks import access, audit
from trunks.models import OPEN_STATES, AuditCheck, MasterAccount, MasterTrunk, Role, State, SubAccount, User
from trunks.views.http import HtmxHttpRequest
from trunks.workflow import attention

SHOWN = 8
NEEDS_A_HAND = (State.SENT_BACK, State.PARTIAL, State.FAILED)


@require_GET
def home(request: HtmxHttpRequest) -> HttpResponse:
    user = request.user
    context: dict[str, Any] = {"masters": _masters(user), "roles": user.roles}
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
    if user.holds(Role.SUPERVISOR) or user.holds(Role.ADMINISTRATOR):
        context["unsettled"] = list(attention.requests_for(user)[:SHOWN])
        context["troubled"] = list(attention.masters_for(user)[:SHOWN])
    return render(request, "trunks/home.html", context)


def _masters(user: User) -> QuerySet[MasterAccount]:
    """Return the person's master accounts, each with its circuit and the number of its trunks and sub accounts."""
    masters = access.masters_for(user).select_related("circuit")
    return masters.annotate(trunk_count=_count_of(MasterTrunk), sub_account_count=_count_of(SubAccount))


def _count_of(model: type[MasterTrunk | SubAccount]) -> Coalesce:
    rows = model.objects.filter(master=OuterRef("pk"), gone_at=None).order_by()
    return Coalesce(Subquery(rows.values("master").annotate(n=Count("pk")).values("n")), 0)
