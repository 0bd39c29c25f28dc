"""The audit trail's one table. Only `trunks.audit` reads and writes it."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from trunks.models.estate import MasterAccount


class AuditEvent(models.Model):
    """Who did what to which object, when, from where, before and after. Append-only.

    People and objects are kept as text beside their ids, so that an event says the same when they are gone.
    """

    at = models.DateTimeField()
    action = models.CharField(max_length=60)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
    )
    actor_email = models.CharField(max_length=254, blank=True)
    actor_name = models.CharField(max_length=120)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=40)
    object_label = models.CharField(max_length=255)
    master = models.ForeignKey(
        MasterAccount, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    comment = models.TextField(blank=True)
    request_id = models.CharField(max_length=36, blank=True)
    tracking_id = models.CharField(max_length=200, blank=True)
    ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["actor", "-id"], name="event_by_actor"),
            models.Index(fields=["action", "-id"], name="event_by_action"),
            models.Index(fields=["object_type", "object_id", "-id"], name="event_by_object"),
            models.Index(fields=["actor", "action", "-id"], name="event_by_actor_action"),
            models.Index(fields=["master", "-id"], name="event_by_master"),
            models.Index(fields=["-at", "-id"], name="event_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_label}"

    @property
    def who(self) -> str:
        """Return who did it, for people: without an actor it was the portal itself, on the ground `ground`."""
        return self.actor_name if self.actor_id else "The portal"

    @property
    def ground(self) -> str:
        return "" if self.actor_id else self.actor_name.removeprefix("System (").removesuffix(")")
