"""Errors of Zoom that the portal has no explanation for."""

from __future__ import annotations

from django.db import models

from trunks.models.estate import MasterAccount

KEPT = 500  # kinds; Zoom's words can hold ids, so that their number has no natural end


class UnknownError(models.Model):
    """One wording of Zoom's that `workflow.words` cannot explain, and how often it came."""

    master = models.ForeignKey(MasterAccount, on_delete=models.CASCADE, related_name="+")
    status = models.PositiveSmallIntegerField(default=0)
    code = models.BigIntegerField("Zoom's code, 0 for none", default=0)
    message = models.CharField(max_length=300, blank=True)
    count = models.PositiveIntegerField(default=1)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    tracking_id = models.CharField("tracking id of the last one", max_length=200, blank=True)

    class Meta:
        ordering = ["-last_seen_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["master", "status", "code", "message"], name="one_row_per_unknown_error"
            ),
        ]

    def __str__(self) -> str:
        return f"HTTP {self.status}, code {self.code}"
