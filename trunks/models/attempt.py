"""What was said to Zoom about a trunk request, and what came back."""

from __future__ import annotations

from django.db import models

from trunks.models.trunk_request import TrunkRequest


class Attempt(models.Model):
    """One conversation with Zoom about a trunk request."""

    trunk_request = models.ForeignKey(TrunkRequest, on_delete=models.CASCADE, related_name="attempts")
    fence = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"attempt {self.fence} of {self.trunk_request_id}"

    @property
    def ending(self) -> str:
        """Return what came of it, in words. Of a worker that was lost nobody has written an end."""
        if self.outcome or self.ended_at:
            return self.outcome or "ended"
        held = self.trunk_request.lease_until is not None and self.trunk_request.fence == self.fence
        return "under way" if held else "broken off: its worker was lost"


class ZoomCall(models.Model):
    """One call of an attempt: what was sent and what came back. Never holds a token or a secret."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="calls")
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=300)
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    tracking_id = models.CharField(max_length=200, blank=True)
    sent = models.JSONField(null=True, blank=True)
    answer = models.TextField(blank=True)
    problem = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
