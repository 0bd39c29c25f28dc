"""Waiting for a turn in a master account's rate budget, and telling the budget what the calls met."""

from __future__ import annotations

import logging
import math
import random
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings

from trunks.models import Counted, MasterAccount, NoRoom, Outlook, RateBudget, Trips, Turn
from trunks.zoom.errors import HeldBack, RateLimited
from trunks.zoom.meanwhile import idle
from trunks.zoom.types import Call, Label

logger = logging.getLogger(__name__)

# How long before its turn a call looks whether a 429 has met somebody meanwhile.
LAST_LOOK_SECONDS = 0.004
# More than the threads of a process have under way; of older ones the places are free by now.
COUNTED_AT_MOST = 32
# On a machine so busy that one turn after the other is missed, a late call is better than none.
MISSING_SECONDS = 1.0


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
# Its calls that were answered meanwhile and of which the budget does not know yet. It is told of one with each turn.
_counted: defaultdict[tuple[int, Label], deque[Counted]] = defaultdict(lambda: deque(maxlen=COUNTED_AT_MOST))


class DatabaseClock:
    """When the database's clock shows something, by this process's monotonic one: between two moments."""

    def __init__(self) -> None:
        self._ahead = (-math.inf, math.inf)

    def learn(self, asked: float, shown: float, answered: float) -> None:
        """Take note that it showed `shown` at some moment between `asked` and `answered`.

        What all answers agree on counts, so that a row or a processor that was waited for blurs nothing. When they no
        longer agree a clock was set or has drifted, and the last one counts.
        """
        earliest, latest = asked - shown, answered - shown
        low, high = max(self._ahead[0], earliest), min(self._ahead[1], latest)
        self._ahead = (low, high) if low <= high else (earliest, latest)

    def span(self, shown: float) -> tuple[float, float]:
        """Return the moments between which it shows `shown`."""
        low, high = self._ahead
        return shown + low, shown + high


_clock = DatabaseClock()


class Turns:
    """The turns of one client; without a master account, of one that nobody knows yet, there is nothing to wait for."""

    def __init__(self, master: MasterAccount | None, urgency: Urgency) -> None:
        self._master = master
        self._urgency = urgency
        self._turn = Turn(0.0, 0.0, 0)
        self._came = (0.0, 0.0)  # when that turn came: between these moments

    def wait(self, label: Label) -> None:
        """Return when it is the caller's turn. Raises HeldBack when that is not soon enough.

        Call it outside of any transaction.
        """
        if self._master is None:
            return
        begun, missing_since = time.monotonic(), math.inf
        while True:
            self._turn = self._take(self._master, label, begun)
            self._came = earliest, latest = _clock.span(self._turn.at)
            slack = _sleep_until(latest, self._master, label)
            now = time.monotonic()
            if slack is not None and (now - earliest <= slack or now - missing_since > MISSING_SECONDS):
                return
            # A turn that was missed is given up for another: a worker that was stopped must not break in on others.
            if slack is not None:
                missing_since = min(missing_since, now)

    def learn(self, call: Call) -> None:
        """Note how long after its turn the call was answered, if it was.

        Of how much the ways differ writes tell nothing: they have a connection to make first, which would blur that.
        Nor do answers that may have come while something else was done.
        """
        if call.heard is not None:
            usual = call.method == "GET" and call.status == 200 and not call.busy
            self.answered(call.label, call.left, call.heard, usual=usual)

    def answered(self, label: Label, left: float, heard: float, *, usual: bool = True) -> None:
        """Note when the call of the last turn left and when it was answered; a usual one tells of the way."""
        if self._master is None:
            return
        # From its turn on: what was asked of the database before it left counts as well.
        earliest, latest = self._came
        counted = Counted(self._turn.number, self._turn.at, heard - earliest)
        _counted[self._master.pk, label].append(counted)
        if usual:
            _measure(self._master, label, Trips(heard - left, heard - latest))

    def brake(self, label: Label, error: RateLimited) -> None:
        """Silence all calls of `label`, of all processes, until the time that Zoom's 429 names."""
        if self._master is not None:
            slow_down(self._master, label.value, error.wait)

    def _take(self, master: MasterAccount, label: Label, begun: float) -> Turn:
        """Take a turn within reach."""
        while True:
            waited = time.monotonic() - begun
            reach = self._urgency.reach + (waited / 10 if self._urgency.patience else 0)
            try:
                trips, counted = _measured.pop((master.pk, label), None), _next_counted(master, label)
                asked = time.monotonic()
                turn = RateBudget.take(master, label.value, longest=reach, trips=trips, counted=counted)
                _clock.learn(asked, turn.at - turn.wait, time.monotonic())
                return turn
            except NoRoom as error:
                if waited + error.wait - reach > self._urgency.patience_seconds:
                    raise held_back(label.value, error.wait) from error
                if idle():
                    continue
                # Up to a fifth more, so that those who wait do not all ask at once.
                time.sleep(min(error.wait - reach, 1.0) * random.uniform(1, 1.2) + 0.01)  # noqa: S311  # no secret


def _measure(master: MasterAccount, label: Label, trips: Trips) -> None:
    """Keep round trips for the budget, which is told with the next call of this process."""
    before = _measured.get((master.pk, label), trips)
    _measured[master.pk, label] = Trips(
        min(before.quickest, trips.quickest), max(before.slowest, trips.slowest)
    )


def _next_counted(master: MasterAccount, label: Label) -> Counted | None:
    try:
        return _counted[master.pk, label].popleft()
    except IndexError:
        return None


def slow_down(master: MasterAccount, label: str, seconds: float) -> None:
    """Let no call of `label` leave for `master` from any process for `seconds`: Zoom has answered 429."""
    logger.warning("%s: Zoom answered 429; no %s call for %.1f s.", master, label, seconds)
    RateBudget.pause(master, label, seconds)


def _sleep_until(turn: float, master: MasterAccount, label: Label) -> float | None:
    """Sleep until `turn` and return how late the call may leave, or None when all were told to pause meanwhile."""
    ahead = Outlook()
    if turn - time.monotonic() > LAST_LOOK_SECONDS:
        idle()
    if (left := turn - time.monotonic() - LAST_LOOK_SECONDS) > 0:
        time.sleep(left)
        ahead = RateBudget.look(master, label.value)
        if ahead.pause > 0:
            return None
    if (left := turn - time.monotonic()) > 0:
        time.sleep(left)
    return ahead.slack


def held_back(label: str, wait: float) -> HeldBack:
    """Return what says that no call of `label` leaves for `wait` seconds."""
    at = datetime.now(UTC) + timedelta(seconds=wait)
    return HeldBack(f"the next turn is at {at:%H:%M:%S} UTC", retry_at=at, category=label)
