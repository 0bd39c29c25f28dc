"""What has left the audit trail: one row for each month, which is where the chain goes on."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import models

from trunks import seals


class AuditArchiveQuerySet(models.QuerySet["AuditArchive"]):
    def since(self, moment: datetime) -> AuditArchive | None:
        """Return the newest archive, if events of after `moment` may be in one: then the trail is short of them."""
        return self.filter(month__gte=moment.astimezone(UTC).date().replace(day=1)).first()


class AuditArchive(models.Model):
    """The manifest of one archived month, as it was signed. Append-only: the database refuses changes.

    What counts is `statement`; the other columns repeat it for questions and are compared with it by every check.
    """

    month = models.DateField(unique=True)
    last = models.BigIntegerField(unique=True)
    head = models.CharField(max_length=64)
    statement = models.TextField()
    signature = models.CharField(max_length=100)
    made_at = models.DateTimeField()

    objects = AuditArchiveQuerySet.as_manager()

    class Meta:
        ordering = ["-month"]

    def __str__(self) -> str:
        return f"archive of {self.month:%Y-%m}"

    @property
    def envelope(self) -> str:
        return seals.envelope(self.statement, self.signature)
