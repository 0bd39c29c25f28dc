"""Deciding on a trunk request: what supervisors do."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction

from trunks import dispatch
from trunks.actions import Action
from trunks.models import Decision, State, TrunkRequest, User, Verdict, clock
from trunks.workflow import rules
from trunks.workflow.content import content_of, digest_of
from trunks.workflow.drafts import draft_of
from trunks.workflow.errors import Invalid
from trunks.workflow.filing import release_holds
from trunks.workflow.guard import demand, demand_comment, refuse
from trunks.workflow.transitions import move


def approve(trunk_request: TrunkRequest, *, actor: User, version: int, comment: str = "") -> TrunkRequest:
    """Approve exactly the content the page showed; after the commit a worker is rung.

    Raises Refused, Stale, or Invalid when the world has moved so that the content no longer fits.
    """
    demand(actor, "approve", trunk_request, version=version)
    demand_comment(comment)
    found = rules.problems(draft_of(trunk_request), amending=trunk_request)
    if found:
        raise Invalid(found)
    grace = settings.GRACE_SECONDS
    changes = {
        "approved_by": actor,
        "approved_digest": trunk_request.content_digest,
        "next_attempt_at": clock.after(grace) if grace else None,
        "tries": 0,
        "sends": 0,
        "waiting_for": "",
    }
    with transaction.atomic():
        _decide(trunk_request, State.APPROVED, Verdict.APPROVE, actor, version, comment, changes)
        genuine = digest_of(content_of(trunk_request)) == trunk_request.content_digest
        if not genuine:
            transaction.set_rollback(True)
        elif not grace:
            dispatch.ring(dispatch.PROVISION, trunk_request.pk)
    if not genuine:
        words = "The request's content is not what was filed, so it cannot be approved."
        refuse(actor, "approve", trunk_request, words)
    return trunk_request


def deny(trunk_request: TrunkRequest, *, actor: User, version: int, comment: str) -> TrunkRequest:
    """End the request without carrying it out; its DNIS are free again. Raises Refused, Stale, Invalid."""
    demand(actor, "deny", trunk_request, version=version)
    demand_comment(comment, why="Say why it is denied: the requester reads it.")
    with transaction.atomic():
        _decide(trunk_request, State.DENIED, Verdict.DENY, actor, version, comment, {})
        release_holds(trunk_request)
    return trunk_request


def send_back(trunk_request: TrunkRequest, *, actor: User, version: int, comment: str) -> TrunkRequest:
    """Ask the requester to amend it; number, discussion and DNIS stay. Raises Refused, Stale, Invalid."""
    demand(actor, "send_back", trunk_request, version=version)
    demand_comment(comment, why="Say what should be changed: the requester reads it.")
    with transaction.atomic():
        _decide(trunk_request, State.SENT_BACK, Verdict.SEND_BACK, actor, version, comment, {})
    return trunk_request


_ACTIONS = {
    Verdict.APPROVE: Action.REQUEST_APPROVED,
    Verdict.DENY: Action.REQUEST_DENIED,
    Verdict.SEND_BACK: Action.REQUEST_SENT_BACK,
}


def _decide(
    trunk_request: TrunkRequest,
    to: State,
    verdict: Verdict,
    actor: User,
    version: int,
    comment: str,
    changes: dict[str, Any],
) -> None:
    move(
        trunk_request,
        to,
        _ACTIONS[verdict],
        actor=actor,
        version=version,
        comment=comment,
        changes=changes,
        after={
            "content_version": trunk_request.content_version,
            "content_digest": trunk_request.content_digest,
        },
    )
    Decision.objects.create(
        trunk_request=trunk_request,
        verdict=verdict,
        decided_by=actor,
        decided_at=clock.now(),
        comment=comment,
        content_version=trunk_request.content_version,
        content_digest=trunk_request.content_digest,
    )
