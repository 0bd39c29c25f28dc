"""Waiting for a turn in a master account's rate budget, and telling the budget what the calls met."""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings

from trunks.models import MasterAccount, NoRoom, RateBudget, Trips
from trunks.zoom.errors import HeldBack, RateLimited
from trunks.zoom.retry_after import believed
from trunks.zoom.types import Call, Label

logger = logging.getLogger(__name__)

# A turn that was missed by more is given up for another: a worker that was stopped must not break in on the others.
LATE_SECONDS = 0.010
# How long before its turn a call looks whether a 429 has met somebody meanwhile.
LAST_LOOK_SECONDS = 0.004


@dataclass(frozen=True)
class Urgency:
    """Who goes first: a turn is taken only when it is at most `reach` seconds away.

    Whoever finds it further away asks again for `patience` (in deadlines of a call), and reaches a tenth of a second
    further for each second of waiting, lest a busy day keep it waiting for ever. Without patience it gives up.
    """

    reach: float
    patience: float = 0.0

    @property
    def patience_seconds(self) -> float:
        return self.patience * settings.HTTP_DEADLINE_SECONDS


INTERACTIVE = Urgency(reach=2.0)
# The usual pause after a 429 is waited out with the claim held; a longer one gives the request back.
WORK = Urgency(reach=4.0)
# Leaves the next turns to people and to work that somebody has approved.
BATCH = Urgency(reach=0.15, patience=2)

# The round trips that this process has measured since it last asked for a turn.
_measured: dict[tuple[int, Label], Trips] = {}


class Turns:
    """The turns of one client; without a master account, of one that nobody knows yet, there is nothing to wait for."""

    def __init__(self, master: MasterAccount | None, urgency: Urgency) -> None:
        self._master = master
        self._urgency = urgency

    def wait(self, label: Label) -> None:
        """Return when it is the caller's turn. Raises HeldBack when that is not soon enough.

        Call it outside of any transaction.
        """
        if self._master is None:
            return
        begun = time.monotonic()
        while True:
            turn = self._take(self._master, label, begun)
            waited = time.monotonic() - begun
            if _reached(self._master, label, turn) or waited > max(self._urgency.reach, 1):
                return

    def learn(self, call: Call) -> None:
        """Note how long the call was on its way; a write has a connection to make first, which would blur that."""
        if self._master is None or call.method != "GET" or call.status != 200:
            return
        measured(self._master, call.label, call.duration_ms / 1000)

    def brake(self, label: Label, error: RateLimited) -> None:
        """Silence all calls of `label`, of all processes, until the time that Zoom's 429 names."""
        if self._master is not None:
            slow_down(self._master, label, believed(error.retry_at, daily=error.daily))

    def _take(self, master: MasterAccount, label: Label, begun: float) -> float:
        """Take a turn within reach and return it as a moment of the monotonic clock."""
        while True:
            waited = time.monotonic() - begun
            reach = self._urgency.reach + (waited / 10 if self._urgency.patience else 0)
            try:
                trips = _measured.pop((master.pk, label), None)
                return time.monotonic() + RateBudget.take(master, label.value, longest=reach, trips=trips)
            except NoRoom as error:
                if waited + error.wait - reach > self._urgency.patience_seconds:
                    raise _held_back(label, error.wait) from error
                # Up to a fifth more, so that those who wait do not all ask at once.
                time.sleep(min(error.wait - reach, 1.0) * random.uniform(1, 1.2) + 0.01)  # noqa: S311  # no secret


def measured(master: MasterAccount, label: Label, seconds: float) -> None:
    """Keep a round trip for the budget, which is told with the next call of this process."""
    before = _measured.get((master.pk, label), Trips(seconds, seconds))
    _measured[master.pk, label] = Trips(min(before.quickest, seconds), max(before.slowest, seconds))


def slow_down(master: MasterAccount, label: Label, seconds: float) -> None:
    """Let no call of `label` leave for `master` from any process for `seconds`: Zoom has answered 429."""
    logger.warning("%s: Zoom answered 429; no %s call for %.1f s.", master, label, seconds)
    RateBudget.pause(master, label.value, seconds)


def _reached(master: MasterAccount, label: Label, turn: float) -> bool:
    """Sleep until `turn` and say whether it still holds: nobody was told to pause, and it was not missed."""
    if (left := turn - time.monotonic() - LAST_LOOK_SECONDS) > 0:
        time.sleep(left)
        if RateBudget.paused(master, label.value) > 0:
            return False
    time.sleep(max(0.0, turn - time.monotonic()))
    return time.monotonic() - turn <= LATE_SECONDS


def _held_back(label: Label, wait: float) -> HeldBack:
    at = datetime.now(UTC) + timedelta(seconds=wait)
    return HeldBack(f"the next turn is at {at:%H:%M:%S} UTC", retry_at=at, category=label.value)
