"""What is done by the clock besides the sweep. Beat rings for it, and where beat is not heard each worker sees to it.

Not heard is a beat that is gone, and one whose messages a worker throws away as too old because its clock is ahead.
"""

from __future__ import annotations

from django.conf import settings

from trunks import audit_index, dispatch
from trunks.models import Heartbeat, clock
from trunks.workflow import reminding, rounds, sweeping

TURN = "upkeep"
AUDIT = "keep-audit"
AUDIT_SECONDS = 600.0  # two of beat's intervals


def do() -> None:
    """Do it: end and remind of what waits too long, read what is late, and bring the index of events up to date."""
    Heartbeat.write(TURN)
    sweeping.expire_stale()
    reminding.tell()
    rounds.ring_late()
    if not Heartbeat.objects.filter(name=AUDIT, at__gt=clock.after(-AUDIT_SECONDS)).exists():
        dispatch.ring_now(dispatch.SEAL, 0)
    audit_index.catch_up()


def do_if_late() -> None:
    """Do it unless some worker has within the last two sweeps."""
    late = 2 * settings.SWEEP_SECONDS
    if Heartbeat.take_turn(TURN, every=late, ahead=late):
        do()
