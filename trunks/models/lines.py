"""Questions about many lines of trunk requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When

from trunks.models.choices import Hold, LineState, Phase
from trunks.models.estate import ListedTrunk

if TYPE_CHECKING:
    from trunks.models.trunk_request import Line  # noqa: F401  # the annotation below


class LineQuerySet(models.QuerySet["Line"]):
    def doubtful(self) -> LineQuerySet:
        """Return the given-up lines of which Zoom may have what was sent: a DNIS asked for, or a change's old one."""
        return self.filter(Q(hold=Hold.UNKNOWN) | Q(state=LineState.GIVEN_UP, removing=True))

    def lost(self) -> LineQuerySet:
        """Return the lines whose customer is without the trunk still: Zoom, as last read, lists neither DNIS.

        A sub account that is not there any more misses none.
        """
        listed = ListedTrunk.objects.filter(
            Q(dnis=OuterRef("dnis")) | Q(dnis=OuterRef("current_dnis")),
            sub_account=OuterRef("trunk_request__sub_account"),
            gone_at=None,
        )
        return self.filter(~Exists(listed), without_trunk=True, trunk_request__sub_account__gone_at=None)

    def miss_no_more(self) -> None:
        """End the alarm of lines whose old values are not there again, and which must not look as if they were."""
        refused = When(phase=Phase.RESTORE, state=LineState.REFUSED, then=Value(Phase.ASSIGN))
        self.update(without_trunk=False, phase=Case(refused, default=F("phase")))
