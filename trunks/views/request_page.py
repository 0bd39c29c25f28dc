"""The request page and its moving part: one look at the database, whoever asks for which piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zlib import crc32

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from trunks import audit
from trunks.actions import Action
from trunks.forms.decisions import DecisionForm
from trunks.forms.problems import Problem
from trunks.models import (
    ENDED_LINE_STATES,
    WORKING_STATES,
    Line,
    LineState,
    Role,
    State,
    TrunkRequest,
    User,
    ZoomCall,
)
from trunks.templatetags.portal import why_waiting
from trunks.views.http import HtmxHttpRequest
from trunks.views.navigation import navigation_of
from trunks.views.paging import both_ends
from trunks.views.versions import since
from trunks.workflow import deciders, displaced, policy, quorum, rules, versions, words
from trunks.workflow.answers import Answer
from trunks.workflow.drafts import draft_of
from trunks.workflow.errors import distinct
from trunks.workflow.explanations import ACCOUNT_MISSING

DECISIONS = ("approve", "deny", "send_back")
# Which actions are of any use in a state; the others would be noise, allowed or not.
OFFERED: dict[str, tuple[str, ...]] = {
    State.PENDING: (*DECISIONS, "revalidate", "take_back", "amend", "withdraw"),
    State.SENT_BACK: ("amend", "withdraw"),
    State.APPROVED: ("withdraw",),
    State.UNCONFIRMED: ("check", "give_up"),
    State.PARTIAL: ("retry", "end_alarm"),
    State.FAILED: ("retry", "end_alarm"),
}
SENDING_BACK = (Action.REQUEST_SENT_BACK, Action.PROVISIONING_STOPPED)
QUICK_PICKS = {
    "deny": ("Not agreed with the customer", "Duplicate of another request", "No longer needed"),
    "send_back": ("Wrong trunk chosen", "Caller ID is missing", "Please add the ticket"),
}


ATTEMPTS_SHOWN = 10
# One that waits for weeks, say for credentials, is tried every five minutes: the page would be megabytes.
EVENTS_AT_FIRST, EVENTS_LATELY = 20, 80
NOT_WELL = (LineState.REFUSED, LineState.UNKNOWN, LineState.GIVEN_UP, LineState.NOT_SENT)


@dataclass(frozen=True)
class Explained:
    """What Zoom's error means for one line, and what else is to be said of the line."""

    decoded: words.Decoded
    rest: str


@dataclass(frozen=True)
class ActionPanel:
    """One action as the page shows it: a form, or a disabled control that says why and who could."""

    verb: str
    url: str
    answer: Answer
    form: DecisionForm
    quick_picks: tuple[str, ...] = ()


def request_page(
    request: HtmxHttpRequest,
    trunk_request: TrunkRequest,
    *,
    failed: DecisionForm | None = None,
    verb: str = "",
    status: int = 200,
    new_to_them: bool = False,
) -> HttpResponse:
    """Answer the whole page; `failed` is the decision form of `verb` that came back with a problem.

    `new_to_them` says that a supervisor sees this version for the first time.
    """
    parts = moving_parts(request, trunk_request)
    revisions = versions.of(trunk_request) if trunk_request.content_version > 1 else []
    context = parts | {
        "revisions": revisions,
        "since": since(request.user, trunk_request, revisions, parts["votes"]),
        "new_to_them": new_to_them,
        "questions": list(trunk_request.sampled.questions()),
        **what_to_do(request.user, trunk_request, failed, verb),
        "failed": failed,
        "failed_problems": _summary(failed) if failed else [],
    }
    return render(request, "trunks/request_detail.html", context, status=status)


def moving_parts(request: HtmxHttpRequest, trunk_request: TrunkRequest) -> dict[str, Any]:
    """Return what the page shows of a request and what changes while it is worked on.

    What holds it up may change without the request: no worker is there, or people stop writing.
    """
    user, held = request.user, why_waiting(trunk_request, navigation_of(request))
    events, left_out = both_ends(audit.history(trunk_request), EVENTS_AT_FIRST, EVENTS_LATELY)
    attempts = list(trunk_request.attempts.order_by("-id").prefetch_related("calls")[:ATTEMPTS_SHOWN])[::-1]
    number = trunk_request.attempts.count()
    calls = [call for attempt in attempts for call in attempt.calls.all()]
    lines, lost = list(trunk_request.lines.all()), lost_lines(trunk_request)
    told = explained(lines, calls)
    ended = sum(attempt.ended_at is not None for attempt in attempts)
    newest = events[-1].pk if events else 0
    return {
        "trunk_request": trunk_request,
        "lines": lines,
        "lost": lost,
        "lost_in_vain": in_vain(lost, told),
        "retry_in_vain": in_vain([line for line in lines if line.state not in ENDED_LINE_STATES], told),
        "displaced": displaced_trunks(trunk_request, events, left_out),
        "explained": told,
        "account_gone": account_gone(trunk_request, calls),
        "quorum": quorum.of(trunk_request) if trunk_request.state == State.PENDING else None,
        "votes": quorum.votes(trunk_request),
        "events": events,
        "sent_back": _sent_back(trunk_request, events),
        "left_out": left_out,
        "event_links": user.holds(Role.MANAGER, trunk_request.master_id)
        or user.holds(Role.ADMINISTRATOR, trunk_request.master_id),
        "attempts": attempts,
        "attempts_before": number - len(attempts),
        "held": held,
        "seen": f"{trunk_request.version}.{trunk_request.step}.{newest}.{number}.{len(calls)}.{ended}"
        f".{crc32(held.encode())}",
    }


