"""Saving an approval policy: each save is a new version, and what is filed already keeps what it was filed under."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import available_timezones

from django.db import IntegrityError
from django.utils import timezone

from trunks import audit
from trunks.actions import Action
from trunks.models import ApprovalPolicy, MasterAccount, Role, User
from trunks.models.approval_policy import CONDITIONS, MOST_APPROVALS
from trunks.workflow import refusals
from trunks.workflow.approval_rules import approvals, sentences
from trunks.workflow.errors import Invalid, Problems, Stale

ONLY_ADMINISTRATORS = "Only an administrator for {master} can change its approval policy."


def problems(policy: ApprovalPolicy) -> Problems:
    """Return every problem of a policy by form field."""
    found: Problems = {}
    for name, sentence in _problems(policy):
        found.setdefault(name, []).append(sentence)
    return found


def save(policy: ApprovalPolicy, *, actor: User, version: int) -> ApprovalPolicy:
    """Put `policy`, not saved yet, into force as the next version after `version`, which the page showed.

    Raises Refused, Invalid, or Stale when somebody saved another meanwhile.
    """
    master = policy.master
    if not actor.holds(Role.ADMINISTRATOR, master.pk):
        action, what = Action.MASTER_ACTION_REFUSED, "change the approval policy"
        reason = ONLY_ADMINISTRATORS.format(master=master)
        refusals.refuse(action, what, reason, who="an administrator", actor=actor, on=master)
    now = ApprovalPolicy.current(master)
    if now.version != version:
        raise Stale(_standing(now))
    found = problems(policy)
    if not found and policy.rules() == now.rules():
        found = {"__all__": ["Nothing was changed: this is the policy in force."]}
    if found:
        raise Invalid(found)
    _write(policy, now, master, actor)
    return policy


def _write(policy: ApprovalPolicy, now: ApprovalPolicy, master: MasterAccount, actor: User) -> None:
    policy.version, policy.made_by, policy.made_at = now.version + 1, actor, timezone.now()
    policy.text = "\n".join(sentences(policy))
    before, after = now.rules(), policy.rules()
    changed = {name for name, value in after.items() if value != before[name]}
    try:
        with audit.change():
            policy.save(force_insert=True)
            audit.record(
                Action.POLICY_CHANGED,
                actor=actor,
                on=master,
                before={name: before[name] for name in sorted(changed)} | {"in_words": sentences(now)},
                after={name: after[name] for name in sorted(changed)}
                | {"in_words": sentences(policy), "policy_version": policy.version},
            )
    except IntegrityError as error:
        raise Stale(_standing(ApprovalPolicy.current(master))) from error


def _standing(now: ApprovalPolicy) -> str:
    return f"{now.made_by or 'The system'} has changed the policy meanwhile; it is version {now.version} now."


def _problems(policy: ApprovalPolicy) -> Iterator[tuple[str, str]]:
    if not 1 <= policy.approvals <= MOST_APPROVALS:
        yield "approvals", f"A request takes 1 to {MOST_APPROVALS} approvals, and never none."
        return
    for name in CONDITIONS:
        asked = getattr(policy, name)
        if asked and not policy.approvals < asked <= MOST_APPROVALS:
            yield (
                name,
                f"Every request takes {approvals(policy.approvals)} already; choose more, or no change.",
            )
    if policy.many_lines < 1:
        yield "many_lines", "Enter a number of lines, 1 or more."
    if policy.off_hours_approvals:
        yield from _hours_problems(policy)


def _hours_problems(policy: ApprovalPolicy) -> Iterator[tuple[str, str]]:
    if policy.opens >= policy.closes:
        yield "closes", "Working hours end later than they begin, on the same day."
    if not policy.days or set(policy.days) - set("1234567"):
        yield "days", "Choose at least one working day."
    if policy.zone not in available_timezones():
        yield "zone", "Enter a time zone such as Europe/Madrid."
