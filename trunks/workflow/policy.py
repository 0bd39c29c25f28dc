"""Who may do what to a trunk request, and why not: one function answers for buttons, views and verbs alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trunks.models import (
    ENDED_LINE_STATES,
    Decision,
    Delegation,
    LineState,
    Role,
    RoleGrant,
    State,
    TrunkRequest,
    User,
)
from trunks.models.delegation import DelegationQuerySet
from trunks.workflow import base, browsers, quorum, waiting


@dataclass(frozen=True)
class Answer:
    """Whether a verb is allowed; if not, the rule in plain words and who could do it.

    `by_state` says that only the request's state stands in the way: somebody, or the portal, was first. `by_time` says
    that it is the clock, before anybody has written it down; `by_zoom`, that Zoom is not what the request was filed on.
    `note` is what somebody who may is to know beforehand.
    """

    allowed: bool
    reason: str = ""
    who: str = ""
    by_state: bool = False
    by_time: bool = False
    by_zoom: bool = False
    note: str = ""

    def __bool__(self) -> bool:
        return self.allowed


YES = Answer(allowed=True)
MOVED = "Zoom has changed since this was filed, so it has to be validated again before it can be approved."


def may(user: User, verb: str, trunk_request: TrunkRequest) -> Answer:
    """Answer whether `user` may do `verb` to `trunk_request` as it stands."""
    return RULES[verb](user, trunk_request)


def actions(user: User, trunk_request: TrunkRequest) -> dict[str, Answer]:
    """Return the answer for every verb, for the page that shows the buttons."""
    return {verb: rule(user, trunk_request) for verb, rule in RULES.items()}


def authors(trunk_request: TrunkRequest) -> set[int]:
    """Return the ids of everybody who filed the request or made any version of its content."""
    made = set(trunk_request.revisions.values_list("author_id", flat=True))
    return made | {trunk_request.filed_by_id}


def supervisors(trunk_request: TrunkRequest) -> list[User]:
    """Return the supervisors for the request's master account, by name."""
    return supervisors_for(trunk_request.master_id)


def supervisors_for(master_id: int) -> list[User]:
    """Return the supervisors for a master account, by name."""
    grants = RoleGrant.objects.in_force().filter(role=Role.SUPERVISOR).select_related("user")
    users = {grant.user for grant in grants if grant.master_id in (None, master_id)}
    return sorted(users, key=lambda user: (str(user), user.pk))


def voices(trunk_request: TrunkRequest) -> list[User]:
    """Return the supervisors in whose right the request could be decided on, by name."""
    barred = authors(trunk_request)
    return [user for user in supervisors(trunk_request) if user.pk not in barred]


def deciders(trunk_request: TrunkRequest) -> list[User]:
    """Return who could decide on the request, by name: supervisors, and those who stand in for one of them."""
    barred, users = authors(trunk_request), voices(trunk_request)
    given = _delegations(trunk_request).exclude(giver__in=barred).exclude(receiver__in=barred)
    found = {*users, *(one.receiver for one in given.select_related("receiver"))}
    return sorted(found, key=lambda user: (str(user), user.pk))


def remaining(trunk_request: TrunkRequest) -> list[User]:
    """Return who could give one of the approvals that are still missing, by name."""
    return [user for user in deciders(trunk_request) if not _spoken_for(user, trunk_request)]


def on_behalf_of(user: User, trunk_request: TrunkRequest) -> User | None:
    """Return the supervisor in whose right `user` decides; None for who does it in their own, or has none."""
    if user.holds(Role.SUPERVISOR, trunk_request.master_id):
        return None
    heard = {one.voice.pk for one in quorum.counted(trunk_request)}
    givers = _givers(user, trunk_request)
    return next((giver for giver in givers if giver.pk not in heard), givers[0] if givers else None)


def _delegations(trunk_request: TrunkRequest) -> DelegationQuerySet:
    return Delegation.objects.in_force().covering(trunk_request.master_id)


def _givers(user: User, trunk_request: TrunkRequest) -> list[User]:
    """Return for whom `user` may stand in on this request: the ban on authors follows them."""
    given = _delegations(trunk_request).filter(receiver=user).exclude(giver__in=authors(trunk_request))
    return [one.giver for one in given.select_related("giver").order_by("id")]


def shortage(trunk_request: TrunkRequest) -> str:
    """Return in words that not enough people could approve the request, or ""."""
    return shortage_of(voices(trunk_request), quorum.of(trunk_request).needed)


def shortage_of(could: list[User], needed: int) -> str:
    """Return in words that fewer people than `needed` could approve, or ""."""
    if len(could) >= needed:
        return ""
    if not could:
        return "Nobody but its authors could approve it: an administrator has to make somebody a supervisor."
    takes = "It takes 1 approval" if needed == 1 else f"It takes {needed} approvals"
    return f"{takes}, and only {_names(could)} could give one: an administrator has to make somebody a supervisor."


