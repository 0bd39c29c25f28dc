"""The rehearsal of a policy: what its rules would have meant for the requests of the last 90 days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import prefetch_related_objects
from django.utils import timezone

from trunks.models import ApprovalPolicy, Revision, TrunkRequest
from trunks.workflow.approval_rules import Facts, assess
from trunks.workflow.deciders import supervisors_for

DAYS = 90
MOST = 2000
_READ = (
    *("kind", "filed_at", "filed_by", "policy", "approvals_needed"),
    *("sub_account__name", "sub_account__zoom_id"),
)


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
    """What came of it. `untold` counts requests of which it was never noted what some conditions look at.

    `earlier` counts those of the 90 days that are left out, because there are more than `MOST`.
    """

    rows: tuple[Rehearsed, ...]
    untold: int
    earlier: int = 0

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
    filed = TrunkRequest.objects.filter(master=policy.master, filed_at__gte=since)
    known = list(filed.select_related("sub_account").only(*_READ).order_by("-id")[:MOST])
    # Of the others the facts are kept, and thousands of lines would be read for their number alone.
    prefetch_related_objects([one for one in known if not one.policy.get("facts")], "lines")
    barred = _authors(known)
    supervisors = {user.pk for user in supervisors_for(policy.master_id)}
    rows = tuple(_rehearsed(policy, one, len(supervisors - barred[one.pk])) for one in known)
    earlier = filed.count() - len(known) if len(known) == MOST else 0
    return Rehearsal(rows, sum(not one.policy for one in known), earlier)


def _authors(trunk_requests: Sequence[TrunkRequest]) -> dict[int, set[int]]:
    """Return the authors of each request, without the contents that they wrote."""
    found = {one.pk: {one.filed_by_id} for one in trunk_requests}
    written = Revision.objects.filter(trunk_request__in=found)
    for pk, author in written.order_by().values_list("trunk_request", "author"):
        found[pk].add(author)
    return found


def _rehearsed(policy: ApprovalPolicy, trunk_request: TrunkRequest, could: int) -> Rehearsed:
    found = assess(policy, Facts.of(trunk_request))
    return Rehearsed(trunk_request, trunk_request.approvals_needed, found.needed, found.why, could)
