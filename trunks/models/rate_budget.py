"""The rate budget of a master account: one row per label, shared by all workers and processes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from django.db import connection, models

from trunks.asking import ask
from trunks.models.estate import MasterAccount, RatePlan

# Calls per second by plan and label (developers.zoom.us, "Rate limits", February 2026). No API tells an app the
# account's plan, so it is configured with the account. For access tokens Zoom names no limit: this one is far above
# what one process at a time asks for, so that only a 429 keeps anybody waiting.
TOKENS = "token"
RATES = {
    RatePlan.PRO: {"light": 30.0, "medium": 20.0, "heavy": 10.0, TOKENS: 10.0},
    RatePlan.BUSINESS: {"light": 80.0, "medium": 60.0, "heavy": 40.0, TOKENS: 10.0},
}
MOST_PLACES = 80
SHARE = 0.98  # of the limit, to begin with and at most
LEAST_SHARE = 0.2
CUT = 0.9  # what a 429 leaves of the share
CREEP = 0.01 / 60  # of the limit, regained per second without a 429
# A call holds its place in the sliding second until a second after the moment by which Zoom has certainly counted it.
# Its answer tells that moment. Until then it is held for a second and the spread of the ways: what was measured, with a
# little more, as the edges lie within the extremes, and what one call in some thousand takes beyond those on a busy
# machine, which does not grow with the way: a quarter of an interval where that is more, as at a low rate fewer calls
# have been measured. Beyond the most, a long trip tells of Zoom's work and not of the way.
JITTER_MARGIN = 1.02
JITTER_SECONDS = 0.006
JITTER_INTERVALS = 0.25
MOST_JITTER = 0.16
# The quickest of the ways is tracked: it lies above the very quickest by some hundredths of the spread, and a little.
ANSWER_MARGIN = 0.05
ANSWER_SECONDS = 0.003
# The quickest of a few may lie far above it, and a place be free too early by as much: from what so many calls took at
# the beginning nothing is taken off, so that their places are kept for a second after their answers.
FEW_CALLS = 100
# The spread is tracked as two edges, and each sample inside draws them in a little, so that an outlier is forgotten. A
# slower one moves its edge half way, by 20 ms at most. A quicker one is believed at once: no way is quicker than it is.
EDGE_STEP = 0.02
EDGE_DECAY = 0.0003
# So many calls may leave at once after a rest, as many as one request of one line makes or a tenth of a second's, and
# so far may they catch up with the pace when places became free late or nobody was waiting for a moment. What keeps
# a second from holding too many are the places, not the pace.
BURST_CALLS = 3
BURST_SECONDS = 0.1
# No turn is taken so far ahead of the end of a pause, and no 429 lies ahead: what says so was written before the clock
# was set back.
AHEAD_AT_MOST = 120.0

_WORDS = {
    "postgresql": {
        "now": "EXTRACT(EPOCH FROM clock_timestamp())::float8",
        "most": "GREATEST",
        "least": "LEAST",
        "place": "COALESCE((places ->> ({of} %% {size})::int)::float8, 0)",
        "put": "jsonb_set({places}, ARRAY[({of} %% {size})::text], to_jsonb({until}))",
        # Kept for this statement's own transaction only: a budget that forgets its last milliseconds in a crash is no
        # loss, and waiting for the disk under the row's lock would bound the calls of all.
        "soon": ", set_config('synchronous_commit', 'off', true)",
    },
    "sqlite": {
        "now": "((julianday('now') - 2440587.5) * 86400.0)",
        "most": "MAX",
        "least": "MIN",
        "place": "COALESCE(json_extract(places, '$[' || ({of} %% {size}) || ']'), 0)",
        "put": "json_set({places}, '$[' || ({of} %% {size}) || ']', {until})",
        "soon": "",
    },
}
_NUMBERS: dict[str, str | float] = {
    "top": SHARE,
    "floor": LEAST_SHARE,
    "cut": CUT,
    "creep": CREEP,
    "margin": JITTER_MARGIN,
    "jitter": MOST_JITTER,
    "step": EDGE_STEP,
    "decay": EDGE_DECAY,
    "ahead": AHEAD_AT_MOST,
    "answer": ANSWER_SECONDS,
    "answer_margin": ANSWER_MARGIN,
    "few": FEW_CALLS,
    "free": json.dumps([0] * MOST_PLACES),
}
# What the statements are made of, each of what stands before it.
_PARTS = {
    "share_now": "{least}({top}, share + {creep} * ({now} - limited_at))",
    "interval": "(1.0 / ({rate} * {share_now}))",
    "catch_up": "({burst} * {interval})",
    # How much later than the quickest a call may be counted, before its answer has told.
    "spare": "{most}(1.0 / {top} - 1.0, {least}({jitter}, {margin} * (slowest - quickest) + {more}))",
    "turn": "{most}({now}, not_before, next_at - {catch_up}, {place_of_number})",
    "quickest_way": "(CASE WHEN number < {few} THEN 0.0 ELSE quickest END)",
    # How long the place of a call is kept: of an earlier one that was answered, and of this one.
    # An answer of before the clock was set back must not keep it until the clock has caught up.
    "until_answered": (
        "{least}({now} + {jitter}, %(turn_at)s + {least}({jitter}, {most}(%(seconds)s - {quickest_way}, 0.0))"
        " + {answer} + {answer_margin} * (slowest - quickest)) + {window}"
    ),
    "until_expected": "{turn} + {spare} + {window}",
}
# An answer frees its call's place, unless another call has that already.
_FREED = "CASE WHEN number < %(number)s + {size} THEN {put} ELSE places END"
_TAKE = (
    "UPDATE {table} SET turn_at = {turn}, number = number + 1,"
    " next_at = {most}(next_at, {turn}) + {interval}, places = {taken}{learn}"
    " WHERE {this} AND {turn} - {now} <= %(longest)s"
    " RETURNING turn_at - {now}, turn_at, number - 1{soon}"
)
_LEARN = (
    ", slowest = CASE WHEN slowest = 0 THEN %(slow)s"
    " WHEN %(slow)s > slowest THEN slowest + {least}((%(slow)s - slowest) / 2, {step})"
    " ELSE slowest - (slowest - quickest) * {decay} END"
    ", quickest = CASE WHEN slowest = 0 THEN %(quick)s"
    " WHEN %(quick)s < quickest THEN %(quick)s"
    " ELSE quickest + (slowest - quickest) * {decay} END"
)
# Further 429s while a pause is in force are of the same crowd, and cut nothing more. After it the pace begins anew.
_PAUSE = (
    "UPDATE {table} SET"
    " share = CASE WHEN not_before > {now} THEN share ELSE {most}({floor}, {cut} * {share_now}) END,"
    " limited_at = CASE WHEN not_before > {now} THEN limited_at ELSE {now} END,"
    " not_before = {most}(not_before, {now} + %(seconds)s),"
    " next_at = {most}(next_at, {now} + %(seconds)s + {catch_up} / {cut})"
    " WHERE {this} RETURNING 1.0"
)
_LOOK = "SELECT {most}(not_before - {now}, 0.0), {turn} - {now}, {spare} FROM {table} WHERE {this}"

# A pause that began before the time to which the clock was set back stays as it is.
_SET_RIGHT = (
    "UPDATE {table} SET next_at = {least}(next_at, {now}), turn_at = {least}(turn_at, {now}), places = '{free}',"
    " not_before = CASE WHEN limited_at > {now} + 1.0 THEN 0 ELSE not_before END,"
    " limited_at = {least}(limited_at, {now}) WHERE {this}"
    " AND (next_at > {most}({now}, not_before) + {ahead} OR limited_at > {now} + 1.0) RETURNING 1.0"
)


@cache
def _statement(
    text: str, vendor: str, rate: float, table: str, *, learn: bool = False, counted: bool = False
) -> str:
    """Return a statement in the database's own words and our own numbers; no word of a person's is in it."""
    size = math.ceil(rate)
    words: dict[str, str | float] = {**_WORDS[vendor], **_NUMBERS}
    place, put = str(words["place"]), str(words["put"])
    words |= {"table": table, "this": "master_id = %(master)s AND label = %(label)s"}
    words |= {"rate": f"{rate:.6f}", "size": size, "window": f"{size / rate:.6f}"}
    words["more"] = f"{max(JITTER_SECONDS, JITTER_INTERVALS / rate):.6f}"
    words["burst"] = f"{max(BURST_CALLS, rate * BURST_SECONDS) - 1:.6f}"
    words["place_of_number"] = place.format(of="number", size=size)
    for name, part in _PARTS.items():
        words[name] = part.format(**words)
    words["learn"] = _LEARN.format(**words) if learn else ""
    places = "places"
    if counted:
        earlier = put.format(places=places, of="%(number)s", size=size, until=words["until_answered"])
        places = _FREED.format(size=size, put=earlier)
    words["taken"] = put.format(places=places, of="number", size=size, until=words["until_expected"])
    return text.format(**words)


class NoRoom(Exception):
    """The next turn is further away than the caller would wait, `wait` seconds; none was taken."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"the next turn comes in {wait:.1f} s")
        self.wait = wait


