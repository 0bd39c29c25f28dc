"""The list of requests, the request form, and the request page with its polled parts."""

from __future__ import annotations

from functools import reduce
from operator import or_

from django.contrib import messages
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from trunks import access
from trunks.forms.choices import MAX_OPTIONS, offered_sub_accounts
from trunks.forms.requests import RequestForm, initial_of
from trunks.models import Line, Role, State, TrunkRequest
from trunks.models.trunk_request import TrunkRequestQuerySet
from trunks.views.decisions import not_done
from trunks.views.http import HtmxHttpRequest
from trunks.views.paging import page
from trunks.views.request_page import moving_parts, request_page, what_to_do
from trunks.workflow import deciders, filing, guard, looks, policy, preview, quorum
from trunks.workflow.errors import AlreadyFiled, Invalid, Refused, Stale


@require_GET
def requests(request: HtmxHttpRequest) -> HttpResponse:
    found = _filtered(request).prefetch_related("lines")
    context = {
        "page": page(found, request),
        "states": State.choices,
        "filtered": any(request.GET.get(name) for name in ("state", "mine", "q")),
        "may_file": request.user.holds(Role.STAFF),
    }
    return render(request, "trunks/requests.html", context)


def _filtered(request: HtmxHttpRequest) -> TrunkRequestQuerySet:
    found = access.trunk_requests_for(request.user)
    if request.GET.get("state") in State.values:
        found = found.filter(state=request.GET["state"])
    if request.GET.get("mine"):
        found = found.filter(filed_by=request.user)
    if q := request.GET.get("q", "").strip().replace("\x00", ""):
        found = found.filter(_matching(q))
    return found


def _matching(q: str) -> Q:
    """Return what `q` finds: a reference, a sub account, a DNIS from its beginning, a ticket."""
    lines = Line.objects.filter(trunk_request=OuterRef("pk"), dnis__startswith=q)
    found = [
        Q(sub_account__name__icontains=q),
        Q(sub_account__zoom_id=q),
        Q(ticket__icontains=q),
        Q(Exists(lines)),
    ]
    number = q.upper().removeprefix("TR-")
    if number.isascii() and number.isdigit() and len(number) <= 18:
        found.append(Q(pk=int(number)))
    return reduce(or_, found)


@require_http_methods(["GET", "POST"])
def new(request: HtmxHttpRequest) -> HttpResponse:
    access.require(request.user, Role.STAFF)
    if request.method == "GET":
        return _form_page(request, RequestForm(user=request.user, initial=request.GET.dict()))
    form = RequestForm(request.POST, user=request.user)
    if not form.is_valid():
        return _form_page(request, form, status=422)
    try:
        trunk_request = filing.file(form.draft(), actor=request.user)
    except AlreadyFiled as error:
        messages.info(request, error.reason)
        return redirect("request_detail", error.trunk_request.pk)
    except Invalid as error:
        form.show(error.problems)
        return _form_page(request, form, status=422)
    _filed(request, trunk_request, "is filed. A supervisor decides next.")
    return redirect("request_detail", trunk_request.pk)


