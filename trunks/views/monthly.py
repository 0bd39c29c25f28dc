"""The managers' monthly review: the months, one month's sample, and what is done with it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from trunks import access, audit_reading
from trunks.audit_population import QUICK_SECONDS
from trunks.forms.monthly import MarkForm
from trunks.forms.problems import Problem
from trunks.models import Mark, MonthReview, Role, SampledItem, User
from trunks.sampling import GROUNDS, SIZE
from trunks.views.http import HtmxHttpRequest, not_done_page
from trunks.workflow import monthly
from trunks.workflow.errors import Invalid, Refused, Stale, WorkflowError


@require_GET
def reviews(request: HtmxHttpRequest) -> HttpResponse:
    """List the months that are over, each with how far its review is."""
    _require(request.user)
    return _months(request)


@require_POST
def draw(request: HtmxHttpRequest) -> HttpResponse:
    """Draw the sample of a month; whoever comes second finds the one that was drawn."""
    access.require(request.user, Role.MANAGER)
    month = request.POST.get("month", "")
    try:
        monthly.draw(month, actor=request.user)
    except Stale:
        return redirect("audit_review_month", month)
    except (Refused, Invalid) as error:
        return _not_done(request, error) or _months(request, error)
    return redirect("audit_review_month", month)


@require_GET
def month(request: HtmxHttpRequest, month: str) -> HttpResponse:
    """Show a month's sample: why each was drawn, how it was found, and what is left."""
    _require(request.user)
    return _month(request, _review(month))


@require_GET
def population(request: HtmxHttpRequest, month: str) -> HttpResponse:
    """Hand out all that the sample was drawn from, with which anybody can draw it anew."""
    _require(request.user)
    given = monthly.hand_out(_review(month), actor=request.user)
    answer = JsonResponse(given, json_dumps_params={"indent": 1})
    answer["Content-Disposition"] = f'attachment; filename="review-{month}.json"'
    return answer


@require_POST
def mark(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Mark something that was drawn as in order, or put a question."""
    access.require(request.user, Role.MANAGER)
    item = SampledItem.objects.select_related("review", "trunk_request").filter(pk=pk).first()
    if item is None:
        raise Http404
    form = MarkForm(request.POST, prefix=f"item-{pk}")
    try:
        if form.is_valid():
            values = form.cleaned_data
            marked = Mark(values["mark"])
            monthly.mark(item, actor=request.user, as_=marked, comment=values["comment"], seen=values["seen"])
            return redirect(f"{request.path.rpartition('/items/')[0]}/{item.review.month}/#item-{pk}")
    except Invalid as error:
        for sentence in error.problems["comment"]:
            form.add_error("comment", sentence)
    except (Refused, Stale) as error:
        kept = _form(SampledItem.objects.get(pk=pk), typed=request.POST)
        return _not_done(request, error) or _month(
            request, item.review, failed=kept, item=pk, problem=error, status=409
        )
    if not monthly.may_review(request.user):
        raise PermissionDenied(monthly.MANAGERS)
    return _month(request, item.review, failed=form, item=pk, status=422)


@require_POST
def sign_off(request: HtmxHttpRequest, month: str) -> HttpResponse:
    """Sign a month off."""
    access.require(request.user, Role.MANAGER)
    review = _review(month)
    try:
        monthly.sign_off(review, actor=request.user)
    except (Refused, Stale, Invalid) as error:
        status = 422 if isinstance(error, Invalid) else 409
        return _not_done(request, error) or _month(request, review, problem=error, status=status)
    return redirect("audit_review_month", month)


def _require(user: User) -> None:
    if not monthly.may_review(user):
        raise PermissionDenied(monthly.MANAGERS)


def _review(month: str) -> MonthReview:
    people = ("drawn_by", "signed_by")
    # PostgreSQL refuses to look for a NUL, which a path may hold.
    known = MonthReview.objects.select_related(*people).filter(month=month)
    review = None if "\0" in month else known.first()
    if review is None:
        raise Http404
    return review


def _not_done(request: HtmxHttpRequest, error: WorkflowError) -> HttpResponse | None:
    """Return the page for what a rule forbids, or None for what the person can put right."""
    return not_done_page(request, error) if isinstance(error, Refused) else None


def _months(request: HtmxHttpRequest, error: WorkflowError | None = None) -> HttpResponse:
    people = ("drawn_by", "signed_by")
    drawn = {
        review.month: review for review in MonthReview.objects.select_related(*people).defer("population")
    }
    left = _left()
    # A month that was reviewed stays in the list when its events have left.
    months = sorted({*monthly.months(), *drawn}, reverse=True)
    rows = [(month, drawn.get(month), left.get(month, 0)) for month in months]
    context = {"rows": rows, "size": SIZE, "problems": [Problem(error.reason)] if error else []}
    return render(request, "trunks/reviews.html", context, status=422 if error else 200)


def _left() -> dict[str, int]:
    """Return how many items of each month nobody has marked yet."""
    left: dict[str, int] = {}
    for month in SampledItem.objects.filter(mark=Mark.NONE).values_list("review__month", flat=True):
        left[month] = left.get(month, 0) + 1
    return left


def _month(
    request: HtmxHttpRequest,
    review: MonthReview,
    *,
    failed: MarkForm | None = None,
    item: int = 0,
    problem: WorkflowError | None = None,
    status: int = 200,
) -> HttpResponse:
    items = list(review.items.select_related("marked_by", "trunk_request__sub_account"))
    events = audit_reading.numbered(request.user, [one.event for one in items])
    problems = [Problem(problem.reason)] if problem else []
    if failed:
        problems += [Problem(str(text), field.auto_id) for field in failed for text in field.errors]
    context: dict[str, Any] = {
        "review": review,
        "rows": [
            (one, events.get(one.event), failed if failed and one.pk == item else _form(one)) for one in items
        ],
        "left": sum(one.mark == Mark.NONE for one in items),
        "acted": monthly.why_not_sign(items, request.user),
        "acted_in_it": monthly.ACTED_IN_IT,
        "grounds": GROUNDS,
        "quick": QUICK_SECONDS,
        "problems": problems,
    }
    return render(request, "trunks/review.html", context, status=status)


def _form(item: SampledItem, typed: QueryDict | None = None) -> MarkForm:
    """Return the form of an item as it is now, with what was typed into another one of it, if anything."""
    prefix = f"item-{item.pk}"
    initial = {"mark": item.mark or None, "comment": item.comment, "seen": item.stamp}
    if typed is not None:
        initial |= {name: typed.get(f"{prefix}-{name}", "") for name in ("mark", "comment")}
    return MarkForm(initial=initial, prefix=prefix)
