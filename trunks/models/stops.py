"""What keeps the portal from calling Zoom: people who stopped all writing, and a Zoom that does not answer."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from trunks.models.estate import MasterAccount


class WriteStop(models.Model):
    """One time that people stopped all writing to Zoom, from the stop until two of them started it again.

    It holds for all master accounts: whoever stops does not have to know where the trouble comes from.
    """

    reason = models.TextField()
    in_force = models.BooleanField(default=True)
    stopped_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    stopped_at = models.DateTimeField()
    start_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    start_asked_at = models.DateTimeField(null=True, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    started_at = models.DateTimeField(null=True, blank=True)
    by_earlier_rule = models.BooleanField(
        "ended when who stopped could still confirm the start", default=False
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["in_force"], condition=Q(in_force=True), name="one_stop_in_force"
            ),
            # The last wall behind "two people start again": it holds for scripts and shells as well.
            models.CheckConstraint(
                condition=Q(in_force=True) | Q(start_asked_by__isnull=False, started_by__isnull=False),
                name="two_people_end_a_stop",
            ),
            models.CheckConstraint(
                condition=Q(started_by=None) | ~Q(started_by=F("start_asked_by")),
                name="nobody_confirms_their_own_start",
            ),
            models.CheckConstraint(
                condition=Q(by_earlier_rule=True) | Q(started_by=None) | ~Q(started_by=F("stopped_by")),
                name="nobody_lifts_their_own_stop",
            ),
        ]

    def __str__(self) -> str:
        return f"stop of writing {self.pk}"

    @property
    def words(self) -> str:
        """Return the sentence for a request that has to wait."""
        return f"Writing to Zoom was stopped by {self.stopped_by}: {self.reason}"

    @classmethod
    def in_force_now(cls) -> models.QuerySet[WriteStop]:
        return cls.objects.filter(in_force=True)

    @classmethod
    def current(cls) -> WriteStop | None:
        """Return the stop in force, with its people, or None while writing is allowed."""
        return cls.in_force_now().select_related("stopped_by", "start_asked_by").first()


class CircuitQuerySet(models.QuerySet["Circuit"]):
    def open(self) -> CircuitQuerySet:
        return self.filter(opened_at__isnull=False)

    def troubled(self) -> CircuitQuerySet:
        """Return the circuits that a good call would change something about."""
        return self.filter(Q(failures__gt=0) | Q(opened_at__isnull=False) | Q(refused_at__isnull=False))


class Circuit(models.Model):
    """How calls for one master account have gone lately: the failed ones in a row, and the last refusal of credentials.

    While `opened_at` is set the circuit is open: workers leave the account's requests alone until a probe gets through.
    """

    master = models.OneToOneField(MasterAccount, on_delete=models.CASCADE, related_name="circuit")
    failures = models.PositiveIntegerField("failed calls in a row", default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    problem = models.TextField("what Zoom, or the network, last said", blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    probes = models.PositiveIntegerField(default=0)
    next_probe_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField("when Zoom refused the credentials", null=True, blank=True)
    refusal = models.TextField(blank=True)

    objects = CircuitQuerySet.as_manager()

    def __str__(self) -> str:
        return f"circuit of {self.master_id}"
