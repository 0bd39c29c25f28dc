"""Events that say something, and which of them a reader of the trail finds by their words."""

from __future__ import annotations

from django.db import connection, transaction

from tests import trail
from trunks import audit, audit_finding, audit_index
from trunks.actions import Action
from trunks.audit_reading import Filters
from trunks.models import User

PARTS = {"postgresql": ("trunks_audittext", "trunks_auditline"), "sqlite": ("trunks_audittext",)}


def remark(*comments: str) -> None:
    """Put an event on record with each of the comments."""
    somebody = User.objects.order_by("pk")[0]
    with transaction.atomic():
        for comment in comments:
            audit.record(Action.ROLE_GRANTED, actor=somebody, on=somebody, comment=comment)


def listed(user: User, filters: Filters) -> list[int]:
    """Return the numbers of the events on a page that is long enough for all, newest first."""
    found = audit_finding.find(user, filters, audit_index.standing(), size=1_000)
    return [event.pk for event in found.rows]


def take_index_away() -> None:
    """Leave the database as one that was not allowed to have an index of texts."""
    trail.run(*(f"DROP TABLE {name}" for name in PARTS[connection.vendor]))
