"""That a supervisor lets somebody decide on their behalf, for which master accounts, from when until when."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.expressions import Combinable
from django.utils import timezone

from trunks.models.people import Role, RoleGrant

# Who may stand in: people of the master account. An administrator decides nothing by virtue of being one.
STAND_INS = (Role.STAFF, Role.SUPERVISOR, Role.MANAGER)


class DelegationQuerySet(models.QuerySet["Delegation"]):
    def in_force(self, today: date | Combinable | None = None) -> DelegationQuerySet:
        """Return those whose days these are, that nobody has ended, between people who may both sign in."""
        today = timezone.now().date() if today is None else today
        return self.filter(
            begins_on__lte=today,
            ends_on__gte=today,
            ended_at=None,
            giver__is_active=True,
            receiver__is_active=True,
        )

    def covering(self, master: int | OuterRef) -> DelegationQuerySet:
        """Return those for `master`, while the giver supervises it and the receiver has a role there.

        The right is looked up and not stored: who is no supervisor any more has nothing to lend.
        """
        inner = OuterRef(master) if isinstance(master, OuterRef) else master
        named = Delegation.masters.through.objects.filter(
            delegation_id=OuterRef("pk"), masteraccount_id=inner
        )
        return self.filter(
            Q(for_all_masters=True) | Exists(named),
            _held("giver", inner, Role.SUPERVISOR),
            _held("receiver", inner, *STAND_INS),
        )


def _held(who: str, master: Any, *roles: Role) -> Exists:
    for_it = Q(master=None) | Q(master=master)
    return Exists(RoleGrant.objects.in_force().filter(for_it, user=OuterRef(who), role__in=roles))


class Delegation(models.Model):
    """One supervisor's leave for one person to decide on their behalf; both ends of the time are days in UTC.

    It is ended, never deleted: decisions were made by it.
    """

    giver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    receiver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    for_all_masters = models.BooleanField("for all that the giver supervises", default=False)
    masters = models.ManyToManyField("trunks.MasterAccount", related_name="+", blank=True)
    begins_on = models.DateField()
    ends_on = models.DateField()
    reason = models.CharField(max_length=500)
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    objects = DelegationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(giver=F("receiver")), name="nobody_stands_in_for_themselves"),
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("begins_on")), name="delegation_ends_after_it_begins"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.receiver} for {self.giver}"

    @property
    def standing(self) -> str:
        """Return how it stands by its days and by whether somebody has ended it."""
        today = timezone.now().date()
        if self.ended_at:
            return "Ended"
        if today > self.ends_on:
            return "Over"
        return "In force" if today >= self.begins_on else "Not yet"