@require_http_methods(["GET", "POST"])
def amend(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    trunk_request = access.trunk_request_for(request.user, reference)
    try:
        _demand_amending(request, trunk_request)
    except (Refused, Stale) as error:
        return not_done(request, reference, error)
    if request.method == "GET":
        form = RequestForm(user=request.user, amending=trunk_request, initial=initial_of(trunk_request))
        return _form_page(request, form)
    form = RequestForm(request.POST, user=request.user, amending=trunk_request)
    if not form.is_valid():
        return _form_page(request, form, status=422)
    return _amend(request, trunk_request, form)


def _demand_amending(request: HtmxHttpRequest, trunk_request: TrunkRequest) -> None:
    """Raise what keeps the person from amending; who sends a form all the same has tried it, and is on record."""
    answer = policy.may(request.user, "amend", trunk_request)
    if answer:
        return
    if answer.by_state:
        raise Stale(answer.reason)
    if request.method == "POST":
        guard.refuse(request.user, "amend", trunk_request, answer.reason, who=answer.who)
    raise Refused(answer.reason, who=answer.who)


def _amend(request: HtmxHttpRequest, trunk_request: TrunkRequest, form: RequestForm) -> HttpResponse:
    version = form.cleaned_data["version"]
    try:
        filing.amend(trunk_request, form.draft(), actor=request.user, version=version)
    except Invalid as error:
        form.show(error.problems)
        return _form_page(request, form, status=422)
    except (Refused, Stale) as error:
        return not_done(request, trunk_request.pk, error)
    _filed(request, trunk_request, "is amended and waits for a supervisor again.")
    return redirect("request_detail", trunk_request.pk)


def _filed(request: HtmxHttpRequest, trunk_request: TrunkRequest, done: str) -> None:
    """Say that it is done, how many approvals it takes, and loudly when there are too few people to give them."""
    takes = quorum.of(trunk_request).reason
    messages.success(request, " ".join(filter(None, (f"{trunk_request.reference} {done}", takes))))
    if lacks := deciders.shortage(trunk_request):
        messages.warning(request, lacks)


def _form_page(request: HtmxHttpRequest, form: RequestForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "trunk_request": form.amending,
        "max_options": MAX_OPTIONS,
        "lacks": deciders.lacking(form.chosen_master, author=request.user),
    }
    return render(request, "trunks/request_form.html", context, status=status)


@require_POST
def refresh_form(request: HtmxHttpRequest) -> HttpResponse:
    """Draw the form again for another master account, with what was typed and without a verdict on it."""
    access.require(request.user, Role.STAFF)
    typed = {name: value for name, value in request.POST.dict().items() if not name.endswith("-trunk")}
    form = RequestForm(user=request.user, initial=typed | {"sub_account": ""})
    context = {
        "form": form,
        "max_options": MAX_OPTIONS,
        "lacks": deciders.lacking(form.chosen_master, author=request.user),
    }
    return render(request, "trunks/partials/request_form.html", context)


@require_GET
def sub_account_options(request: HtmxHttpRequest) -> HttpResponse:
    """Return the options that a search leaves, the chosen one always among them."""
    access.require(request.user, Role.STAFF)
    form = RequestForm(user=request.user, initial=request.GET.dict())
    q = request.GET.get("sub_account_q", "").strip().replace("\x00", "")
    found = list(offered_sub_accounts(request.user, form.chosen_master, q))
    told = {"q": q, "count": len(found), "more": len(found) > MAX_OPTIONS, "max_options": MAX_OPTIONS}
    chosen = form.chosen_sub_account
    if chosen and chosen not in found[:MAX_OPTIONS]:
        found.insert(0, chosen)
    context = {"options": found[:MAX_OPTIONS], "chosen": chosen} | told
    return render(request, "trunks/partials/sub_account_options.html", context)


@require_GET
def present(request: HtmxHttpRequest) -> HttpResponse:
    """Show what Zoom last listed for the chosen sub account, where the chosen kind is about that."""
    access.require(request.user, Role.STAFF)
    form = RequestForm(user=request.user, initial=request.GET.dict())
    return render(request, "trunks/partials/present_trunks.html", {"form": form})


@require_GET
def next_dnis(request: HtmxHttpRequest) -> HttpResponse:
    """Propose the next free DNIS under a trunk, besides those that stand in the form already."""
    access.require(request.user, Role.STAFF)
    asked = request.GET.get("trunk", "")
    pk = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 18 else 0
    trunk = access.master_trunk_for(request.user, pk)
    access.require(request.user, Role.STAFF, master_id=trunk.master_id)
    besides = set(request.GET.get("besides", "").split(","))
    dnis = filing.next_free_dnis(trunk, besides=besides)
    return JsonResponse({"dnis": dnis or "", "reason": "" if dnis else f"No DNIS is free under {trunk}."})


@require_GET
def detail(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    trunk_request = access.trunk_request_for(request.user, reference)
    new_to_them = looks.note(trunk_request, actor=request.user)
    return request_page(request, trunk_request, new_to_them=new_to_them)


@require_GET
def live(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    """Answer what changed since the page last looked; nothing (204) lets focus and typed text alone."""
    trunk_request = access.trunk_request_for(request.user, reference)
    context = moving_parts(request, trunk_request)
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    if request.GET.get("version") != str(trunk_request.version):
        context |= what_to_do(request.user, trunk_request)
    context["state_changed"] = request.GET.get("state") != trunk_request.state
    return render(request, "trunks/partials/request_live_answer.html", context)


@require_GET
def zoom_now(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    """Show what Zoom says now beside what is asked, and what can be done where that is no longer what the page offers.

    The page offers its actions at once, by the list that was read last; this answer corrects them where Zoom has moved.
    """
    trunk_request = access.trunk_request_for(request.user, reference)
    now = preview.zoom_now(trunk_request)
    lines = [(line, now.lines.get(line.pk, "")) for line in trunk_request.lines.all()]
    context = {"trunk_request": trunk_request, "now": now, "compared": lines}
    context |= _corrected(request, trunk_request)
    return render(request, "trunks/partials/request_zoom_now.html", context)


def _corrected(request: HtmxHttpRequest, trunk_request: TrunkRequest) -> dict[str, object]:
    version, _, _ = request.GET.get("offered", "").partition(".")
    if trunk_request.state != State.PENDING or version != str(trunk_request.version):
        return {}
    found = what_to_do(request.user, trunk_request)
    if found["offer"] == request.GET["offered"]:
        return {}
    lines = list(trunk_request.lines.all())
    return found | {"corrected": True, "quorum": quorum.of(trunk_request), "lines": lines}
