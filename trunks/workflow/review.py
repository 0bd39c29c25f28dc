"""Deciding on a trunk request: what supervisors do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import F

from trunks import audit, dispatch
from trunks.actions import Action
from trunks.compiled import Param, Values, set_related
from trunks.compiled_writing import Inserts
from trunks.models import Decision, Delegation, Role, State, TrunkRequest, User, Verdict, clock
from trunks.workflow import base, browsers, deciders, permits, quorum, rules, waiting
from trunks.workflow.content import content_of, digest_of, lines_at_hand, lines_of
from trunks.workflow.drafts import draft_of
from trunks.workflow.errors import Invalid, Stale
from trunks.workflow.filing import release_holds
from trunks.workflow.guard import demand, demand_comment, refuse
from trunks.workflow.preview import read_anew
from trunks.workflow.quorum import Quorum
from trunks.workflow.transitions import move, who_was_first
from trunks.workflow.words import sentence
from trunks.zoom.errors import ZoomError

ENDED = "The delegation by which you could decide has ended meanwhile."
# What is no decision must not let a request wait for longer: reminders, escalation and expiry count from there.
SAME_CLOCK = {"changed_at": F("changed_at")}


def approve(
    trunk_request: TrunkRequest, *, actor: User, version: int, comment: str = "", stands_on: str = ""
) -> TrunkRequest:
    """Approve exactly the content the page showed. The last approval that it takes rings a worker, after the commit.

    `stands_on` is the digest of the base that the page showed, where it says so. Raises Refused, Stale, or Invalid when
    the world has moved so that the content no longer fits.
    """
    lines = lines_at_hand(trunk_request)
    set_related(trunk_request, "lines", lines)  # read once for all that is asked before the move
    demand(actor, "approve", trunk_request, version=version)
    if stands_on not in ("", trunk_request.base_digest):
        raise Stale(who_was_first(trunk_request))
    demand_comment(comment)
    found = rules.problems(draft_of(trunk_request, lines), amending=trunk_request)
    if found:
        raise Invalid(found)
    with audit.change():
        # Counted before the move: whoever approves or takes back in between raises the version, and ours is stale.
        now = quorum.of(trunk_request)
        if now.missing > 1:
            _give_approval(trunk_request, now, actor, version, comment)
        else:
            _approve_at_last(trunk_request, now, actor, version, comment)
        # Now that the row is ours and nobody else can change it.
        wrong = _not_as_filed(trunk_request)
        if wrong:
            transaction.set_rollback(True)
    if wrong:
        refuse(actor, "approve", trunk_request, wrong)
    return trunk_request


def take_back(trunk_request: TrunkRequest, *, actor: User, version: int, comment: str = "") -> TrunkRequest:
    """Take back one's own approval, or one given on one's behalf, while others are still missing.

    Raises Refused, Stale or Invalid.
    """
    demand(actor, "take_back", trunk_request, version=version)
    demand_comment(comment)
    with audit.change():
        move(
            trunk_request,
            State.PENDING,
            Action.REQUEST_APPROVAL_TAKEN_BACK,
            actor=actor,
            version=version,
            comment=comment,
            changes=SAME_CLOCK,
        )
        mine = Decision.objects.for_content_of(trunk_request).of(actor)
        mine.update(taken_back_at=clock.now())
    return trunk_request


def deny(trunk_request: TrunkRequest, *, actor: User, version: int, comment: str) -> TrunkRequest:
    """End the request without carrying it out; its DNIS are free again. Raises Refused, Stale, Invalid."""
    demand(actor, "deny", trunk_request, version=version)
    demand_comment(comment, why="Say why it is denied: the requester reads it.")
    with audit.change():
        _decide(trunk_request, State.DENIED, Verdict.DENY, Action.REQUEST_DENIED, actor, version, comment)
        release_holds(trunk_request)
    return trunk_request


def send_back(trunk_request: TrunkRequest, *, actor: User, version: int, comment: str) -> TrunkRequest:
    """Ask the requester to amend it; number, discussion and DNIS stay. Raises Refused, Stale, Invalid."""
    demand(actor, "send_back", trunk_request, version=version)
    demand_comment(comment, why="Say what should be changed: the requester reads it.")
    with audit.change():
        action = Action.REQUEST_SENT_BACK
        _decide(trunk_request, State.SENT_BACK, Verdict.SEND_BACK, action, actor, version, comment)
    return trunk_request


def revalidate(trunk_request: TrunkRequest, *, actor: User, version: int) -> TrunkRequest:
    """Read Zoom again and make that the request's base; approvals given on the old base become void.

    If nothing has changed in what concerns the request, nothing is written. Whether the content still fits is shown by
    the page and checked by approve(). Raises Refused, Stale, or Invalid when Zoom cannot be read.
    """
    demand(actor, "revalidate", trunk_request, version=version)
    # Before Zoom is read: somebody who validates meanwhile makes ours stale, and not one without a change.
    then = base.asked_on(trunk_request)
    try:
        read_anew(trunk_request.sub_account)
    except ZoomError as error:
        raise Invalid(
            {"__all__": [f"Zoom could not be read, so nothing was changed. {sentence(error)}"]}
        ) from error
    now = replace(base.present(trunk_request.sub_account, lines_of(trunk_request)), validated=True)
    if then.known and not base.differences(then, now, trunk_request.kind):
        if not TrunkRequest.objects.filter(pk=trunk_request.pk, version=version).exists():
            # Somebody validated between the first look at the request and the look at what it stands on.
            raise Stale(who_was_first(trunk_request))
        return trunk_request
    with audit.change():
        move(
            trunk_request,
            State.PENDING,
            Action.REQUEST_REVALIDATED,
            actor=actor,
            version=version,
            changes={"base_digest": now.digest, **SAME_CLOCK},
            before={"base": then.kept(), "base_digest": then.digest},
            after={"base": now.kept(), "base_digest": now.digest},
        )
        kept = trunk_request.revisions.filter(content_version=trunk_request.content_version)
        kept.update(base=now.kept())
    return trunk_request


def _not_as_filed(trunk_request: TrunkRequest) -> str:
    """Return why the row is not what was filed: somebody changed it behind the portal; "" when it is."""
    [(content_digest, policy, policy_digest)] = _AS_FILED(trunk_request=trunk_request.pk)
    if digest_of(content_of(trunk_request)) != content_digest:
        return "The request's content is not what was filed, so it cannot be approved."
    if digest_of(policy) != policy_digest:
        return "The policy kept with the request is not what it was filed under, so it cannot be approved."
    return ""


_AS_FILED = Values(
    lambda: TrunkRequest.objects.filter(pk=Param("trunk_request")).values_list(
        "content_digest", "policy", "policy_digest"
    )
)


def _give_approval(trunk_request: TrunkRequest, now: Quorum, actor: User, version: int, comment: str) -> None:
    """Write down one approval of several; the request stays pending."""
    given = {"approvals": f"{len(now.given) + 1} of {now.needed}"}
    action = Action.REQUEST_APPROVAL_GIVEN
    same_clock = dict(SAME_CLOCK)
    _decide(trunk_request, State.PENDING, Verdict.APPROVE, action, actor, version, comment, same_clock, given)


def _approve_at_last(
    trunk_request: TrunkRequest, now: Quorum, actor: User, version: int, comment: str
) -> None:
    """Write down the last approval that it takes, and issue the permit that lets it be carried out."""
    first_try = waiting.first_try(trunk_request)
    changes = {
        "approved_by": actor,
        "approved_digest": trunk_request.content_digest,
        "next_attempt_at": first_try,
        "tries": 0,
        "sends": 0,
        "waiting_for": "",
    }
    given = {"approvals": f"{len(now.given) + 1} of {now.needed}"}
    action = Action.REQUEST_APPROVED
    last = _decide(
        trunk_request, State.APPROVED, Verdict.APPROVE, action, actor, version, comment, changes, given
    )
    permits.issue(trunk_request, [*now.given, last], needed=now.needed, ground="approval")
    if first_try is None:
        dispatch.ring(dispatch.PROVISION, trunk_request.pk)


def _decide(
    trunk_request: TrunkRequest,
    to: State,
    verdict: Verdict,
    action: Action,
    actor: User,
    version: int,
    comment: str,
    changes: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> Decision:
    behalf = _held_on_behalf_of(actor, trunk_request)
    author = browsers.author_here(trunk_request, besides=actor)
    if author:
        after = (after or {}) | {"same_browser_as": str(author)}
    move(
        trunk_request,
        to,
        action,
        actor=actor,
        version=version,
        comment=comment,
        changes=changes,
        after={
            "content_version": trunk_request.content_version,
            "content_digest": trunk_request.content_digest,
            "policy_digest": trunk_request.policy_digest,
            "base_digest": trunk_request.base_digest,
            **(after or {}),
        },
        on_behalf_of=behalf,
    )
    made = Decision(
        trunk_request=trunk_request,
        verdict=verdict,
        decided_by=actor,
        on_behalf_of=behalf,
        filed_by=trunk_request.filed_by,
        decided_at=clock.now(),
        comment=comment,
        content_version=trunk_request.content_version,
        content_digest=trunk_request.content_digest,
        policy_digest=trunk_request.policy_digest,
        base_digest=trunk_request.base_digest,
        same_browser_as=author,
    )
    _DECISIONS.insert(made)
    return made


_DECISIONS = Inserts(Decision)


def _held_on_behalf_of(actor: User, trunk_request: TrunkRequest) -> User | None:
    """Return for whom `actor` decides, with the delegation locked: who ends it meanwhile waits, or was first.

    Asked anew in the transaction. Raises Stale when neither a right of their own nor a delegation is left.
    """
    behalf = deciders.on_behalf_of(actor, trunk_request)
    if behalf is None:
        if not actor.holds(Role.SUPERVISOR, trunk_request.master_id):
            raise Stale(ENDED)
        return None
    given = Delegation.objects.filter(giver=behalf, receiver=actor, ended_at=None)
    if not list(given.select_for_update(no_key=True)):
        raise Stale(ENDED)
    return behalf
