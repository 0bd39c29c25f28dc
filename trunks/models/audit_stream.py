"""How far the audit trail has been streamed to where events are gathered."""

from __future__ import annotations

from django.db import models


class AuditStream(models.Model):
    """The last event that has arrived there, and who is sending. One row.

    `fence` counts those who have begun to send: only the last of them may move the position.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    failures = models.IntegerField("failures since something has last arrived", default=0)
    next_at = models.DateTimeField("not to be tried before", null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_stream_of_the_trail")]

    def __str__(self) -> str:
        return f"streamed up to {self.position}"
