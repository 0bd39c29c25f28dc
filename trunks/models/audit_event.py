"""The audit trail's tables. Only `trunks.audit` writes them; it and the `audit_…` modules beside it read them."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.db import models

from trunks.actions import Outcome
from trunks.chain import GENESIS
from trunks.models.estate import MasterAccount, SubAccount
from trunks.models.fields import JSONTextField


class AuditEvent(models.Model):
    """Who did what to which object, when, from where, before and after. Append-only: triggers refuse all else.

    `id` is the event's position in the chain: 1, 2, 3 without a gap, in the order of the commits. `hash` takes in every
    other column and the hash of the event before (see `trunks.chain`). People and objects are kept as text beside
    their ids, so that an event says the same when they are gone.
    """

    id = models.BigIntegerField("number", primary_key=True)
    at = models.DateTimeField()
    action = models.CharField(max_length=60)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default="done")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    actor_email = models.CharField(max_length=254, blank=True)
    actor_name = models.CharField(max_length=120)
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    on_behalf_of_name = models.CharField(max_length=120, blank=True)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=40)
    object_label = models.CharField(max_length=255)
    master = models.ForeignKey(
        MasterAccount,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    master_name = models.CharField(max_length=120, blank=True)
    sub_account = models.ForeignKey(
        SubAccount,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    sub_account_name = models.CharField(max_length=255, blank=True)
    dnis = models.TextField("every DNIS that it is about, with a space between", blank=True)
    before = JSONTextField(default=dict)
    after = JSONTextField(default=dict)
    comment = models.TextField(blank=True)
    request_id = models.CharField(max_length=36, blank=True)
    tracking_id = models.CharField(max_length=200, blank=True)
    ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    portal_version = models.CharField(max_length=40, blank=True)
    hash = models.CharField(max_length=64, default="")

    class Meta:
        ordering = ["-id"]
        # Every index is paid for under the chain's lock. These are what changes themselves ask; what readers ask is
        # answered by `trunks.models.audit_index`.
        indexes = [
            models.Index(fields=["object_type", "object_id", "-id"], name="event_by_object"),
            models.Index(fields=["request_id", "-id"], name="event_by_request_id"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_label}"

    @property
    def who(self) -> str:
        """Return who did it, for people: without an actor it was the portal itself, on the ground `ground`."""
        return self.actor_name if self.actor_id else "The portal"

    @property
    def is_own(self) -> bool:
        """Say whether somebody did it with their own account: who it is about need not be said again."""
        return self.object_type == "user" and self.object_id == str(self.actor_id)

    @property
    def ground(self) -> str:
        return "" if self.actor_id else self.actor_name.removeprefix("System (").removesuffix(")")


class AuditHead(models.Model):
    """Where the chain ends: number, time and hash of the last event. One row; its lock is the chain's.

    Only the triggers write it. Its time is there so that no event is older than the one before it.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField(default=0)
    at = models.DateTimeField(default=datetime(1970, 1, 1, tzinfo=UTC))
    hash = models.CharField(max_length=64, default=GENESIS)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_head_of_the_chain")]

    def __str__(self) -> str:
        return f"{self.position} {self.hash}"
