"""The sweep: finds claims whose lease ran out and work that nobody took, and rings.

It runs in beat and in each worker, so that the loss of either stops nothing.
"""

from __future__ import annotations

from django.conf import settings
from django.db.models import F

from trunks import audit
from trunks.actions import Action
from trunks.models import Attempt, Heartbeat, MasterAccount, State, Step, TrunkRequest, clock
from trunks.models.trunk_request import TrunkRequestQuerySet
from trunks.workflow import (
    attention,
    checks,
    digest,
    permits,
    preparing,
    probing,
    sealing,
    set_back,
    spreading,
    streaming,
    waiting,
)
from trunks.workflow.errors import Stale
from trunks.workflow.filing import release_holds
from trunks.workflow.ringing import ring_ready
from trunks.workflow.settling import backoff
from trunks.workflow.transitions import move

BATCH = 200
TURN = "sweep"


def sweep_in_turn() -> int:
    """Sweep, unless another process began to within the last four fifths of an interval; return how many rings.

    Each worker and beat call this in every interval, and one of them sweeps: otherwise all of them would ring for the
    same thousands of requests. If that one dies, the sweep's work is delayed by one interval.
    """
    every = settings.SWEEP_SECONDS
    return sweep() if Heartbeat.take_turn(TURN, every=0.8 * every, ahead=every) else 0


def sweep() -> int:
    """Take back abandoned claims and ring for everything that is due, at most 200 of each; return how many rings.

    Requests come first: a fault with letters or digests must not keep them waiting.
    """
    set_back.mend()
    for pk in _abandoned().order_by("lease_until").values_list("pk", flat=True)[:BATCH]:
        take_back(pk)
    _put_off_lost_readers()
    rung = ring_ready()
    attention.ask_people()
    attention.alarm_of_halfway()
    probing.ring_probes()
    digest.make_due()
    spreading.ring_lost()
    sealing.ring_due()
    checks.ring_lost()
    streaming.ring_due()
    preparing.look_after()
    return rung


def take_back(pk: int) -> None:
    """End a claim whose holder let the lease run out; the higher fence shuts the holder out, should it wake up.

    The row is read again under its lock: the holder may have been stopped inside the transaction of its intent, and
    what looked unsent before that was committed is not.
    """
    with audit.change():
        mine = _abandoned().filter(pk=pk).with_names().select_for_update(of=("self",), no_key=True)
        if trunk_request := mine.first():
            _take_back(trunk_request)


def _abandoned() -> TrunkRequestQuerySet:
    return TrunkRequest.objects.filter(state=State.APPLYING, lease_until__lt=clock.now())


def _take_back(trunk_request: TrunkRequest) -> None:
    sending = trunk_request.step == Step.SENDING
    shut_out = {"fence": F("fence") + 1, "lease_until": None, "step": Step.NONE, "absent_at": None}
    pause, again = _after_losses(trunk_request.pk)
    if sending:
        words = f"The worker was lost after it may have sent something. {again}".strip()
        to, action, wait = (
            State.UNCONFIRMED,
            Action.PROVISIONING_UNCONFIRMED,
            max(trunk_request.quiet_left, pause),
        )
    else:
        words = f"The worker was lost before it sent anything. {again}".strip()
        to, action, wait = State.APPROVED, Action.PROVISIONING_RELEASED, pause
    asked = trunk_request.needs_attention  # people, before this claim
    changes = shut_out | {
        "next_attempt_at": clock.after(wait),
        "waiting_for": words,
        "needs_attention": asked,
    }
    move(trunk_request, to, action, actor=None, why="lease ran out", comment=words, changes=changes)
    if not sending:
        permits.unspend(trunk_request)


def _put_off_lost_readers() -> None:
    """Have what was being read when the worker was lost read again, later and later if it is lost again and again."""
    lost = TrunkRequest.objects.filter(state=State.UNCONFIRMED, lease_until__lt=clock.now())
    for trunk_request in lost.order_by("lease_until")[:BATCH]:
        pause, again = _after_losses(trunk_request.pk)
        words = f"The worker was lost while it read Zoom's list. {again}".strip()
        lost.filter(pk=trunk_request.pk, fence=trunk_request.fence).update(
            lease_until=None, next_attempt_at=clock.after(pause), waiting_for=words
        )


def _after_losses(pk: int) -> tuple[float, str]:
    """Return how long the request waits now that a worker was lost with it, in seconds, and what to tell people.

    The first loss is a kill or a deployment, and costs no wait. Further ones point to a fault of ours that this request
    triggers each time: it must not keep the workers busy, and nobody should look for the cause at Zoom.
    """
    losses = Attempt.objects.filter(trunk_request=pk, ended_at=None).count()
    if losses < 2:
        return 0.0, ""
    return backoff(losses - 2), f"That has happened {losses} times; the workers' log says why."


def expire_stale() -> None:
    """End what nobody has decided on or amended for EXPIRY_DAYS business days, so that its DNIS are free again."""
    states = (State.PENDING, State.SENT_BACK)
    # Business days pass no quicker than the calendar's; an hour for the night in which the clocks change.
    since = clock.after(-settings.EXPIRY_DAYS * 86400 + 3600)
    stale = TrunkRequest.objects.filter(state__in=states, changed_at__lt=since)
    for trunk_request in stale.with_names().order_by("changed_at")[:BATCH]:
        if waiting.is_over(trunk_request):
            _expire(trunk_request)


def _expire(trunk_request: TrunkRequest) -> None:
    words = f"Nobody acted on it for {settings.EXPIRY_DAYS:g} business days."
    try:
        with audit.change():
            move(
                trunk_request,
                State.EXPIRED,
                Action.REQUEST_EXPIRED,
                actor=None,
                why="expiry",
                comment=words,
            )
            release_holds(trunk_request)
    except Stale:
        return


def wake(master: MasterAccount) -> None:
    """Let requests of `master` that wait for Zoom be tried at once, because its credentials were mended."""
    stuck = TrunkRequest.objects.put_off().filter(master=master, state=State.APPROVED)
    stuck.update(next_attempt_at=clock.now())
    sweep()
