"""Letting somebody decide on one's behalf for a time, and ending that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from trunks import access, audit
from trunks.actions import Action
from trunks.models import STAND_INS, Delegation, MasterAccount, Role, User, clock
from trunks.workflow import refusals, rules
from trunks.workflow.answers import YES, Answer
from trunks.workflow.errors import Invalid, Problems, Stale

REASON_MAX_LENGTH = 500
LONGEST_DAYS = 366
ONLY_SUPERVISORS = (
    "Only a supervisor can let somebody else decide, for master accounts that they supervise themselves."
)


@dataclass(frozen=True)
class Terms:
    """Who is to stand in, for which master accounts (none named: all that the giver supervises), when and why."""

    receiver: User
    begins_on: date
    ends_on: date
    reason: str
    masters: Sequence[MasterAccount] = ()


def may_make(actor: User, masters: Sequence[MasterAccount] = ()) -> Answer:
    """Answer whether `actor` may delegate for `masters`: only a right of their own, so nobody delegates on."""
    if not actor.holds(Role.SUPERVISOR):
        return Answer(False, ONLY_SUPERVISORS)
    for master in masters:
        if not actor.holds(Role.SUPERVISOR, master.pk):
            return Answer(False, ONLY_SUPERVISORS)
    return YES


def may_end(actor: User, delegation: Delegation) -> Answer:
    """Answer whether `actor` may end it: who gave it, and the administrators who may see it."""
    if actor.pk == delegation.giver_id or actor.holds(Role.ADMINISTRATOR):
        return YES
    return Answer(
        False,
        "Only the supervisor who gave it, or an administrator, can end a delegation.",
        str(delegation.giver),
    )


def make(terms: Terms, *, actor: User) -> Delegation:
    """Let `terms.receiver` decide on behalf of `actor`, who stays able to. Raises Refused or Invalid."""
    _demand(may_make(actor, terms.masters), "make", actor, on=actor)
    if found := problems(terms, actor=actor):
        raise Invalid(found)
    with audit.change():
        made = Delegation.objects.create(
            giver=actor,
            receiver=terms.receiver,
            for_all_masters=not terms.masters,
            begins_on=terms.begins_on,
            ends_on=terms.ends_on,
            reason=terms.reason,
            made_at=clock.now(),
        )
        made.masters.set(terms.masters)
        audit.record(Action.DELEGATION_MADE, actor=actor, on=made, after=_told(made), comment=terms.reason)
    return made


def end(delegation: Delegation, *, actor: User) -> None:
    """End it now, for good; what was decided by it stays. Raises Refused, or Stale when it has ended already."""
    _demand(may_end(actor, delegation), "end", actor, on=delegation)
    with audit.change():
        if not _end(delegation, actor):
            raise Stale("The delegation has been ended already.")


def end_all_of(person: User, *, actor: User) -> None:
    """End what the person gave and got, in the transaction that deactivates them: it is not revived with them."""
    theirs = Q(giver=person) | Q(receiver=person)
    for delegation in Delegation.objects.filter(theirs, ended_at=None, ends_on__gte=timezone.now().date()):
        _end(delegation, actor)


def end_what_is_void(giver: User, *, actor: User | None, why: str = "") -> None:
    """End delegations for which `giver` has no right left to lend, in the transaction that took the right away."""
    supervised = access.masters_where(User.objects.get(pk=giver.pk), Role.SUPERVISOR)
    for delegation in Delegation.objects.filter(giver=giver, ended_at=None):
        named = MasterAccount.objects.filter(pk__in=delegation.masters.values("pk"))
        left = supervised if delegation.for_all_masters else named.filter(pk__in=supervised.values("pk"))
        if not left.exists():
            _end(delegation, actor, why)


def problems(terms: Terms, *, actor: User) -> Problems:
    """Return what is wrong with `terms`, by form field."""
    found: Problems = {}
    for name, sentence in (*_wrong_receiver(terms, actor), *_wrong_days(terms), *_wrong_reason(terms.reason)):
        found.setdefault(name, []).append(sentence)
    return found


def _wrong_receiver(terms: Terms, actor: User) -> Sequence[tuple[str, str]]:
    receiver = terms.receiver
    if receiver.pk == actor.pk:
        return [("receiver", "You decide already; choose somebody else.")]
    if not receiver.is_active:
        return [("receiver", f"{receiver} is deactivated.")]
    wanted = terms.masters or access.masters_where(actor, Role.SUPERVISOR)
    has = [any(receiver.holds(role, master.pk) for role in STAND_INS) for master in wanted]
    if all(has) if terms.masters else any(has):
        return []
    return [("receiver", f"{receiver} is neither staff nor supervisor nor manager for what is chosen.")]


def _wrong_days(terms: Terms) -> Sequence[tuple[str, str]]:
    if terms.ends_on < terms.begins_on:
        return [("ends_on", "The last day is before the first one.")]
    if terms.ends_on < timezone.now().date():
        return [("ends_on", "The last day is over already. Choose today (UTC) or a later day.")]
    if terms.ends_on - terms.begins_on > timedelta(days=LONGEST_DAYS):
        return [("ends_on", "At most a year. An administrator can make somebody supervisor for longer.")]
    return []


def _wrong_reason(reason: str) -> Sequence[tuple[str, str]]:
    found = [("reason", sentence) for sentence in rules.text_problems(reason, REASON_MAX_LENGTH)]
    if rules.says_nothing(reason):
        found.append(("reason", "Say why: it is shown beside every decision made by it."))
    return found


def _end(delegation: Delegation, actor: User | None, why: str = "") -> bool:
    """End it, and say whether this did: somebody may have been first."""
    # The row is what a decision locks that is being made by it.
    rows = Delegation.objects.filter(pk=delegation.pk, ended_at=None)
    if not rows.update(ended_at=clock.now(), ended_by=actor):
        return False
    audit.record(Action.DELEGATION_ENDED, actor=actor, why=why, on=delegation, before=_told(delegation))
    return True


def _told(delegation: Delegation) -> dict[str, Any]:
    names = sorted(str(master) for master in delegation.masters.all())
    return {
        "receiver": delegation.receiver.email,
        "giver": delegation.giver.email,
        "masters": names or "all that the giver supervises",
        "begins_on": str(delegation.begins_on),
        "ends_on": str(delegation.ends_on),
    }


def _demand(answer: Answer, what: str, actor: User, *, on: models.Model) -> None:
    """Raise Refused, and write the refusal down, unless the answer is yes."""
    if not answer:
        action = Action.DELEGATION_REFUSED
        refusals.refuse(action, what, answer.reason, who=answer.who, actor=actor, on=on)
