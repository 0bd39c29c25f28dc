"""Where other systems are told of what happens, and each delivery to them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from trunks.models import clock
from trunks.models.fields import EncryptedTextField
from trunks.models.notice import Occasion, Sending, Topic

# What another system is told of, in words that are not those of one person. The morning mail and the portal's own
# troubles are for people.
HOOK_WORDS = {
    Topic.ASKED: "A request waits for a decision",
    Topic.REMINDER: "A request still waits for a decision",
    Topic.ESCALATED: "Nobody has decided on a request in time",
    Topic.DECIDED: "A request was approved, denied, sent back or withdrawn, or expired",
    Topic.SETTLED: "A request was carried out, or could not be",
    Topic.UNSETTLED: "A request comes to no end: people have to look",
    Topic.LOST: "A customer has lost a trunk",
}
HOOK_TOPICS = tuple(HOOK_WORDS)


class Webhook(models.Model):
    """An address that is told of chosen topics, with the secret that its deliveries are signed with."""

    name = models.CharField(max_length=80, unique=True)
    url = models.CharField(max_length=500)
    topics = models.JSONField(default=list)
    secret = EncryptedTextField()
    is_active = models.BooleanField(default=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    failing_since = models.DateTimeField("first failure since it last worked", null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def topic_labels(self) -> list[str]:
        return [words for topic, words in HOOK_WORDS.items() if topic.value in self.topics]


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self) -> DeliveryQuerySet:
        """Return what could be sent now: its time has come, no worker holds it, and its webhook is on."""
        now = self.filter(clock.unleased(), sending=Sending.WAITING, next_attempt_at__lte=clock.now())
        return now.filter(webhook__is_active=True).order_by("id")


class Delivery(models.Model):
    """One event on its way to one webhook. `body` is what is sent, the same at every try, byte for byte."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    occasion = models.ForeignKey(Occasion, on_delete=models.SET_NULL, null=True, related_name="+")
    event_id = models.CharField(max_length=36, unique=True)
    kind = models.CharField(max_length=60)
    body = models.TextField()
    sending = models.CharField(max_length=10, choices=Sending.choices, default=Sending.WAITING)
    made_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField(blank=True)
    problem = models.TextField(blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["sending", "next_attempt_at"], name="delivery_due")]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "occasion"], name="one_delivery_per_webhook"),
            models.CheckConstraint(condition=Q(sending__in=Sending.values), name="delivery_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"
