"""The estate as Zoom lists it: master trunks and sub accounts."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, Model, OuterRef, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from trunks import access, audit
from trunks.forms.estate import EstateFilter
from trunks.models import Hold, Line, ListedTrunk, MasterTrunk, SubAccount, usage
from trunks.models.drift import ALARMING, drifting
from trunks.models.trunk_request import TrunkRequestQuerySet
from trunks.views.http import HtmxHttpRequest
from trunks.views.paging import page

BY_NAME = ("name", "id")
SHOWN_REQUESTS = 20
SHOWN_EVENTS = 50
SHOWN_GONE = 50


@require_GET
def trunks(request: HtmxHttpRequest) -> HttpResponse:
    """List the master trunks with how full their DNIS ranges are."""
    chosen = EstateFilter(request.GET, masters=access.masters_for(request.user))
    found = page(chosen.apply(access.search_master_trunks(request.user, chosen.wanted)), request, BY_NAME)
    ranges = usage.ranges(found.rows)
    rows = [(trunk, ranges[trunk.pk]) for trunk in found.rows]
    return render(request, "trunks/trunks.html", {"filter": chosen, "page": found, "rows": rows})


@require_GET
def trunk_detail(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Show one master trunk: its range, who has a DNIS of it, what is held, and its requests."""
    trunk = access.master_trunk_for(request.user, pk)
    lines = Line.objects.filter(trunk_request=OuterRef("pk"), trunk=trunk)
    found = access.trunk_requests_for(request.user).filter(Exists(lines)).order_by("-id")
    held = Line.objects.filter(trunk=trunk, hold=Hold.HELD).select_related("trunk_request").order_by("dnis")
    context = {
        "trunk": trunk,
        "range": usage.ranges([trunk])[trunk.pk],
        "page": page(_listed_under(trunk), request, ("dnis", "id")),
        "held": list(held),
        "history": _history(trunk),
    }
    return render(request, "trunks/trunk.html", context | _newest(found))


@require_GET
def sub_accounts(request: HtmxHttpRequest) -> HttpResponse:
    """List the sub accounts with how many trunks Zoom lists for each."""
    chosen = EstateFilter(request.GET, masters=access.masters_for(request.user))
    wanted = usage.with_counts(access.search_sub_accounts(request.user, chosen.wanted))
    found = page(chosen.apply(wanted), request, BY_NAME)
    return render(request, "trunks/sub_accounts.html", {"filter": chosen, "page": found})


@require_GET
def sub_account_detail(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Show one sub account: what Zoom lists for it, its requests, and its history."""
    sub_account = access.sub_account_for(request.user, pk)
    listed = ListedTrunk.objects.filter(sub_account=sub_account).order_by("dnis", "id")
    gone = listed.exclude(gone_at=None).order_by("-gone_at", "-id")
    fileable = access.fileable_masters(request.user).filter(pk=sub_account.master_id)
    context = {
        "sub_account": sub_account,
        "page": page(listed.filter(gone_at=None), request, ("dnis", "id")),
        "gone": list(gone[:SHOWN_GONE]),
        "may_file": sub_account.gone_at is None and fileable.exists(),
        "drifts": drifting(SubAccount.objects.filter(pk=pk), ALARMING).count(),
        "history": _history(sub_account),
        "reads_trail": any(request.user.holds(role) for role in audit.READERS),
    }
    found = access.trunk_requests_for(request.user).filter(sub_account=sub_account).order_by("-id")
    return render(request, "trunks/sub_account.html", context | _newest(found))


def _listed_under(trunk: MasterTrunk) -> QuerySet[ListedTrunk]:
    """Return what Zoom lists under the trunk's prefix; its lists do not say through which master trunk."""
    listed = ListedTrunk.objects.filter(master=trunk.master_id, gone_at=None).select_related("sub_account")
    return listed.filter(dnis__startswith=trunk.prefix) if trunk.prefix else listed.none()


def _newest(found: TrunkRequestQuerySet) -> dict[str, Any]:
    rows = list(found[: SHOWN_REQUESTS + 1])
    return {"trunk_requests": rows[:SHOWN_REQUESTS], "more_requests": len(rows) > SHOWN_REQUESTS}


def _history(on: Model) -> list[Any]:
    """Return the newest events about an object, newest first."""
    return list(audit.history(on).reverse()[:SHOWN_EVENTS])