def _sent_back(trunk_request: TrunkRequest, events: list[Any]) -> Any:
    """Return the event that says why the request is back with who filed it: no reader looks for that in a timeline."""
    if trunk_request.state != State.SENT_BACK:
        return None
    return next((event for event in reversed(events) if event and event.action in SENDING_BACK), None)


def lost_lines(trunk_request: TrunkRequest) -> list[Line]:
    """Return the lines that left the customer without a trunk; asks the database only where there may be some."""
    marked = any(line.without_trunk for line in trunk_request.lines.all())
    return list(trunk_request.lines.lost()) if marked else []


def displaced_trunks(trunk_request: TrunkRequest, events: list[Any], left_out: int) -> list[str]:
    """Return the DNIS of other trunks that are gone since the request was sent; asks only where some were."""
    shown = audit.history(trunk_request).filter(action=Action.PROVISIONING_DISPLACED) if left_out else events
    told = any(event and event.action == Action.PROVISIONING_DISPLACED for event in shown)
    return displaced.missed(trunk_request) if told else []


def account_gone(trunk_request: TrunkRequest, calls: list[ZoomCall]) -> bool:
    """Say whether an unconfirmed request has no list any more that could settle it: Zoom does not know the account."""
    if trunk_request.state != State.UNCONFIRMED:
        return False
    last = words.decode(calls[-1]) if calls else None
    return bool(trunk_request.sub_account.gone_at or (last and last.explanation.key == ACCOUNT_MISSING))


def explained(lines: list[Line], calls: list[ZoomCall]) -> dict[int, Explained]:
    """Return what Zoom's answer to a line's call means, by the line's primary key, for lines that did not succeed.

    Of a change that says why the new values failed and why the old ones did, an error after which a retry makes sense
    comes first: either of the two gives the customer a trunk again.
    """
    decoded = [found for call in reversed(calls) if (found := words.decode(call))]
    told: dict[int, Explained] = {}
    for line in lines:
        if line.detail and line.state in NOT_WELL:
            named = [one for one in decoded if one.sentence in line.detail]
            if named:
                found = next((one for one in named if not one.explanation.is_final), named[0])
                told[line.pk] = Explained(found, line.detail.replace(found.sentence, "").strip())
    return told


def in_vain(lines: list[Line], told: dict[int, Explained]) -> bool:
    """Say whether sending `lines` again would be refused again, as far as is `told` of every one of them."""
    return bool(lines) and all(
        line.pk in told and told[line.pk].decoded.explanation.is_final for line in lines
    )


def what_to_do(
    user: User, trunk_request: TrunkRequest, failed: DecisionForm | None = None, verb: str = ""
) -> dict[str, Any]:
    """Return the actions, why the content cannot be approved, on whose behalf the person decides, and the offer.

    The offer is everything the page offers in one word; an open page compares it to learn whether that has changed.
    """
    found = panels(user, trunk_request, failed, verb)
    approve = found.get("approve")
    unfit = _unfit(trunk_request) if approve and (approve.answer or approve.answer.by_zoom) else []
    kind = "none"
    if approve and approve.answer.by_zoom:
        kind = "moved"
    elif approve and approve.answer:
        kind = "unfit" if unfit else "approve"
    deny = found.get("deny")
    stands_in = deciders.on_behalf_of(user, trunk_request) if deny and deny.answer else None
    offer = f"{trunk_request.version}.{kind}"
    return {"panels": found, "unfit": unfit, "offer": offer, "on_behalf_of": stands_in}


def _unfit(trunk_request: TrunkRequest) -> list[str]:
    """Return what approving would answer about the content, in sentences, each once."""
    return distinct(rules.problems(draft_of(trunk_request), amending=trunk_request))


def panels(
    user: User, trunk_request: TrunkRequest, failed: DecisionForm | None = None, verb: str = ""
) -> dict[str, ActionPanel]:
    """Return the actions that the request's state has a use for, by verb."""
    answers = policy.actions(user, trunk_request)
    idle = set() if lost_lines(trunk_request) else {"end_alarm"}
    idle |= set() if _misses_others(trunk_request, answers["end_displaced"]) else {"end_displaced"}
    return {
        name: ActionPanel(
            verb=name,
            url=reverse(f"request_{name}", args=[trunk_request.pk]),
            answer=answers[name],
            form=failed if failed and name == verb else _blank(trunk_request, name),
            quick_picks=QUICK_PICKS.get(name, ()),
        )
        # The last in any state: what has ended can be retried, and come back to its people.
        for name in (*OFFERED.get(trunk_request.state, ()), "end_displaced")
        if name not in idle
        # Taking back is of use to nobody but who has given something, validating again to who can go on to decide.
        and (answers[name] or name not in ("take_back", "revalidate"))
    }


def _misses_others(trunk_request: TrunkRequest, may_end: Answer) -> bool:
    """Say whether there is an alarm about other trunks to be ended, by whoever may; of who may, the answer says it."""
    if may_end or may_end.by_state:
        return bool(may_end)
    return trunk_request.state not in WORKING_STATES and bool(displaced.missed(trunk_request))


def _blank(trunk_request: TrunkRequest, verb: str) -> DecisionForm:
    return DecisionForm(initial={"version": trunk_request.version}, auto_id=f"id_{verb}_%s")


def _summary(failed: DecisionForm) -> list[Problem]:
    found = [Problem(str(text)) for text in failed.non_field_errors()]
    return found + [Problem(str(text), field.auto_id) for field in failed for text in field.errors]
