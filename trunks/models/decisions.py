"""Who made which version of a request's content, decided on it, looked at it; and the permits that came of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from trunks.models.choices import Verdict
from trunks.models.people import Role, RoleGrant, User
from trunks.models.trunk_request import NO_POLICY, NOTHING, TrunkRequest


class Revision(models.Model):
    """One version of a request's content and who made it; its authors may not decide on the request."""

    trunk_request = models.ForeignKey(TrunkRequest, on_delete=models.CASCADE, related_name="revisions")
    content_version = models.PositiveIntegerField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    content = models.JSONField()
    digest = models.CharField(max_length=64)
    # What Zoom had for the content's DNIS and trunks: at filing, or when somebody last took it in anew.
    base = models.JSONField(default=dict, blank=True)
    reason = models.TextField(blank=True)
    ticket = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ["content_version"]
        constraints = [
            models.UniqueConstraint(
                fields=["trunk_request", "content_version"], name="one_revision_per_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trunk_request_id} version {self.content_version}"


# What of a request an approval is of, beside the request itself: of each, exactly what is there.
BOUND_TO = ("content_version", "content_digest", "policy_digest", "base_digest")


def _supervises(today: date | Combinable | None = None) -> Exists:
    """Return whether a decision's right still is: of who decided or, on behalf of another, of that other.

    Who stood in must be active as well. That a delegation has run out since takes nothing from what was decided by it.
    """
    deciding = User.objects.filter(pk=OuterRef(OuterRef("decided_by")), is_active=True)
    held = RoleGrant.objects.in_force(today).filter(
        Q(master=None) | Q(master=OuterRef("trunk_request__master")),
        Exists(deciding),
        user=Coalesce(OuterRef("on_behalf_of"), OuterRef("decided_by")),
        role=Role.SUPERVISOR,
    )
    return Exists(held)


class DecisionQuerySet(models.QuerySet["Decision"]):
    def with_standing(self) -> DecisionQuerySet:
        """Add `stands`: whether who decided is a supervisor for the request's master account to this day."""
        return self.annotate(stands=_supervises())

    def standing(self, today: date | Combinable | None = None) -> DecisionQuerySet:
        return self.filter(_supervises(today))

    def of(self, user: User) -> DecisionQuerySet:
        """Return what `user` decided, and what was decided on their behalf."""
        return self.filter(Q(decided_by=user) | Q(on_behalf_of=user))

    def for_content_of(self, trunk_request: TrunkRequest) -> DecisionQuerySet:
        """Return the approvals of exactly the present content, policy and base, not taken back."""
        return self.approvals(
            trunk_request=trunk_request, **{name: getattr(trunk_request, name) for name in BOUND_TO}
        )

    def present(self) -> DecisionQuerySet:
        """Return the approvals that count of the request of the outer query: what `quorum.counted` says of one."""
        bound = {name: OuterRef(name) for name in BOUND_TO}
        return self.approvals(trunk_request=OuterRef("pk"), **bound).standing().order_by()

    def approvals(self, **bound: Any) -> DecisionQuerySet:
        """Return the approvals of what `bound` says, not taken back."""
        return self.filter(verdict=Verdict.APPROVE, taken_back_at=None, **bound)


class Decision(models.Model):
    """One supervisor's verdict, bound to the content, the policy and the base that it was made on.

    `filed_by` repeats who filed the request, so that the database can refuse a decision of that very person.
    """

    trunk_request = models.ForeignKey(TrunkRequest, on_delete=models.CASCADE, related_name="decisions")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    filed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()
    comment = models.TextField(blank=True)
    content_version = models.PositiveIntegerField()
    content_digest = models.CharField(max_length=64)
    policy_digest = models.CharField(max_length=64, default=NO_POLICY)
    base_digest = models.CharField(max_length=64, default=NOTHING)
    taken_back_at = models.DateTimeField(null=True, blank=True)
    # An author of the request who was signed in in the very browser, shortly before.
    same_browser_as = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    objects = DecisionQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            # The last wall behind the rule of four eyes, for scripts and shells as well.
            models.CheckConstraint(
                condition=~Q(decided_by=F("filed_by")), name="nobody_decides_on_what_they_filed"
            ),
            models.CheckConstraint(
                condition=Q(on_behalf_of=None)
                | (~Q(on_behalf_of=F("filed_by")) & ~Q(on_behalf_of=F("decided_by"))),
                name="nobody_stands_in_for_who_filed_it",
            ),
            # One voice, whoever raises it: the supervisor, or any of those who stand in for them.
            models.UniqueConstraint(
                "trunk_request",
                Coalesce("on_behalf_of", "decided_by"),
                "content_version",
                "base_digest",
                condition=Q(verdict=Verdict.APPROVE, taken_back_at=None),
                name="one_approval_in_a_supervisors_right",
            ),
            models.UniqueConstraint(
                fields=["trunk_request", "decided_by", "content_version", "base_digest"],
                condition=Q(verdict=Verdict.APPROVE, taken_back_at=None),
                name="one_approval_per_supervisor",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} by {self.decided_by}"

    @property
    def voice(self) -> User:
        """Return the supervisor in whose right it was made."""
        return self.on_behalf_of or self.decided_by


class Permit(models.Model):
    """The leave to carry out one approved content once, on the ground of the decisions it names.

    It is spent by the claim that begins to carry it out. A request without an unspent permit is not carried out.
    """

    trunk_request = models.ForeignKey(TrunkRequest, on_delete=models.CASCADE, related_name="permits")
    issued_at = models.DateTimeField()
    ground = models.CharField(max_length=20)
    needed = models.PositiveSmallIntegerField("approvals that must stand")
    content_digest = models.CharField(max_length=64)
    policy_digest = models.CharField(max_length=64)
    decisions = models.ManyToManyField(Decision, related_name="permits")
    spent_at = models.DateTimeField(null=True, blank=True)
    spent_on = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["trunk_request"], condition=Q(spent_at=None), name="one_unspent_permit_per_request"
            ),
        ]

    def __str__(self) -> str:
        return f"permit {self.pk} for {self.trunk_request_id}"


class Look(models.Model):
    """That a supervisor has had a version of a pending request on the screen: what they know of it."""

    trunk_request = models.ForeignKey(TrunkRequest, on_delete=models.CASCADE, related_name="looks")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    content_version = models.PositiveIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["trunk_request", "user", "content_version"], name="one_look_per_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} saw {self.trunk_request_id} version {self.content_version}"
