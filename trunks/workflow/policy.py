"""Who may do what to a trunk request, and why not: one function answers for buttons, views and verbs alike."""

from __future__ import annotations

from collections.abc import Callable

from trunks.models import (
    ENDED_LINE_STATES,
    WORKING_STATES,
    Decision,
    LineState,
    Role,
    State,
    TrunkRequest,
    User,
)
from trunks.workflow import base, browsers, deciders, displaced, waiting
from trunks.workflow.answers import YES, Answer

OWN = "You filed or amended this request, so somebody else decides on it."
ONLY_FILER = "Only the person who filed the request, or approved it, can withdraw it."
NO_ALARM = "There is no alarm about a trunk of this request."
NOTHING_DISPLACED = "There is no alarm about other trunks that are gone since this request was sent."
MOVED = "Zoom has changed since this was filed or validated, so it has to be validated again before it is approved."


def may(user: User, verb: str, trunk_request: TrunkRequest) -> Answer:
    """Answer whether `user` may do `verb` to `trunk_request` as it stands."""
    return RULES[verb](user, trunk_request)


def actions(user: User, trunk_request: TrunkRequest) -> dict[str, Answer]:
    """Return the answer for every verb, for the page that shows the buttons."""
    # Four verbs begin with whether they may decide, and each would ask the database anew who the authors are.
    decides = _decide(user, trunk_request)
    known = {_decide: decides, _approve: decides and _may_approve(user, trunk_request)}
    return {verb: known[rule] if rule in known else rule(user, trunk_request) for verb, rule in RULES.items()}


def eligible(user: User, trunk_request: TrunkRequest) -> Answer:
    """Answer whether `user` is somebody who may decide on the request at all, whatever its state."""
    # Authorship comes before the role and before any look at is_superuser: a check that lets superusers through
    # first is how other products let people approve their own requests.
    if user.pk in deciders.authors(trunk_request):
        who = deciders.names(deciders.able(trunk_request))
        return Answer(False, OWN, who or "nobody yet")
    if user.holds(Role.SUPERVISOR, trunk_request.master_id) or deciders.givers(user, trunk_request):
        return YES
    who = deciders.names(deciders.able(trunk_request))
    lent = deciders.delegations(trunk_request).filter(receiver=user).select_related("giver").first()
    if lent:
        filed = f"You stand in for {lent.giver}, who filed or amended this request, so somebody else decides on it."
        return Answer(False, filed, who or "nobody yet")
    return Answer(False, f"Only a supervisor for {trunk_request.master} can decide on this request.", who)


def _decide(user: User, trunk_request: TrunkRequest) -> Answer:
    answer = eligible(user, trunk_request)
    if answer and (trunk_request.state != State.PENDING or waiting.is_over(trunk_request)):
        return _not_now(trunk_request)
    return answer and _from_here(user, trunk_request, refusing=True)


def _from_here(user: User, trunk_request: TrunkRequest, *, refusing: bool = False) -> Answer:
    """Answer whether somebody who may decide may do so in this browser, with a note if the decision will be marked."""
    if browsers.refused() != refusing:
        return YES
    author = browsers.author_here(trunk_request, besides=user)
    if author is None:
        return YES
    if not refusing:
        return Answer(True, note=f"{browsers.words(author)} Your decision will be marked with that.")
    others = deciders.names([one for one in deciders.able(trunk_request) if one.pk != user.pk])
    here = "you, from another browser or a private window"
    return Answer(
        False, f"{browsers.words(author)} {browsers.PLAINLY}", f"{here}; {others}" if others else here
    )


def _approve(user: User, trunk_request: TrunkRequest) -> Answer:
    return _decide(user, trunk_request) and _may_approve(user, trunk_request)


def _may_approve(user: User, trunk_request: TrunkRequest) -> Answer:
    """Answer whether `user`, who may decide on the request as it stands, may approve it."""
    if spoken := deciders.spoken_for(user, trunk_request):
        # Of two clicks at once the second may find the decision of the first beside a request read before it.
        if not TrunkRequest.objects.filter(pk=trunk_request.pk, version=trunk_request.version).exists():
            return Answer(False, spoken, by_state=True)
        return Answer(False, spoken, deciders.names(deciders.remaining(trunk_request)) or "nobody yet")
    if moved := base.changes(trunk_request):
        return Answer(False, f"{MOVED} {' '.join(moved)}", by_zoom=True)
    return _from_here(user, trunk_request)


def _take_back(user: User, trunk_request: TrunkRequest) -> Answer:
    if trunk_request.state != State.PENDING:
        return _not_now(trunk_request)
    mine = Decision.objects.for_content_of(trunk_request).of(user)
    return (
        YES if mine.exists() else Answer(False, "You have given no approval of it that you could take back.")
    )


def _not_now(trunk_request: TrunkRequest) -> Answer:
    if waiting.is_over(trunk_request):
        return Answer(False, waiting.over_words(), by_state=True, by_time=True)
    state = trunk_request.get_state_display().lower()
    return Answer(False, f"The request's state does not allow it: {state}.", by_state=True)


def _works_on(user: User, trunk_request: TrunkRequest) -> Answer:
    """Answer whether `user` is the requester or a supervisor, who look after the execution."""
    if user.pk == trunk_request.filed_by_id and user.holds(Role.STAFF, trunk_request.master_id):
        return YES
    if user.holds(Role.SUPERVISOR, trunk_request.master_id):
        return YES
    return Answer(False, "Only the requester or a supervisor can do this.", _who_works_on(trunk_request))


def _who_works_on(trunk_request: TrunkRequest) -> str:
    filer = [trunk_request.filed_by] if trunk_request.filed_by.is_active else []
    return deciders.names([*filer, *deciders.supervisors(trunk_request)]) or "nobody yet"