def _names(users: list[User]) -> str:
    return ", ".join(str(user) for user in users[:5]) + (" and others" if len(users) > 5 else "")


def eligible(user: User, trunk_request: TrunkRequest) -> Answer:
    """Answer whether `user` is somebody who may decide on the request at all, whatever its state."""
    # Authorship comes before the role and before any look at is_superuser: a check that lets superusers through
    # first is how other products let people approve their own requests.
    if user.pk in authors(trunk_request):
        who = _names(deciders(trunk_request))
        return Answer(
            False, "You filed or amended this request, so somebody else decides on it.", who or "nobody yet"
        )
    if user.holds(Role.SUPERVISOR, trunk_request.master_id) or _givers(user, trunk_request):
        return YES
    who = _names(deciders(trunk_request))
    author = _delegations(trunk_request).filter(receiver=user).select_related("giver").first()
    if author:
        filed = f"You stand in for {author.giver}, who filed or amended this request, so somebody else decides on it."
        return Answer(False, filed, who or "nobody yet")
    return Answer(False, f"Only a supervisor for {trunk_request.master} can decide on this request.", who)


def _decide(user: User, trunk_request: TrunkRequest) -> Answer:
    answer = eligible(user, trunk_request)
    if answer and (trunk_request.state != State.PENDING or waiting.is_over(trunk_request)):
        return _not_now(trunk_request)
    return answer and _from_here(user, trunk_request, refusing=True)


def _from_here(user: User, trunk_request: TrunkRequest, *, refusing: bool = False) -> Answer:
    """Answer for who may decide whether they may from this browser; a note where that is allowed and marked."""
    if browsers.refused() != refusing:
        return YES
    author = browsers.author_here(trunk_request, besides=user)
    if author is None:
        return YES
    if not refusing:
        return Answer(True, note=f"{browsers.words(author)} Your decision will be marked with that.")
    others = _names([one for one in deciders(trunk_request) if one.pk != user.pk])
    here = "you, from another browser or a private window"
    return Answer(
        False, f"{browsers.words(author)} {browsers.PLAINLY}", f"{here}; {others}" if others else here
    )


def _approve(user: User, trunk_request: TrunkRequest) -> Answer:
    answer = _decide(user, trunk_request)
    if not answer:
        return answer
    if spoken := _spoken_for(user, trunk_request):
        return Answer(False, spoken, _names(remaining(trunk_request)) or "nobody yet")
    if moved := base.changes(trunk_request):
        return Answer(False, f"{MOVED} {' '.join(moved)}", by_zoom=True)
    return _from_here(user, trunk_request)


def _spoken_for(user: User, trunk_request: TrunkRequest) -> str:
    """Return why an approval of `user` would be a second one of the same person or the same right, or ""."""
    given = quorum.counted(trunk_request)
    if any(one.decided_by_id == user.pk for one in given):
        return "You have approved it already, so another supervisor does."
    right = on_behalf_of(user, trunk_request) or user
    heard = next((one for one in given if one.voice == right), None)
    if heard is None:
        return ""
    if right == user:
        return f"{heard.decided_by} has approved it on your behalf already, so another supervisor does."
    return f"An approval in the right of {right}, for whom you stand in, is there already: another supervisor does."


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
    """Answer whether `user` is the requester or a supervisor: those whose business the execution is."""
    if user.pk == trunk_request.filed_by_id and user.holds(Role.STAFF, trunk_request.master_id):
        return YES
    if user.holds(Role.SUPERVISOR, trunk_request.master_id):
        return YES
    return Answer(False, "Only the requester or a supervisor can do this.", str(trunk_request.filed_by))


def _withdraw(user: User, trunk_request: TrunkRequest) -> Answer:
    if user.pk not in {trunk_request.filed_by_id, *_approvers(trunk_request)}:
        return Answer(
            False, "Only who filed the request, or approved it, can withdraw it.", str(trunk_request.filed_by)
        )
    if trunk_request.state not in (State.PENDING, State.SENT_BACK, State.APPROVED):
        return _not_now(trunk_request)
    if any(line.state != LineState.NOT_SENT or line.has_begun for line in trunk_request.lines.all()):
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
        return Answer(False, "Only who filed the request can amend it.", str(trunk_request.filed_by))
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
        who = _names(supervisors(trunk_request))
        return Answer(False, f"Only a supervisor for {trunk_request.master} can give up on it.", who)
    if trunk_request.state != State.UNCONFIRMED:
        return _not_now(trunk_request)
    if all(line.state != LineState.UNKNOWN for line in trunk_request.lines.all()):
        return Answer(False, "The outcome of every line is known; check now settles it.", by_state=True)
    if trunk_request.could_still_land:
        return Answer(False, "What was sent could still land at Zoom; wait a little.", by_state=True)
    return YES


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
}
