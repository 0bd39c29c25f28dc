"""Ringing workers for requests that are due and may go on: neither stopped by people nor waiting for Zoom."""

from __future__ import annotations

from django.db.models import F, Window
from django.db.models.functions import Coalesce, RowNumber

from trunks import dispatch
from trunks.compiled import Param, Values
from trunks.models import Circuit, State, TrunkRequest, WriteStop
from trunks.models.trunk_request import TrunkRequestQuerySet

BATCH = 200
TASKS = {State.APPROVED: dispatch.PROVISION, State.UNCONFIRMED: dispatch.SETTLE}


def ready() -> TrunkRequestQuerySet:
    """Return the requests that a worker could take up now, the first of every sub account before any second one.

    Ahead of them all come changes that are halfway: their customers are without a trunk. Among equals those come first
    that have waited longest: since their time came, or since they were put here.
    """
    due = TrunkRequest.objects.due().filter(state__in=TASKS).with_halfway()
    waiting = due.exclude(master__in=Circuit.objects.open().values("master"))
    if WriteStop.current():
        waiting = waiting.exclude(state=State.APPROVED)
    since = Coalesce("next_attempt_at", "changed_at")
    # One request of a sub account is written for at a time, so that a customer's thousand would take all the places
    # and few of them go on. What is unconfirmed comes first: the others wait for it.
    # The sum keeps SQLite from walking through all requests there ever were, by its index of sub accounts.
    turn = Window(
        RowNumber(),
        partition_by=F("sub_account") + 0,
        order_by=[F("state").desc(), F("halfway").desc(), since, "id"],
    )
    return waiting.annotate(turn=turn).order_by(F("halfway").desc(), "turn", since, "id")


def ring_ready() -> int:
    """Ring for at most 200 requests that are ready, and return for how many; a broker that is down ends it."""
    rung = 0
    for pk, state in ready().values_list("pk", "state")[:BATCH]:
        if not dispatch.ring_now(TASKS[State(state)], pk):
            break
        rung += 1
    return rung


def ring_next(sub_account: int) -> None:
    """Ring for a request that waited because another was writing to the same sub account: first one halfway."""
    for (pk,) in _NEXT(sub_account=sub_account):
        dispatch.ring(dispatch.PROVISION, pk)


_NEXT = Values(
    lambda: (
        TrunkRequest.objects.due()
        .filter(sub_account=Param("sub_account"), state=State.APPROVED)
        .with_halfway()
        .order_by(F("halfway").desc(), "id")
        .values_list("pk")[:1]
    )
)
