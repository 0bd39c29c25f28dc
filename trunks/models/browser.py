"""Who was signed in in which browser: so that two accounts of one pair of hands are noticed."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class BrowserSignIn(models.Model):
    """The last time that a person signed in or out in a browser, which is known by the mark in its cookie."""

    browser = models.CharField(max_length=32)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["browser", "user"], name="one_sign_in_per_browser_and_person"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in browser {self.browser[:8]}"