class Trips(NamedTuple):
    """The quickest of some round trips and the slowest, with how late its call left, in seconds."""

    quickest: float
    slowest: float


class Outlook(NamedTuple):
    """How long a pause lasts, how far away the next free turn is, and how late a call may leave; in seconds."""

    pause: float = 0.0
    wait: float = 0.0
    slack: float = 1 / SHARE - 1


class Turn(NamedTuple):
    """The turn of a call: how many seconds from now it comes (below zero if just now), when that is, and its number."""

    wait: float
    at: float
    number: int


class Counted(NamedTuple):
    """By when Zoom had certainly counted the call of a turn: it was answered `seconds` after `turn_at`."""

    number: int
    turn_at: float
    seconds: float


def no_places() -> list[float]:
    return [0.0] * MOST_PLACES


class RateBudget(models.Model):
    """When the next call of a label may leave, by the database's clock, in seconds since 1970.

    A sliding second holds so many calls as there are places. The call of turn `number` takes the place of that number,
    counted round, and `places` holds until when each is taken: a second after Zoom has certainly counted its call.
    GCRA sets the pace: each call takes the turn `turn_at` and moves `next_at` on by one interval, all in one atomic
    UPDATE, and waits until its turn. `not_before` is Zoom's own word, from a 429. `share` is what the last 429 (at
    `limited_at`) left of the limit; `quickest` and `slowest` are the edges of the measured round trips.
    """

    master = models.ForeignKey(MasterAccount, on_delete=models.CASCADE, related_name="+")
    label = models.CharField(max_length=10)
    next_at = models.FloatField(default=0)
    turn_at = models.FloatField(default=0)
    number = models.PositiveBigIntegerField(default=0)
    places = models.JSONField(default=no_places)
    not_before = models.FloatField(default=0)
    share = models.FloatField(default=SHARE)
    limited_at = models.FloatField(default=0)
    quickest = models.FloatField(default=0)
    slowest = models.FloatField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["master", "label"], name="one_budget_per_label"),
        ]

    def __str__(self) -> str:
        return f"{self.label} budget of {self.master_id}"

    @classmethod
    def take(
        cls,
        master: MasterAccount,
        label: str,
        *,
        longest: float = 1e9,
        trips: Trips | None = None,
        counted: Counted | None = None,
    ) -> Turn:
        """Take the next turn of `label`.

        Raises NoRoom, with nothing taken, when that is more than `longest` seconds away. `trips` are round trips that
        the caller has measured since it last asked, and `counted` is a call of its own that was answered since.
        """
        values = {"longest": longest}
        values |= {"quick": trips.quickest, "slow": trips.slowest} if trips else {}
        values |= counted._asdict() if counted else {}
        kinds = {"learn": bool(trips), "counted": bool(counted)}
        while (row := cls._ask(_TAKE, master, label, values, **kinds)) is None:
            # Between the look and the next try others may have taken the turns, or a 429 have met somebody.
            ahead = cls.look(master, label)
            if ahead.wait > longest and not cls._ask(_SET_RIGHT, master, label, {}):
                raise NoRoom(ahead.wait)
        wait, at, number = row[:3]
        return Turn(wait, at, int(number))

    @classmethod
    def pause(cls, master: MasterAccount, label: str, seconds: float) -> None:
        """Let no call of `label` leave for the next `seconds`, and slower ones after; a longer pause in force stays."""
        cls.objects.get_or_create(master=master, label=label)
        cls._ask(_PAUSE, master, label, {"seconds": seconds})

    @classmethod
    def look(cls, master: MasterAccount, label: str) -> Outlook:
        """Return what is ahead for `label`, with nothing taken.

        The slack is how late a place expects its call to be counted: one that leaves later than that could crowd the
        calls of the second that follows.
        """
        row = cls._ask(_LOOK, master, label, {})
        if row is None:
            cls.objects.get_or_create(master=master, label=label)
        return Outlook(*row) if row else Outlook()

    @classmethod
    def _ask(
        cls, text: str, master: MasterAccount, label: str, values: Mapping[str, float | str], **kinds: bool
    ) -> tuple[float, ...] | None:
        rate = RATES[RatePlan(master.rate_plan)][label] * master.rate_share / 100
        rows: list[tuple[float, ...]] = ask(
            _statement(text, connection.vendor, rate, cls._meta.db_table, **kinds),
            {"master": master.pk, "label": label} | dict(values),
        )
        return rows[0] if rows else None
