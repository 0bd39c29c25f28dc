"""How many approvals a request takes, which it has, and which it lacks: the one place that counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import DateField
from django.utils import timezone

from trunks.compiled import Param, Rows
from trunks.models import ApprovalPolicy, Decision, State, TrunkRequest, Verdict
from trunks.models.decisions import BOUND_TO
from trunks.workflow.approval_rules import Assessment, Facts, approvals, assess


@dataclass(frozen=True)
class Quorum:
    """The approvals that count, how many it takes, and why so many.

    `stricter` says that the policy asks for more today than it did when the request was filed.
    """

    given: tuple[Decision, ...]
    needed: int
    why: tuple[str, ...]
    stricter: bool = False

    @property
    def missing(self) -> int:
        return max(self.needed - len(self.given), 0)

    @property
    def words(self) -> str:
        return f"{len(self.given)} of {approvals(self.needed)}"

    @property
    def reason(self) -> str:
        """Return in words why it takes more than one, or "" for a request that takes one."""
        if self.needed == 1:
            return ""
        because = f", because {' and '.join(self.why)}" if self.why else ""
        return f"It takes {approvals(self.needed)}{because}."


def of(trunk_request: TrunkRequest) -> Quorum:
    """Return how many approvals the request needs and has.

    Of the policy stored at filing and today's, the stricter counts: weakening a policy does not weaken what is filed,
    and making it stricter applies to everything not approved yet.
    """
    then = snapshotted(trunk_request)
    now = _today(trunk_request, then)
    found = now if now.needed > then.needed else then
    return Quorum(tuple(counted(trunk_request)), found.needed, found.why, stricter=found is not then)


def counted(trunk_request: TrunkRequest) -> list[Decision]:
    """Return the approvals that count, one for each supervisor: of the present content, by who still is supervisor."""
    bound = {name: getattr(trunk_request, name) for name in BOUND_TO}
    return _COUNTED(trunk_request=trunk_request.pk, today=timezone.now().date(), **bound)


_PLACES = {name: Param(name) for name in ("trunk_request", *BOUND_TO)}
_COUNTED = Rows(
    lambda: (
        Decision.objects.approvals(**_PLACES)
        .standing(Param("today", DateField()))
        .select_related("decided_by", "on_behalf_of")
        .order_by("id")
    )
)


@dataclass(frozen=True)
class Vote:
    """One decision as people see it; `void` says why it no longer counts, or is ""."""

    decision: Decision
    void: str


def votes(trunk_request: TrunkRequest) -> list[Vote]:
    """Return every decision that was ever made on the request, oldest first, void ones included."""
    decisions = Decision.objects.filter(trunk_request=trunk_request).select_related(
        "decided_by", "on_behalf_of", "same_browser_as"
    )
    return [Vote(one, _void(one, trunk_request)) for one in decisions.with_standing().order_by("id")]


def _void(decision: Any, trunk_request: TrunkRequest) -> str:
    if decision.taken_back_at:
        return "taken back"
    if decision.verdict != Verdict.APPROVE:
        return ""
    if decision.content_version != trunk_request.content_version:
        return f"void: it was for version {decision.content_version}, and the request was amended since"
    if decision.base_digest != trunk_request.base_digest:
        return "void: Zoom has changed since, and the request was validated again"
    if trunk_request.state == State.PENDING and not decision.stands:
        return "void: no longer a supervisor for the master account"
    if trunk_request.state == State.SENT_BACK:
        return "void: the request was sent back"
    return ""


def needed_today(trunk_requests: Sequence[TrunkRequest]) -> dict[int, int]:
    """Return for each request, by primary key, what `of` would say it takes, at the cost of one query for all.

    The requests come with their lines, which only requests from before there were policies are asked for.
    """
    masters = {one.master_id for one in trunk_requests}
    # Oldest first: the last one that is put in is the one in force.
    saved = ApprovalPolicy.objects.filter(master__in=masters).order_by("version")
    in_force = {policy.master_id: policy for policy in saved}
    return {one.pk: _stricter(one, in_force.get(one.master_id)) for one in trunk_requests}


def _stricter(trunk_request: TrunkRequest, policy: ApprovalPolicy | None) -> int:
    then = snapshotted(trunk_request).needed
    if policy is None or policy.version == trunk_request.policy.get("version", 0):
        return then
    return max(then, assess(policy, Facts.of(trunk_request)).needed)


def snapshotted(trunk_request: TrunkRequest) -> Assessment:
    """Return what the policy asked when this content was filed; one approval for what is older than policies."""
    return Assessment(trunk_request.approvals_needed, tuple(trunk_request.policy.get("why", ())))


def _today(trunk_request: TrunkRequest, then: Assessment) -> Assessment:
    policy = ApprovalPolicy.current(trunk_request.master)
    if policy.version == trunk_request.policy.get("version", 0):
        return then
    return assess(policy, Facts.of(trunk_request))
