"""The rate budget of a master account: one row per label, shared by all workers and processes."""

from __future__ import annotations

from django.db import connection, models

from trunks.models.estate import MasterAccount, RatePlan

# Calls per second by plan and label (developers.zoom.us, "Rate limits", February 2026). No API tells an app the
# account's plan, so it is configured with the account.
RATES = {
    RatePlan.PRO: {"light": 30.0, "medium": 20.0, "heavy": 10.0},
    RatePlan.BUSINESS: {"light": 80.0, "medium": 60.0, "heavy": 40.0},
}
SHARE = 0.95  # of the limit; the rest is for calls that arrive closer together than they were sent

_NOW = {
    "postgresql": "EXTRACT(EPOCH FROM clock_timestamp())",
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}
_LATEST = {"postgresql": "GREATEST", "sqlite": "MAX"}


class RateBudget(models.Model):
    """When the next call of a label may leave, by the database's clock, in seconds since 1970.

    GCRA without burst: each call moves `next_at` on by one interval in one atomic UPDATE, and waits until the moment it
    found there. `not_before` is Zoom's own word, from a 429.
    """

    master = models.ForeignKey(MasterAccount, on_delete=models.CASCADE, related_name="+")
    label = models.CharField(max_length=10)
    next_at = models.FloatField(default=0)
    not_before = models.FloatField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["master", "label"], name="one_budget_per_label"),
        ]

    def __str__(self) -> str:
        return f"{self.label} budget of {self.master_id}"

    @classmethod
    def take(cls, master: MasterAccount, label: str) -> float:
        """Take the next turn of `label` and return how many seconds from now it comes."""
        interval = 1.0 / (RATES[RatePlan(master.rate_plan)][label] * SHARE)
        row = cls._update(master, label, interval)
        if row is None:
            cls.objects.get_or_create(master=master, label=label)
            row = cls._update(master, label, interval)
        return max(0.0, row[0]) if row else 0.0

    @classmethod
    def _update(cls, master: MasterAccount, label: str, interval: float) -> tuple[float] | None:
        now, latest = _NOW[connection.vendor], _LATEST[connection.vendor]
        with connection.cursor() as cursor:
            # Nothing of a person's is in the text: table name, clock and function are ours.
            cursor.execute(
                f"UPDATE {cls._meta.db_table} SET next_at = {latest}(next_at, not_before, {now}) + %s"  # noqa: S608
                f" WHERE master_id = %s AND label = %s RETURNING next_at - %s - {now}",
                [interval, master.pk, label, interval],
            )
            row: tuple[float] | None = cursor.fetchone()
        return row

    @classmethod
    def pause(cls, master: MasterAccount, label: str, seconds: float) -> None:
        """Let no call of `label` leave for the next `seconds`; a longer pause in force stays."""
        # The row may be missing: the label's first call is still to come, and must wait as well.
        cls.objects.get_or_create(master=master, label=label)
        now, latest = _NOW[connection.vendor], _LATEST[connection.vendor]
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {cls._meta.db_table} SET not_before = {latest}(not_before, {now} + %s)"  # noqa: S608
                " WHERE master_id = %s AND label = %s",
                [seconds, master.pk, label],
            )
