"""What proves the audit trail: one digest for each day, and the checks that were made of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from trunks import seals


class AuditDigest(models.Model):
    """The digest of one UTC day, as it was signed and sent. Append-only: the database refuses changes.

    What counts is `statement`; the other columns repeat it for questions and are compared with it by every check, but
    for `made_at`, which nobody has signed.
    """

    day = models.DateField(unique=True)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    head = models.CharField(max_length=64)
    previous = models.CharField(max_length=64, unique=True)
    key = models.CharField("id of the key that signed", max_length=16, blank=True)
    statement = models.TextField()
    signature = models.CharField(max_length=100, blank=True)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["-day"]

    def __str__(self) -> str:
        return f"digest of {self.day.isoformat()}"

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    @property
    def file_name(self) -> str:
        return f"audit-{self.day.isoformat()}.json"

    @property
    def envelope(self) -> str:
        return seals.envelope(self.statement, self.signature)


class Result(models.TextChoices):
    """How a check came out."""

    PASSED = "passed", "Nothing was altered"
    FAILED = "failed", "Does not fit"
    BROKEN = "broken", "Could not be carried out"


class AuditCheckQuerySet(models.QuerySet["AuditCheck"]):
    def finished(self) -> AuditCheckQuerySet:
        return self.filter(finished_at__isnull=False)

    def carried_out(self) -> AuditCheckQuerySet:
        """Return those that came to a result: where the second place could not be read, nothing was verified."""
        return self.filter(result__in=(Result.PASSED, Result.FAILED))


class AuditCheck(models.Model):
    """One verification of the audit trail: how far it is, and what came of it.

    `position` and `hash` are where the chain was last found in order, so that a check whose worker was lost goes on
    from there; `seen_at` tells whether somebody still works on it.
    """

    full = models.BooleanField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    why = models.CharField(max_length=60, blank=True)
    asked_at = models.DateTimeField()
    under_way = models.BooleanField(default=True)
    started_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    start = models.BigIntegerField("position it began after", default=0)
    position = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)
    total = models.BigIntegerField("position of the last event when it began", default=0)
    digests = models.IntegerField("digests that were checked", default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=10, choices=Result.choices, blank=True)
    bad = models.BigIntegerField("first event that does not fit", null=True, blank=True)
    problem = models.TextField(blank=True)

    objects = AuditCheckQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["under_way"], condition=Q(under_way=True), name="one_check_of_the_trail_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind.lower()} verification {self.pk}"

    @property
    def kind(self) -> str:
        return "Full" if self.full else "Incremental"

    @property
    def events(self) -> int:
        """Return how many events were checked so far."""
        return self.position - self.start

    @property
    def wanted(self) -> int:
        return max(self.total - self.start, 0)

    @classmethod
    def running(cls) -> AuditCheck | None:
        return cls.objects.filter(under_way=True).first()

    @classmethod
    def last_carried_out(cls, *, full: bool) -> AuditCheck | None:
        return cls.objects.carried_out().filter(full=full).first()

    @classmethod
    def last_finished(cls, *, full: bool | None = None) -> AuditCheck | None:
        found = cls.objects.finished()
        return (found if full is None else found.filter(full=full)).first()

    @classmethod
    def alarm(cls) -> AuditCheck | None:
        """Return the failure that stands: the newest one that no full check has passed since.

        An incremental check that passes says nothing about what lies before it, so it ends no alarm.
        """
        passed = cls.objects.filter(full=True, result=Result.PASSED, id__gt=OuterRef("id"))
        return cls.objects.filter(~Exists(passed), result=Result.FAILED).first()
