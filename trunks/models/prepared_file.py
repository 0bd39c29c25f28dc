"""Exports of the audit trail that a worker prepares, and that whoever asked takes within a day."""

from __future__ import annotations

from urllib.parse import parse_qsl

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Ending(models.TextChoices):
    """How the preparing of a file came out."""

    READY = "ready", "Ready"
    FAILED = "failed", "Could not be prepared"


class PreparedFile(models.Model):
    """One export as it is being prepared: for whom, of what, how far it is, and until when it is kept.

    `fence` counts the workers that took it up; only the last may write. `scope` are the master accounts whose trail
    the person may read (None is all): when that has changed, the file is nobody's any more.
    """

    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    asked_at = models.DateTimeField()
    format = models.CharField(max_length=10)
    asked = models.TextField("filters, as they stand in the address", blank=True)
    filters = models.JSONField("filters, as they are understood", default=dict)
    scope = models.JSONField(null=True)
    upto = models.BigIntegerField("last event it may hold")
    position = models.BigIntegerField("last event that is in it", default=0)
    hash = models.CharField(max_length=64, blank=True)
    first = models.BigIntegerField(default=0)
    events = models.BigIntegerField(default=0)
    size = models.BigIntegerField("bytes that are kept", default=0)
    parts = models.IntegerField(default=0)
    under_way = models.BooleanField(default=True)
    fence = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=10, choices=Ending.choices, blank=True)
    problem = models.TextField(blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["asked_by"], condition=Q(under_way=True), name="one_file_in_preparation_each"
            ),
        ]

    def __str__(self) -> str:
        return f"prepared file {self.pk}"

    @property
    def name(self) -> str:
        ending = "zip" if self.format == "csv" else "jsonl"
        return f"audit-{self.asked_at:%Y-%m-%d-%H%M%S}.{ending}"

    @property
    def asked_words(self) -> str:
        """Return the filters as people read them."""
        return ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in parse_qsl(self.asked))

    @property
    def is_over(self) -> bool:
        """Say whether its day has ended; the sweep removes it soon."""
        return self.expires_at is not None and self.expires_at <= timezone.now()


class FilePart(models.Model):
    """Some lines of a prepared file, compressed. In the database, which web and worker share wherever they run."""

    file = models.ForeignKey(PreparedFile, on_delete=models.CASCADE, related_name="pieces")
    number = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["file", "number"], name="one_part_per_number"),
        ]

    def __str__(self) -> str:
        return f"part {self.number} of {self.file_id}"
