"""How many supervisors have to approve a request of a master account: versions of rules, kept and never overwritten."""

from __future__ import annotations

from datetime import time
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from trunks.compiled import Param, Rows
from trunks.models.estate import MasterAccount

MOST_APPROVALS = 3
WORKING_DAYS = "12345"  # ISO weekdays: 1 is Monday
# The columns that hold how many approvals a condition asks for; 0 where it is none of the policy.
CONDITIONS = (
    "many_lines_approvals",
    "new_caller_id_approvals",
    "first_trunk_approvals",
    "unassign_approvals",
    "change_approvals",
    "off_hours_approvals",
)
RULES = ("approvals", "many_lines", *CONDITIONS, "opens", "closes", "days", "zone")


class ApprovalPolicy(models.Model):
    """One version of the rules of one master account. The highest version is in force.

    `approvals` is what every request takes; each condition that holds for a request can raise it, and the highest
    number counts.
    """

    master = models.ForeignKey(MasterAccount, on_delete=models.CASCADE, related_name="approval_policies")
    version = models.PositiveIntegerField()
    approvals = models.PositiveSmallIntegerField(default=1)
    many_lines = models.PositiveSmallIntegerField("more lines than this are many", default=5)
    many_lines_approvals = models.PositiveSmallIntegerField(default=0)
    new_caller_id_approvals = models.PositiveSmallIntegerField(default=0)
    first_trunk_approvals = models.PositiveSmallIntegerField(default=0)
    unassign_approvals = models.PositiveSmallIntegerField(default=0)
    change_approvals = models.PositiveSmallIntegerField(default=0)
    off_hours_approvals = models.PositiveSmallIntegerField(default=0)
    opens = models.TimeField("working hours begin", default=time(8))
    closes = models.TimeField("working hours end", default=time(18))
    days = models.CharField("working days, as ISO weekdays", max_length=7, default=WORKING_DAYS)
    zone = models.CharField("time zone of the working hours", max_length=64, default="UTC")
    text = models.TextField("the rules in plain words, as they were saved")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["master", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["master", "version"], name="one_policy_per_version"),
            # A policy that asks for nobody would be the end of the four eyes.
            models.CheckConstraint(
                condition=Q(approvals__gte=1, approvals__lte=MOST_APPROVALS), name="approvals_are_1_to_3"
            ),
            models.CheckConstraint(
                condition=Q(**{f"{name}__lte": MOST_APPROVALS for name in CONDITIONS}),
                name="conditions_ask_for_3_at_most",
            ),
        ]

    def __str__(self) -> str:
        return f"approval policy of {self.master}, version {self.version}"

    @classmethod
    def current(cls, master: MasterAccount) -> ApprovalPolicy:
        """Return the policy in force; where none was ever saved, version 0: one approval for everything."""
        saved = _CURRENT(master=master.pk)
        return saved[0] if saved else cls(master=master, version=0)

    def rules(self) -> dict[str, Any]:
        """Return the rules in the form that snapshots and audit events keep."""
        values = {name: getattr(self, name) for name in RULES}
        return values | {"opens": f"{self.opens:%H:%M}", "closes": f"{self.closes:%H:%M}"}


_CURRENT = Rows(lambda: ApprovalPolicy.objects.filter(master=Param("master")).order_by("-version")[:1])
