"""Approving several requests at once: all on one page, each beside what Zoom has, and each decided by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.contrib import messages
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from trunks import access
from trunks.forms.together import MOST, Shown, TogetherForm
from trunks.models import Revision, State, TrunkRequest, User
from trunks.references import REFERENCE, pk_of
from trunks.step_up import Kept
from trunks.templatetags.events import Difference
from trunks.views.http import NOTHING_HERE, HtmxHttpRequest
from trunks.views.step_up import proof_required
from trunks.workflow import deciders, looks, policy, preview, quorum, review, rules, versions
from trunks.workflow.answers import Answer
from trunks.workflow.drafts import draft_of
from trunks.workflow.errors import Invalid, Refused, Stale, distinct
from trunks.workflow.preview import ZoomNow
from trunks.workflow.quorum import Quorum
from trunks.workflow.transitions import who_was_first

AGAIN = "Look at how it stands now, then decide again."
AMEND = "Send it back to be amended, or deny it."
REVALIDATE = "Validate it again on its page, then decide."


@dataclass(frozen=True)
class Candidate:
    """One request as the page offers it: whether this person may approve it, what does not fit, and what to know.

    `on_behalf_of` is the supervisor in whose right they would.
    """

    trunk_request: TrunkRequest
    answer: Answer
    unfit: list[str]
    quorum: Quorum | None
    now: ZoomNow
    differences: list[Difference]
    on_behalf_of: User | None

    @property
    def shown(self) -> Shown:
        return Shown.of(self.trunk_request)

    @property
    def open(self) -> bool:
        return bool(self.answer) and not self.unfit

    @property
    def offer(self) -> str:
        """Return in one word what is offered, so that a later look can tell whether it still would be."""
        return f"{self.trunk_request.version}.{'approve' if self.open else 'none'}"


@dataclass(frozen=True)
class Result:
    """What became of one request: done, or why not and what to do about it."""

    reference: str
    sentences: list[str]
    trunk_request: TrunkRequest | None = None
    done: bool = False
    who: str = ""
    next: str = ""


def _references(kept: Kept) -> str:
    return ", ".join(one.reference for one in map(Shown.read, kept.post.getlist("chosen")) if one)


@require_http_methods(["GET", "POST"])
@proof_required("approve {}", _references)
def together(request: HtmxHttpRequest) -> HttpResponse:
    """Show the chosen requests on one page; posted, approve those that are ticked, each by itself."""
    access.require_decider(request.user)
    if request.method == "GET":
        return _page(request, request.GET.getlist("chosen"))
    form = TogetherForm(request.POST)
    if not form.is_valid():
        return _page(request, request.POST.getlist("shown"), form, status=422)
    done: list[str] = []
    results = [
        _approve(request, one, form.cleaned_data["comment"], done) for one in form.cleaned_data["chosen"]
    ]
    context = {"results": results, "done": len(done)}
    return render(request, "trunks/together_done.html", context, status=200 if done else 409)


def _approve(request: HtmxHttpRequest, one: Shown, comment: str, done: list[str]) -> Result:
    """Approve one request by the verb that its own page calls, in a transaction of its own."""
    try:
        trunk_request = access.trunk_request_for(request.user, one.pk)
    except Http404:
        return Result(one.reference, [NOTHING_HERE])
    try:
        review.approve(
            trunk_request, actor=request.user, version=one.version, comment=comment, stands_on=one.base
        )
    except (DatabaseError, InterfaceError):
        # Those before it are decided; the page that says what the database did not do has to know them.
        request.done_so_far = done
        raise
    except (Refused, Stale, Invalid) as error:
        return _not_done(request.user, trunk_request, error)
    done.append(trunk_request.reference)
    return Result(trunk_request.reference, [approved_words(trunk_request)], trunk_request, done=True)


def _not_done(user: User, trunk_request: TrunkRequest, error: Refused | Stale | Invalid) -> Result:
    trunk_request = access.trunk_request_for(user, trunk_request.pk)
    if isinstance(error, Refused):
        return Result(trunk_request.reference, [error.reason], trunk_request, who=error.who)
    if isinstance(error, Invalid):
        return Result(trunk_request.reference, distinct(error.problems), trunk_request, next=AMEND)
    moved = error.reason.startswith(policy.MOVED)
    return Result(trunk_request.reference, [error.reason], trunk_request, next=REVALIDATE if moved else AGAIN)


def approved_words(trunk_request: TrunkRequest) -> str:
    """Return what follows from an approval, after the request's name."""
    if trunk_request.state == State.PENDING:
        now = quorum.of(trunk_request)
        return f"has {now.words} now. It waits for {now.missing} more."
    return "approved."


