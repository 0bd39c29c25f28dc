"""The rehearsal of a policy: what its rules would have meant for the requests of the last 90 days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from trunks.models import ApprovalPolicy, TrunkRequest
from trunks.workflow.approval_rules import Facts, assess
from trunks.workflow.deciders import supervisors_for

DAYS = 90
MOST = 2000


@dataclass(frozen=True)
class Rehearsed:
    """One request: how many approvals it took when filed, would take, and how many people could have given one."""

    trunk_request: TrunkRequest
    took: int
    takes: int
    why: tuple[str, ...]
    could: int

    @property
    def differs(self) -> bool:
        return self.took != self.takes

    @property
    def unreachable(self) -> bool:
        return self.could < self.takes


@dataclass(frozen=True)
class Rehearsal:
    """What came of it. `untold` counts requests of which it was never noted what some conditions look at."""

    rows: tuple[Rehearsed, ...]
    untold: int

    @property
    def counts(self) -> list[tuple[int, int]]:
        """Return for 1, 2 and 3 approvals how many requests would have taken so many."""
        return [(number, sum(row.takes == number for row in self.rows)) for number in (1, 2, 3)]

    @property
    def differing(self) -> list[Rehearsed]:
        return [row for row in self.rows if row.differs]

    @property
    def unreachable(self) -> list[Rehearsed]:
        return [row for row in self.rows if row.unreachable]


def rehearse(policy: ApprovalPolicy) -> Rehearsal:
    """Hold the requests of the policy's master account that were filed in the last 90 days against it, newest first.

    Who could have approved is told by who is a supervisor today.
    """
    since = timezone.now() - timedelta(days=DAYS)
    filed = TrunkRequest.objects.filter(master=policy.master, filed_at__gte=since).with_names()
    known = list(filed.prefetch_related("lines", "revisions").order_by("-id")[:MOST])
    supervisors = {user.pk for user in supervisors_for(policy.master_id)}
    rows = tuple(_rehearsed(policy, one, supervisors) for one in known)
    return Rehearsal(rows, sum(not one.policy for one in known))


def _rehearsed(policy: ApprovalPolicy, trunk_request: TrunkRequest, supervisors: set[int]) -> Rehearsed:
    found = assess(policy, Facts.of(trunk_request))
    authors = {revision.author_id for revision in trunk_request.revisions.all()} | {trunk_request.filed_by_id}
    could = len(supervisors - authors)
    return Rehearsed(trunk_request, trunk_request.approvals_needed, found.needed, found.why, could)
