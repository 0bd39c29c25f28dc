"""An invitation: who may make themselves an account, with which roles, by a link that works once."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from trunks.models.estate import MasterAccount
from trunks.models.people import Role

LIFETIME = timedelta(hours=72)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> InvitationQuerySet:
        """Return what was neither accepted nor withdrawn; a link that has run out can still be sent anew."""
        return self.filter(accepted_at=None, withdrawn_at=None)

    def usable(self) -> InvitationQuerySet:
        return self.open().filter(expires_at__gt=timezone.now())

    def by_digest(self, digest: str) -> Invitation | None:
        """Return the invitation by the digest of its link's token, while that can be used; else None."""
        return self.usable().filter(token_digest=digest).first()


class Invitation(models.Model):
    """The offer of an account for one address. Of its link only a digest is kept: a stolen dump opens nothing."""

    email = models.EmailField()
    name = models.CharField(max_length=120, blank=True)
    roles = models.JSONField(default=list)
    for_all_masters = models.BooleanField(default=False)
    masters = models.ManyToManyField(MasterAccount, related_name="+", blank=True)
    ends_on = models.DateField(null=True, blank=True)
    token_digest = models.CharField(max_length=64, unique=True)
    # Empty: made on the command line, by somebody who has the machine.
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["email"],
                condition=Q(accepted_at=None, withdrawn_at=None),
                name="one_open_invitation_for_an_address",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None) | Q(withdrawn_at=None),
                name="an_invitation_ends_in_one_way",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_usable(self) -> bool:
        return not self.accepted_at and not self.withdrawn_at and self.expires_at > timezone.now()

    @property
    def has_ended(self) -> bool:
        """Say whether the last day of the offered roles is over."""
        return self.ends_on is not None and self.ends_on < timezone.now().date()

    @property
    def role_names(self) -> list[str]:
        return [str(Role(role).label) for role in self.roles]

    def renew(self) -> str:
        """Give the invitation a new link, valid from now, and return the token; the old link is void."""
        token = secrets.token_urlsafe(32)
        self.token_digest = digest_of(token)
        self.expires_at = timezone.now() + LIFETIME
        return token


def digest_of(token: str) -> str:
    """Return what is kept of a token. It is random and long, so that a plain digest cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()