def _filer(trunk_request: TrunkRequest) -> str:
    """Return who filed the request as who could, or that they no longer can."""
    gone = filer_gone(trunk_request)
    return f"nobody, since {trunk_request.filed_by} {gone}" if gone else str(trunk_request.filed_by)


def filer_gone(trunk_request: TrunkRequest) -> str:
    """Return why whoever filed an open request can no longer act on it, in words that follow their name, or ""."""
    filer = trunk_request.filed_by
    if not filer.is_active:
        return "is deactivated"
    if trunk_request.state != State.SENT_BACK or filer.holds(Role.STAFF, trunk_request.master_id):
        return ""
    return "may no longer file for this master account"


def _withdraw(user: User, trunk_request: TrunkRequest) -> Answer:
    orphaned = trunk_request.state == State.SENT_BACK and filer_gone(trunk_request)
    theirs = user.pk in {trunk_request.filed_by_id, *_approvers(trunk_request)}
    if not theirs and not (orphaned and user.holds(Role.SUPERVISOR, trunk_request.master_id)):
        who = deciders.names(deciders.supervisors(trunk_request)) if orphaned else _filer(trunk_request)
        why = f"The person who filed it {orphaned}, so a supervisor withdraws it." if orphaned else ONLY_FILER
        return Answer(False, why, who or "nobody yet")
    if trunk_request.state not in (State.PENDING, State.SENT_BACK, State.APPROVED):
        return _not_now(trunk_request)
    lines = trunk_request.lines.all()
    # Withdrawn, nobody could retry it, and it would say that the customer's trunks stay as they are.
    if any(line.state != LineState.NOT_SENT or line.has_begun or line.without_trunk for line in lines):
        return Answer(
            False, "It has been sent to Zoom already, so it can no longer be withdrawn.", by_state=True
        )
    return YES


def _approvers(trunk_request: TrunkRequest) -> set[int]:
    """Return who approved the request, once it is approved: each of them may still stop it."""
    if trunk_request.approved_by_id is None:
        return set()
    decisions = Decision.objects.for_content_of(trunk_request)
    found = decisions.values_list("decided_by", "on_behalf_of")
    return {trunk_request.approved_by_id, *(pk for pair in found for pk in pair if pk)}


def _amend(user: User, trunk_request: TrunkRequest) -> Answer:
    if user.pk != trunk_request.filed_by_id or not user.holds(Role.STAFF, trunk_request.master_id):
        return Answer(False, "Only the person who filed the request can amend it.", _filer(trunk_request))
    if trunk_request.state not in (State.PENDING, State.SENT_BACK) or waiting.is_over(trunk_request):
        return _not_now(trunk_request)
    return YES


def _retry(user: User, trunk_request: TrunkRequest) -> Answer:
    answer = _works_on(user, trunk_request)
    if not answer:
        return answer
    if trunk_request.state not in (State.FAILED, State.PARTIAL):
        return _not_now(trunk_request)
    if all(line.state in ENDED_LINE_STATES for line in trunk_request.lines.all()):
        return Answer(False, "No line is known to have failed; there is nothing to try again.", by_state=True)
    return YES


def _check(user: User, trunk_request: TrunkRequest) -> Answer:
    answer = _works_on(user, trunk_request)
    if not answer:
        return answer
    return YES if trunk_request.state == State.UNCONFIRMED else _not_now(trunk_request)


def _give_up(user: User, trunk_request: TrunkRequest) -> Answer:
    if not user.holds(Role.SUPERVISOR, trunk_request.master_id):
        who = deciders.names(deciders.supervisors(trunk_request))
        return Answer(False, f"Only a supervisor for {trunk_request.master} can give up on it.", who)
    if trunk_request.state != State.UNCONFIRMED:
        return _not_now(trunk_request)
    if all(line.state != LineState.UNKNOWN for line in trunk_request.lines.all()):
        return Answer(False, "The outcome of every line is known; check now settles it.", by_state=True)
    if trunk_request.could_still_land:
        return Answer(False, "What was sent could still land at Zoom; wait a little.", by_state=True)
    return YES


def _alarm_is_of(user: User, trunk_request: TrunkRequest) -> Answer:
    if user.holds(Role.SUPERVISOR, trunk_request.master_id):
        return YES
    who = deciders.names(deciders.supervisors(trunk_request))
    return Answer(False, f"Only a supervisor for {trunk_request.master} can end the alarm.", who)


def _end_alarm(user: User, trunk_request: TrunkRequest) -> Answer:
    answer = _alarm_is_of(user, trunk_request)
    if not answer:
        return answer
    if trunk_request.state not in (State.FAILED, State.PARTIAL):
        return _not_now(trunk_request)
    if (
        not any(line.without_trunk for line in trunk_request.lines.all())
        or not trunk_request.lines.lost().exists()
    ):
        return Answer(False, NO_ALARM, by_state=True)
    return YES


def _end_displaced(user: User, trunk_request: TrunkRequest) -> Answer:
    answer = _alarm_is_of(user, trunk_request)
    if not answer:
        return answer
    if trunk_request.state in WORKING_STATES:
        return _not_now(trunk_request)
    return YES if displaced.missed(trunk_request) else Answer(False, NOTHING_DISPLACED, by_state=True)


RULES: dict[str, Callable[[User, TrunkRequest], Answer]] = {
    "approve": _approve,
    "deny": _decide,
    "send_back": _decide,
    "revalidate": _decide,
    "take_back": _take_back,
    "withdraw": _withdraw,
    "amend": _amend,
    "retry": _retry,
    "check": _check,
    "give_up": _give_up,
    "end_alarm": _end_alarm,
    "end_displaced": _end_displaced,
}
