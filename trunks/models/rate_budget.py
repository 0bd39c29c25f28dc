"""The rate budget of a master account: one row per label, shared by all workers and processes."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection, models

from trunks.compiled import prepared
from trunks.models.estate import MasterAccount, RatePlan

# Calls per second by plan and label (developers.zoom.us, "Rate limits", February 2026). No API tells an app the
# account's plan, so it is configured with the account.
RATES = {
    RatePlan.PRO: {"light": 30.0, "medium": 20.0, "heavy": 10.0},
    RatePlan.BUSINESS: {"light": 80.0, "medium": 60.0, "heavy": 40.0},
}
SHARE = 0.98  # of the limit, to begin with and at most
LEAST_SHARE = 0.2
CUT = 0.9  # what a 429 leaves of the share
CREEP = 0.01 / 60  # of the limit, regained per second without a 429
# Calls whose ways differ by `jitter` seconds need a spacing that leaves so much of each second free: what was measured,
# with a little more, as the edges lie within the extremes, and what one call in some thousand takes beyond those on a
# busy machine, which does not grow with the way: a quarter of an interval where that is more, as at a low rate fewer
# calls have been measured. Beyond the most, a long trip tells of Zoom's work and not of the way.
JITTER_MARGIN = 1.02
JITTER_SECONDS = 0.006
JITTER_INTERVALS = 0.25
MOST_JITTER = 0.16
# The spread is tracked as two edges: a sample outside moves an edge half way, by 20 ms at most, and each one inside
# draws it in a little, so that an outlier is forgotten.
EDGE_STEP = 0.02
EDGE_DECAY = 0.0003
# After a rest the first calls may leave before their turns: as many as one request of one line makes. Their turns stay
# taken, and in the second before nothing left, so that no second holds more calls than it would otherwise. The rest is
# that second, and one more for calls that left or arrived late.
EARLY_CALLS = 3
REST_SECONDS = 2.0
# No turn is taken so far ahead, and no 429 lies ahead: what says so was written before the clock was set back.
AHEAD_AT_MOST = 120.0

_WORDS = {
    "postgresql": {
        "now": "EXTRACT(EPOCH FROM clock_timestamp())::float8",
        "most": "GREATEST",
        "least": "LEAST",
        # Kept for this statement's own transaction only: a budget that forgets its last milliseconds in a crash is no
        # loss, and waiting for the disk under the row's lock would bound the calls of all.
        "soon": ", set_config('synchronous_commit', 'off', true)",
    },
    "sqlite": {
        "now": "((julianday('now') - 2440587.5) * 86400.0)",
        "most": "MAX",
        "least": "MIN",
        "soon": "",
    },
}
_NUMBERS = {
    "top": SHARE,
    "floor": LEAST_SHARE,
    "cut": CUT,
    "creep": CREEP,
    "margin": JITTER_MARGIN,
    "jitter": MOST_JITTER,
    "step": EDGE_STEP,
    "decay": EDGE_DECAY,
    "early": EARLY_CALLS,
    "rest": REST_SECONDS,
    "ahead": AHEAD_AT_MOST,
}
_SHARE_NOW = (
    "{least}({top}, share + {creep} * ({now} - limited_at),"
    " 1.0 / (1.0 + {least}({jitter}, {margin} * (slowest - quickest) + {more})))"
)
# `early` counts the calls that may still leave at once. At a rate so low that they are all of a second there are none.
_TAKE = (
    "UPDATE {table} SET turn_at = CASE WHEN early > 0 AND not_before <= {now} THEN {now}"
    " ELSE {most}(next_at, not_before, {now}) END,"
    " early = CASE WHEN {most}(turn_at, not_before) <= {now} - {rest} AND {rate} * {share_now} >= {early}"
    " THEN {early} - 1 WHEN not_before <= {now} AND early > 0 THEN early - 1 ELSE 0 END,"
    " next_at = {most}(next_at, not_before, {now}) + 1.0 / ({rate} * {share_now}){learn}"
    " WHERE master_id = %s AND label = %s AND {most}(next_at, not_before) - {now} <= %s"
    " RETURNING turn_at - {now}{soon}"
)
_LEARN = (
    ", slowest = CASE WHEN slowest = 0 THEN %s"
    " WHEN %s > slowest THEN slowest + {least}((%s - slowest) / 2, {step})"
    " ELSE slowest - (slowest - quickest) * {decay} END"
    ", quickest = CASE WHEN slowest = 0 THEN %s"
    " WHEN %s < quickest THEN quickest - {least}((quickest - %s) / 2, {step})"
    " ELSE quickest + (slowest - quickest) * {decay} END"
)
# Further 429s while a pause is in force are of the same crowd, and cut nothing more.
_PAUSE = (
    "UPDATE {table} SET"
    " share = CASE WHEN not_before > {now} THEN share ELSE {most}({floor}, {cut} * {share_now}) END,"
    " limited_at = CASE WHEN not_before > {now} THEN limited_at ELSE {now} END,"
    " not_before = {most}(not_before, {now} + %s)"
    " WHERE master_id = %s AND label = %s"
)
_LOOK = (
    "SELECT {most}(not_before - {now}, 0.0), {most}(next_at - {now}, not_before - {now}, 0.0),"
    " 1.0 / {share_now} - 1.0 FROM {table} WHERE master_id = %s AND label = %s"
)

# A pause that began before the time to which the clock was set back stays as it is.
_SET_RIGHT = (
    "UPDATE {table} SET next_at = {least}(next_at, {now}), turn_at = {least}(turn_at, {now}),"
    " not_before = CASE WHEN limited_at > {now} + 1.0 THEN 0 ELSE not_before END,"
    " limited_at = {least}(limited_at, {now}) WHERE master_id = %s AND label = %s"
    " AND (next_at > {now} + {ahead} OR limited_at > {now} + 1.0) RETURNING 1.0"
)


class NoRoom(Exception):
    """The next turn is further away than the caller would wait, `wait` seconds; none was taken."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"the next turn comes in {wait:.1f} s")
        self.wait = wait


