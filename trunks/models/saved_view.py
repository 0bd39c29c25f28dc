"""Filters of the audit trail that somebody keeps under a name."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.expressions import Combinable
from django.http import QueryDict

from trunks.compiled import Param, Rows


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def seen_by(self, user: int | Combinable) -> SavedViewQuerySet:
        """Return the own views of the person with that key and those that others share."""
        return self.filter(Q(owner=user) | Q(shared=True)).select_related("owner").order_by("name", "id")


class SavedView(models.Model):
    """Somebody's filters. `query` is that part of the address, checked before it is kept.

    Name and filters tell of customers, numbers and people, so a shared one is not for everybody: see
    `access.saved_views_for`.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    query = models.TextField(max_length=2000)
    shared = models.BooleanField(default=False)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_saved_view_per_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def master_id(self) -> int | None:
        """Return the key of the master account that the filters narrow the trail to, or None."""
        chosen = QueryDict(self.query).get("master") or ""
        return int(chosen) if chosen else None


_SEEN: Rows[SavedView] = Rows(lambda: SavedView.objects.seen_by(Param("user")))


def views_of(user: int) -> list[SavedView]:
    """Return the own views of the person with that key and all that others share: for `access.saved_views_for`."""
    return _SEEN(user=user)
