"""The index of the audit trail: what finds a page of events quickly. Derived from the events, and made anew at will.

It is written behind the events and never in their transaction, so that it costs a change nothing. Nothing here is
evidence: the events are.
"""

from __future__ import annotations

from django.db import models

NOBODY = 0  # in place of NULL, which no unique constraint tells from another NULL


class AuditFacet(models.Model):
    """One combination of who, what, how it came out, for which master account, about which kind of object.

    There are few of them however many events there are, so what two filters have in common is known without reading
    events: where it is nothing, no facet has both.
    """

    id = models.AutoField(primary_key=True)
    actor = models.BigIntegerField(default=NOBODY)
    action = models.CharField(max_length=60)
    outcome = models.CharField(max_length=10)
    master = models.BigIntegerField(default=NOBODY)
    object_type = models.CharField(max_length=40)
    events = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["actor", "action", "outcome", "master", "object_type"],
                name="one_facet_per_combination",
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"


class AuditEntry(models.Model):
    """One event in the index. The last column of each index saves a look at the row."""

    event_id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    facet = models.ForeignKey(
        AuditFacet, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    sub_account = models.BigIntegerField(null=True)
    ip = models.CharField(max_length=45, null=True)
    text = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["facet", "event_id"], name="entry_by_facet"),
            models.Index(fields=["at", "event_id"], name="entry_by_time"),
            models.Index(
                fields=["sub_account", "event_id", "facet"],
                condition=models.Q(sub_account__isnull=False),
                name="entry_by_sub_account",
            ),
            models.Index(
                fields=["ip", "event_id", "facet"], condition=models.Q(ip__isnull=False), name="entry_by_ip"
            ),
        ]

    def __str__(self) -> str:
        return f"event {self.event_id}"


class AuditNumber(models.Model):
    """One DNIS that an event is about."""

    pk = models.CompositePrimaryKey("dnis", "event_id")
    dnis = models.CharField("DNIS", max_length=64)
    event_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.dnis} in event {self.event_id}"


class AuditIndexed(models.Model):
    """How far the index has come: the number of the last event in it. One row; its lock is the index's."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_position_of_the_index")]

    def __str__(self) -> str:
        return str(self.position)