class Trips(NamedTuple):
    """The quickest and the slowest of some round trips, in seconds."""

    quickest: float
    slowest: float


class Outlook(NamedTuple):
    """How long a pause lasts, how far away the next free turn is, and how late a call may leave; in seconds."""

    pause: float = 0.0
    wait: float = 0.0
    slack: float = 1 / SHARE - 1


class RateBudget(models.Model):
    """When the next call of a label may leave, by the database's clock, in seconds since 1970.

    GCRA: each call takes the turn `turn_at`, moves `next_at` on by one interval in one atomic UPDATE, and waits until
    its turn; after a rest, `early` calls do not wait. `not_before` is Zoom's own word, from a 429. `share` is what the
    last 429 (at `limited_at`) left of the limit; `quickest` and `slowest` are the edges of the measured round trips.
    """

    master = models.ForeignKey(MasterAccount, on_delete=models.CASCADE, related_name="+")
    label = models.CharField(max_length=10)
    next_at = models.FloatField(default=0)
    turn_at = models.FloatField(default=0)
    early = models.PositiveSmallIntegerField(default=0)
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
        cls, master: MasterAccount, label: str, *, longest: float = 1e9, trips: Trips | None = None
    ) -> float:
        """Take the next turn of `label` and return how many seconds from now it comes.

        Raises NoRoom, with nothing taken, when that is more than `longest`. `trips` are round trips that the caller
        has measured since it last asked.
        """
        slow, quick = (trips.slowest, trips.quickest) if trips else (0.0, 0.0)
        learned = [slow, slow, slow, quick, quick, quick] if trips else []
        values: list[float | int | str] = [*learned, master.pk, label, longest]
        text = cls._text(_TAKE, master, label, learn=_LEARN if trips else "")
        while (row := cls._ask(text, values)) is None:
            # Between the look and the next try others may have taken the turns, or a 429 have met somebody.
            ahead = cls.look(master, label)
            if ahead.wait > longest and not cls._ask(
                cls._text(_SET_RIGHT, master, label), [master.pk, label]
            ):
                raise NoRoom(ahead.wait)
        return max(0.0, row[0])

    @classmethod
    def pause(cls, master: MasterAccount, label: str, seconds: float) -> None:
        """Let no call of `label` leave for the next `seconds`, and slower ones after; a longer pause in force stays."""
        cls.objects.get_or_create(master=master, label=label)
        with connection.cursor() as cursor:
            cursor.execute(cls._text(_PAUSE, master, label), [seconds, master.pk, label])

    @classmethod
    def look(cls, master: MasterAccount, label: str) -> Outlook:
        """Return what is ahead for `label`, with nothing taken.

        The slack is what the spacing leaves of a second: a call that leaves later than that could crowd the calls of
        the second that follows.
        """
        row = cls._ask(cls._text(_LOOK, master, label), [master.pk, label])
        if row is None:
            cls.objects.get_or_create(master=master, label=label)
        return Outlook(*row) if row else Outlook()

    @classmethod
    def _ask(cls, text: str, values: list[float | int | str]) -> tuple[float, ...] | None:
        with prepared() as cursor:
            cursor.execute(text, values)
            row: tuple[float, ...] | None = cursor.fetchone()
        return row

    @classmethod
    def _text(cls, text: str, master: MasterAccount, label: str, *, learn: str = "") -> str:
        """Return a statement in the database's own words and our own numbers; no word of a person's is in it."""
        rate = RATES[RatePlan(master.rate_plan)][label] * master.rate_share / 100
        more = max(JITTER_SECONDS, JITTER_INTERVALS / rate)
        ours = {"table": cls._meta.db_table, "rate": f"{rate:.6f}", "more": f"{more:.6f}"}
        words = _WORDS[connection.vendor] | _NUMBERS | ours
        parts = {"share_now": _SHARE_NOW.format(**words), "learn": learn.format(**words)}
        return text.format(**words, **parts)
