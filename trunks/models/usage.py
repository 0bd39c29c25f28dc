"""How full the DNIS ranges are and how busy the sub accounts: questions over several tables, one query for all rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Left, Length

from trunks.models.choices import OPEN_STATES
from trunks.models.estate import ListedTrunk, MasterAccount, MasterTrunk, SubAccount
from trunks.models.trunk_request import Line, TrunkRequest


@dataclass(frozen=True)
class Range:
    """The DNIS of full length under one prefix: how many Zoom lists, how many requests hold, how many there are."""

    prefix: str
    listed: int = 0
    held: int = 0

    @property
    def size(self) -> int:
        """Return how many DNIS of full length there can be (1,000 with Zoom's limits; 0 without a prefix)."""
        return int(10 ** (settings.DNIS_MAX_LENGTH - settings.DNIS_PREFIX_LENGTH)) if self.prefix else 0

    @property
    def used(self) -> int:
        return self.listed + self.held

    @property
    def free(self) -> int:
        return max(self.size - self.used, 0)


def ranges(trunks: Collection[MasterTrunk]) -> dict[int, Range]:
    """Return the range of each trunk by its primary key, in two queries however many trunks there are."""
    listed = _per_prefix(ListedTrunk.objects.filter(gone_at=None), trunks)
    known = ListedTrunk.objects.filter(master=OuterRef("master"), dnis=OuterRef("dnis"), gone_at=None)
    held = _per_prefix(Line.objects.filter(~Exists(known), ~Q(hold="")), trunks)
    return {
        trunk.pk: Range(
            trunk.prefix, listed[trunk.master_id, trunk.prefix], held[trunk.master_id, trunk.prefix]
        )
        for trunk in trunks
    }


def with_counts(sub_accounts: QuerySet[SubAccount]) -> QuerySet[SubAccount]:
    """Give each sub account `listed_count` (trunks Zoom lists for it) and `open_count` (its open requests)."""
    listed = ListedTrunk.objects.filter(sub_account=OuterRef("pk"), gone_at=None)
    waiting = TrunkRequest.objects.filter(sub_account=OuterRef("pk"), state__in=OPEN_STATES)
    return sub_accounts.annotate(listed_count=_counted(listed), open_count=_counted(waiting))


def with_estate_counts(masters: QuerySet[MasterAccount]) -> QuerySet[MasterAccount]:
    """Give each master account `trunk_count` and `sub_account_count`, of what is at Zoom now."""
    trunks = MasterTrunk.objects.filter(master=OuterRef("pk"), gone_at=None)
    customers = SubAccount.objects.filter(master=OuterRef("pk"), gone_at=None)
    return masters.annotate(
        trunk_count=_counted(trunks, "master"), sub_account_count=_counted(customers, "master")
    )


def _counted(rows: QuerySet[Any], owner: str = "sub_account") -> Coalesce:
    counts = rows.order_by().values(owner).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counts), 0)


def _per_prefix(
    rows: QuerySet[ListedTrunk] | QuerySet[Line], trunks: Collection[MasterTrunk]
) -> Counter[tuple[int, str]]:
    counted = (
        rows.filter(master__in={trunk.master_id for trunk in trunks})
        .annotate(start=Left("dnis", settings.DNIS_PREFIX_LENGTH), digits=Length("dnis"))
        .filter(digits=settings.DNIS_MAX_LENGTH, start__in={trunk.prefix for trunk in trunks})
        .order_by()
        .values("start", owner=F("master_id"))
        .annotate(n=Count("dnis", distinct=True))
    )
    return Counter({(row["owner"], row["start"]): row["n"] for row in counted})
