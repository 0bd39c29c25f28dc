"""Somebody with the database's password changes what was approved, behind the portal: it must not be carried out."""

from __future__ import annotations

import random
from collections.abc import Iterator

from trunks.models import Permit, State, TrunkRequest

CALLER_ID = "+14155550999"  # nobody asks for it


class Tampering:
    """What was tampered with, for the judge."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.permits: set[int] = set()
        self.snapshots: set[tuple[int, int]] = set()

    def maybe(self, trunk_request: TrunkRequest) -> None:
        """Now and then, change permit, snapshot or content of a request that is approved and was never taken up."""
        fresh = trunk_request.state == State.APPROVED and not trunk_request.attempts.exists()
        if not fresh or self.chance.random() > 0.1:
            return
        self.chance.choice((self._permit, self._snapshot, self._content))(trunk_request)

    def _permit(self, trunk_request: TrunkRequest) -> None:
        permits = trunk_request.permits.filter(spent_at=None)
        self.permits.update(permits.values_list("pk", flat=True))
        permits.update(content_digest="0" * 64)

    def _snapshot(self, trunk_request: TrunkRequest) -> None:
        self.snapshots.add((trunk_request.pk, trunk_request.content_version))
        TrunkRequest.objects.filter(pk=trunk_request.pk).update(policy={"needed": 1, "by": "hand"})

    def _content(self, trunk_request: TrunkRequest) -> None:
        trunk_request.lines.update(outbound_caller_id=CALLER_ID)

    def found(self, trunk_request: TrunkRequest, *, touched: bool) -> Iterator[str]:
        """Say what of it was carried out all the same; `touched` says that something of it was done at Zoom."""
        spent = Permit.objects.filter(pk__in=self.permits, trunk_request=trunk_request)
        if spent.filter(spent_on__startswith="claim").exists():
            yield "approval: a forged permit was spent"
        if touched and (trunk_request.pk, trunk_request.content_version) in self.snapshots:
            yield "approval: carried out under a forged policy"
