"""Mending times that lie further ahead than any can have been written: the database's clock was set back.

Mending it can cost a wait and never a second effect: whatever is brought back to the present is counted from there.
"""

from __future__ import annotations

from django.conf import settings

from trunks.models import WORKING_STATES, Line, State, TrunkRequest, clock

# Longer than an unconfirmed request is put off by trouble: see `settling.backoff`.
LONGEST_PAUSE = 400.0


def mend() -> None:
    """Have no lost worker, quiet period or reading waited for until the clock has caught up."""
    working = TrunkRequest.objects.filter(state__in=WORKING_STATES)
    # A whole lease from now on: the worker's own clock, which was not set back, ends it before.
    lease = settings.LEASE_SECONDS
    working.filter(lease_until__gt=clock.after(2 * lease)).update(lease_until=clock.after(lease))
    ahead = clock.after(settings.SWEEP_SECONDS)
    working.filter(sent_at__gt=ahead).update(sent_at=clock.now())
    working.filter(absent_at__gt=ahead).update(absent_at=clock.now())
    Line.objects.filter(trunk_request__in=working, absent_at__gt=ahead).update(absent_at=clock.now())
    pause = clock.after(settings.QUIET_SECONDS + LONGEST_PAUSE)
    working.filter(state=State.UNCONFIRMED, next_attempt_at__gt=pause).update(next_attempt_at=clock.now())