def _page(
    request: HtmxHttpRequest, names: list[str], form: TogetherForm | None = None, status: int = 200
) -> HttpResponse:
    pks = [pk_of(name) for name in dict.fromkeys(names) if re.fullmatch(REFERENCE, name)]
    rows = list(access.trunk_requests_among(request.user, pks[:MOST]))
    if not rows:
        messages.info(request, "Tick the requests that you want to look at together.")
        return redirect("approvals")
    if len(pks) > MOST:
        messages.warning(request, f"At most {MOST} at once: these are the first {MOST}.")
    candidates = [_candidate(request.user, row) for row in rows]
    context = {
        "candidates": candidates,
        "ticked": _ticked(rows, form),
        "some_open": any(one.open for one in candidates),
        "form": form or TogetherForm(),
        "problems": form.summary() if form else [],
    }
    return render(request, "trunks/together.html", context, status=status)


def _ticked(rows: list[TrunkRequest], form: TogetherForm | None) -> set[int]:
    """Return what is ticked, by primary key: what came back with a problem as it was, and at first everything."""
    if form is None:
        return {row.pk for row in rows}
    posted = {str(text).partition(".")[0] for text in form["chosen"].value() or []}
    return {row.pk for row in rows if row.reference in posted}


def _candidate(user: User, trunk_request: TrunkRequest, now: ZoomNow | None = None) -> Candidate:
    """Return the request by `now`, or as it stands by what was last read of Zoom, with what is new to the person."""
    answer = policy.may(user, "approve", trunk_request)
    found = rules.problems(draft_of(trunk_request), amending=trunk_request) if answer else {}
    return Candidate(
        trunk_request,
        answer,
        distinct(found),
        quorum.of(trunk_request) if trunk_request.state == State.PENDING else None,
        now or preview.read_last(trunk_request),
        [] if now else _since(user, trunk_request),
        deciders.on_behalf_of(user, trunk_request) if answer and not now else None,
    )


def _since(user: User, trunk_request: TrunkRequest) -> list[Difference]:
    """Return what changed since `user` saw an earlier version, and note that they see this one."""
    looks.note(trunk_request, actor=user)
    look = looks.before(trunk_request, user)
    if look is None:
        return []
    seen = (look.content_version, trunk_request.content_version)
    old, new = Revision.objects.filter(trunk_request=trunk_request, content_version__in=seen)
    return [Difference(*change) for change in versions.changes(old, new)]


@require_GET
def zoom(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    """Show what Zoom says now of one of the requests; where it can no longer be approved as offered, say why."""
    access.require_decider(request.user)
    trunk_request = access.trunk_request_for(request.user, reference)
    now = preview.zoom_now(trunk_request)
    one = _candidate(request.user, trunk_request, now)
    offered = request.GET.get("offered", "")
    old = offered.partition(".")[0] not in ("", str(trunk_request.version))
    context = {
        "one": one,
        "corrected": offered not in ("", one.offer),
        "was_first": who_was_first(trunk_request) if old else "",
        "fresh": True,
    }
    return render(request, "trunks/partials/together_zoom.html", context)
