"""The permit: what lets an approved content be carried out once, and only while what it rests on stands.

It is issued in the transaction of the last approval and spent in the transaction of the claim, by one conditional
UPDATE. Whatever puts the request back into the queue, because nothing was sent or Zoom's list shows that it did not
happen, gives it back in the same transaction; what ends the request or sends it back to its people takes an unused one
away. So a crash strands nothing, and a request that has ended has none left.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Count, DateField, F, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from trunks.compiled import Param
from trunks.compiled_writing import Inserts, Updates
from trunks.models import Decision, LineState, Permit, TrunkRequest, clock

NONE_LEFT = "There is no unused permit for exactly this content under the policy it was filed under."


def issue(trunk_request: TrunkRequest, decisions: list[Decision], *, needed: int, ground: str) -> Permit:
    """Make the permit for the approved content, in the caller's transaction."""
    permit = Permit(
        trunk_request=trunk_request,
        issued_at=clock.now(),
        ground=ground,
        needed=needed,
        content_digest=trunk_request.approved_digest,
        policy_digest=trunk_request.policy_digest,
    )
    _PERMITS.insert(permit)
    _GROUNDS.insert(*(_Ground(permit_id=permit.pk, decision_id=decision.pk) for decision in decisions))
    return permit


def issue_again(trunk_request: TrunkRequest) -> Permit:
    """Make a new permit on the ground of the decisions of the last one: for a retry of the same approved content."""
    last = trunk_request.permits.order_by("-id").first()
    rests_on = last.decisions.all() if last else Decision.objects.for_content_of(trunk_request)
    needed = last.needed if last else trunk_request.approvals_needed
    cancel(trunk_request, "retry")
    return issue(trunk_request, list(rests_on), needed=needed, ground="retry")


def spend(trunk_request: TrunkRequest) -> str:
    """Spend the permit for the claim that has just begun, in its transaction; return why it cannot be, or "".

    One statement in the ordinary case: it matches request, content, policy, that nobody has spent it, and that enough
    of its decisions are by people who still are supervisors.
    """
    bound = {
        "content_digest": trunk_request.approved_digest,
        "policy_digest": trunk_request.policy_digest,
    }
    used = {"spent_at": clock.now(), "spent_on": f"claim {trunk_request.fence}"}
    today = timezone.now().date()
    if _SPEND.update({"trunk_request": trunk_request.pk, "today": today, **bound}, **used):
        return ""
    mine = _unspent(trunk_request).filter(**bound)
    if not mine.exists():
        return NONE_LEFT
    if any(line.has_begun for line in trunk_request.lines.filter(state=LineState.NOT_SENT)):
        # Half of a change is at Zoom already: it is finished, whoever has left meanwhile.
        mine.update(**used)
        return ""
    return _fallen(mine.get())


def fallen(trunk_request: TrunkRequest) -> str:
    """Return why the last permit no longer suffices for lines that have not begun, or "" when it does."""
    last = trunk_request.permits.latest("id")
    return _fallen(last) if last.decisions.standing().count() < last.needed else ""


def unspend(trunk_request: TrunkRequest) -> None:
    """Give the last permit back in the transaction that puts the request back into the queue."""
    last = Permit.objects.filter(trunk_request=trunk_request).order_by("-id").values("pk")[:1]
    Permit.objects.filter(pk__in=last).update(spent_at=None, spent_on="")


def cancel(trunk_request: TrunkRequest, why: str) -> None:
    """Take away the unused permit: the request ends, goes back to its people, or gets a new one, as `why` says."""
    _unspent(trunk_request).update(spent_at=clock.now(), spent_on=why)


def _unspent(trunk_request: TrunkRequest) -> QuerySet[Permit]:
    return Permit.objects.filter(trunk_request=trunk_request, spent_at=None)


_Ground: Any = Permit.decisions.through
_PERMITS: Inserts[Permit] = Inserts(Permit)
_GROUNDS: Inserts[Any] = Inserts(_Ground)


def _standing() -> Coalesce:
    today = Param("today", DateField())
    decisions = Decision.objects.standing(today).filter(permits=OuterRef("pk")).order_by()
    counted = decisions.values("permits").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


_BOUND = {name: Param(name) for name in ("trunk_request", "content_digest", "policy_digest")}
_SPEND = Updates(
    lambda: (
        Permit.objects.filter(**_BOUND, spent_at=None)
        .annotate(standing=_standing())
        .filter(standing__gte=F("needed"))
    )
)


def _fallen(permit: Permit) -> str:
    standing = set(permit.decisions.standing().values_list("pk", flat=True))
    gone = [
        str(one.voice)
        for one in permit.decisions.select_related("decided_by", "on_behalf_of")
        if one.pk not in standing
    ]
    who = ", ".join(gone)
    return f"Since it was approved, {who} ceased to be supervisor for the master account, so it needs a new approval."
