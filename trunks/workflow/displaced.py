"""The alarm about trunks that are gone since a request was sent that did not mean to touch them.

`bystanders` finds them and writes down the occasion, which keeps their DNIS. The alarm of each ends when Zoom's list
shows it again, or by hand, which the occasion keeps as well: another that names it later alarms anew.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from trunks import access
from trunks.models import ListedTrunk, Occasion, Role, SubAccount, Topic, TrunkRequest, User, clock
from trunks.models.drift import MISSED_DAYS
from trunks.models.notice import OccasionQuerySet

GONE = "gone"  # of the event and of the occasion: the DNIS that are missing
ENDED = "ended"  # of the occasion: those of them whose alarm a supervisor has ended


def occasions_of(trunk_request: TrunkRequest) -> OccasionQuerySet:
    """Return what was told of trunks that are gone since `trunk_request` was sent."""
    return Occasion.objects.filter(trunk_request=trunk_request, topic=Topic.LOST, facts__has_key=GONE)


def alarmed(facts: dict[str, Any]) -> set[str]:
    """Return the DNIS that an occasion names and whose alarm nobody has ended."""
    return set(facts[GONE]) - set(facts.get(ENDED, ()))


def missed(trunk_request: TrunkRequest) -> list[str]:
    """Return the DNIS that the alarm is about: gone since the request was sent, missing still, not ended by hand."""
    if trunk_request.sent_at is None:
        return []
    told = occasions_of(trunk_request).values_list("facts", flat=True)
    return still_missing(trunk_request.sub_account, set().union(*map(alarmed, told)))


def end(trunk_request: TrunkRequest, dnis: Collection[str]) -> None:
    """Write down that the alarm about `dnis` was ended by hand, in the caller's transaction."""
    for occasion in occasions_of(trunk_request):
        named = set(occasion.facts[GONE]) & {*dnis, *occasion.facts.get(ENDED, ())}
        occasion.facts[ENDED] = sorted(named)
        occasion.save(update_fields=["facts"])


def still_missing(account: SubAccount, dnis: Collection[str]) -> list[str]:
    """Return which of `dnis` Zoom's list, as last read, still lacks; a sub account that is gone misses none."""
    if account.gone_at or not dnis:
        return []
    there = ListedTrunk.objects.filter(sub_account=account, dnis__in=dnis, gone_at=None)
    return sorted(set(dnis) - set(there.values_list("dnis", flat=True)))


def alarms_for(user: User) -> list[tuple[TrunkRequest, list[str]]]:
    """Return the requests after which other trunks are gone still, newest first, each with the DNIS of those.

    For the supervisors, and as long as the drift page shows what is missing: what nobody has ended by hand by then
    would be in everybody's way for ever.
    """
    masters = access.masters_where(user, Role.SUPERVISOR)
    told = Occasion.objects.filter(
        trunk_request__master__in=masters,
        trunk_request__sub_account__gone_at=None,
        key__startswith=f"{Topic.LOST}:",
        facts__has_key=GONE,
        at__gt=clock.after(-86_400 * MISSED_DAYS),
    )
    gone: dict[int, set[str]] = {}
    for pk, facts in told.order_by("-trunk_request").values_list("trunk_request", "facts"):
        gone.setdefault(pk, set()).update(alarmed(facts))
    if not any(gone.values()):
        return []
    found = list(TrunkRequest.objects.filter(pk__in=gone).with_names().order_by("-pk"))
    listed = ListedTrunk.objects.filter(sub_account__in={one.sub_account_id for one in found}, gone_at=None)
    there = set(listed.filter(dnis__in=set().union(*gone.values())).values_list("sub_account", "dnis"))
    missing = {
        one: sorted(dnis for dnis in gone[one.pk] if (one.sub_account_id, dnis) not in there) for one in found
    }
    return [(one, dnis) for one, dnis in missing.items() if dnis]
