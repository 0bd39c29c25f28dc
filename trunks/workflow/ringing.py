"""Ringing workers for requests that are due and may go on: neither stopped by people nor waiting for Zoom."""

from __future__ import annotations

from trunks import dispatch
from trunks.models import Circuit, State, TrunkRequest, WriteStop
from trunks.models.trunk_request import TrunkRequestQuerySet

BATCH = 200
TASKS = {State.APPROVED: dispatch.PROVISION, State.UNCONFIRMED: dispatch.SETTLE}


def ready() -> TrunkRequestQuerySet:
    """Return the requests that a worker could take up now, those that have waited longest first."""
    due = TrunkRequest.objects.due().filter(state__in=TASKS)
    waiting = due.exclude(master__in=Circuit.objects.open().values("master"))
    if WriteStop.current():
        waiting = waiting.exclude(state=State.APPROVED)
    return waiting.order_by("next_attempt_at", "id")


def ring_ready() -> int:
    """Ring for at most 200 requests that are ready, and return for how many; a broker that is down ends it."""
    rung = 0
    for pk, state in ready().values_list("pk", "state")[:BATCH]:
        if not dispatch.ring_now(TASKS[State(state)], pk):
            break
        rung += 1
    return rung
