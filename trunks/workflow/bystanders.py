"""Trunks that a request did not mean to touch, and that Zoom's list shows no longer since the request was sent.

Zoom does not say that an assignment adds and that a removal takes one row away. What the lines are about is settled
with them; here is what else the sub account had. A single list may be an old one: so what is missing is believed to be
gone as the estate believes it, after the quiet period, and by two lists. People are told; nothing is sent for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from trunks import audit
from trunks.actions import Action
from trunks.models import (
    Line,
    LineState,
    ListedTrunk,
    Topic,
    TrunkRequest,
    ZoomCall,
    clock,
)
from trunks.workflow import occasions, settling
from trunks.workflow.claims import Claim
from trunks.workflow.displaced import GONE

MOST_NAMED = 10


def seem_gone(claim: Claim, lines: Sequence[Line]) -> bool:
    """Leave a request that could be settled to later readings if other trunks are missing; say whether.

    The database is asked only when a list read under this claim has shown them, or calls were made under earlier ones.
    """
    suspected = claim.listed is not None and claim.seen - claim.listed - _own(lines)
    if not (claim.trunk_request.sends or suspected) or not (rows := missing(claim, lines)):
        return False
    settling.leave_unconfirmed(claim, doubt(rows), look_after=settings.QUIET_SECONDS)
    return True


def missing(claim: Claim, lines: Sequence[Line]) -> list[ListedTrunk]:
    """Return what a list showed before the request's calls, what the latest lacks, and what nobody was told of yet.

    None without a list, and none while a change is halfway: it is not kept waiting for this, and looks in the end.
    """
    trunk_request = claim.trunk_request
    if claim.listed is None:
        return []
    halfway = any(line.state == LineState.NOT_SENT and line.has_begun for line in lines)
    run = trunk_request.permits.order_by("-id").values_list("issued_at", flat=True).first()
    if halfway or run is None or (calls := _calls(trunk_request, run)) is None:
        return []
    first, last = calls
    seen = ListedTrunk.objects.filter(sub_account=trunk_request.sub_account_id, last_seen_at__gte=first)
    before = seen.filter(first_seen_at__lt=last).exclude(dnis__in={"", *_own(lines), *claim.listed})
    if not (rows := list(before)):
        return []
    known = _removed_by_others(trunk_request, first) | _told(trunk_request, run)
    return [row for row in rows if row.dnis not in known]


def shown_since(rows: Collection[ListedTrunk], absent_at: datetime | None) -> bool:
    """Say whether a list has shown any of `rows` that was asked for at `absent_at` or later.

    What was seen at a time that is still to come was seen before the database's clock was set back.
    """
    if absent_at is None or not rows:
        return False
    now = clock.read()
    return any(absent_at <= row.last_seen_at <= now for row in rows)


def not_gone_for(rows: Collection[ListedTrunk]) -> float:
    """Return how many seconds to wait until all of `rows` can be believed to be gone.

    What was seen at a time that is still to come was seen before the database's clock was set back.
    """
    now, quiet = clock.read(), timedelta(seconds=settings.QUIET_SECONDS)
    lately = [row.last_seen_at for row in rows if row.gone_at is None and row.last_seen_at <= now]
    waits = [(seen_at + quiet - now).total_seconds() for seen_at in lately]
    return max((1.0, *waits)) if waits else 0.0


def tell(claim: Claim, rows: Collection[ListedTrunk]) -> None:
    """Write down that `rows` are gone, and have the supervisors told. May raise Fenced."""
    if not rows:
        return
    trunk_request, dnis = claim.trunk_request, _dnis(rows)
    words = (
        f"{_were_there(dnis)} before the call, and two lists since do not. Nothing is sent because of that."
    )
    facts: dict[str, Any] = {"action": Action.PROVISIONING_DISPLACED.value, "comment": words, GONE: dnis}
    with audit.change():
        claim.hold()
        audit.record(
            Action.PROVISIONING_DISPLACED,
            actor=None,
            why=settling.WHY,
            on=trunk_request,
            after={GONE: dnis},
            comment=words,
            also=dnis,
        )
        key = f"{Topic.LOST}:{trunk_request.pk}:{GONE}:{claim.fence}"
        occasions.note_once(Topic.LOST, trunk_request, key, facts)


def doubt(rows: Collection[ListedTrunk]) -> str:
    """Return what a request waits for whose lines are settled, or could be, while `rows` are missing."""
    return f"{_were_there(_dnis(rows))} before the call, and not any more. It is read again before that is believed."


def _own(lines: Sequence[Line]) -> set[str]:
    return {dnis for line in lines for dnis in (line.dnis, line.current_dnis)}


def _dnis(rows: Collection[ListedTrunk]) -> list[str]:
    return sorted({row.dnis for row in rows})


def _were_there(dnis: Sequence[str]) -> str:
    rest = len(dnis) - MOST_NAMED
    names = ", ".join(dnis[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
    return f"Not touched by this request: {names}. Zoom's list showed {'it' if len(dnis) == 1 else 'them'}"


def _calls(trunk_request: TrunkRequest, run: datetime) -> tuple[datetime, datetime] | None:
    """Return when the first attempt since `run` began that may have changed something, and when the last call was sent.

    Each attempt reads the list before it sends. Of one that was lost in its call nobody has kept the call.
    """
    last = TrunkRequest.objects.values_list("sent_at", flat=True).get(pk=trunk_request.pk)
    if last is None:
        return None
    attempts = trunk_request.attempts.filter(started_at__gte=run, started_at__lte=last)
    begun = attempts.order_by("started_at").values_list("started_at", flat=True)
    writes = ZoomCall.objects.filter(~Q(method="GET"), ~Q(status__range=(400, 499)))
    first = begun.filter(calls__in=writes).first() or begun.last()
    return (first, last) if first else None


def _removed_by_others(trunk_request: TrunkRequest, since: datetime) -> set[str]:
    """Return what other requests that were sent `since` were to remove from the sub account."""
    theirs = Line.objects.filter(trunk_request__sub_account=trunk_request.sub_account_id)
    lately = theirs.filter(trunk_request__sent_at__gte=since).exclude(trunk_request=trunk_request)
    return set(lately.values_list("current_dnis", flat=True))


def _told(trunk_request: TrunkRequest, run: datetime) -> set[str]:
    found = trunk_request.occasions.filter(topic=Topic.LOST, at__gte=run).values_list("facts", flat=True)
    return {dnis for facts in found for dnis in facts.get(GONE, ())}
