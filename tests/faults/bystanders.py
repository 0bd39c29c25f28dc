"""What comes in between from the side: people who give up, readings of the estate, and new credentials."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.faults.moments import QUIET
from tests.faults.points import Run
from trunks.models import State, TrunkRequest
from trunks.workflow import estate, reconcile, sweeping

if TYPE_CHECKING:
    from tests.faults.portal import Portal


class Bystanders:
    """Their own row of random numbers, so that a seed plays the same schedule without them."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.chance = random.Random(f"bystanders {portal.seed}")  # noqa: S311  # repeatable on purpose
        self.active = self.chance.random() < 0.5

    def maybe(self) -> None:
        """Now and then, come in between."""
        if self.active and self.chance.random() < 0.25:
            acts: tuple[Callable[[], None], ...] = (self.give_up, self.give_up, self.read_estate, self.mend)
            self.chance.choice(acts)()

    def give_up(self) -> None:
        """Have a supervisor give up on what nobody can find out; some wait until that is allowed."""
        found = TrunkRequest.objects.filter(master=self.portal.place.master, state=State.UNCONFIRMED)
        if not (waiting := list(found.with_names().order_by("pk"))):
            return
        trunk_request = self.chance.choice(waiting)
        if self.chance.random() < 0.7:
            self.portal.advance(QUIET)
        actor, version = self.portal.people.supervisors[0], trunk_request.version
        self.portal.person(
            lambda: reconcile.give_up(trunk_request, actor=actor, version=version, comment="because")
        )

    def read_estate(self) -> None:
        """Have the estate of the master account read, as the clock wants it."""
        self.portal.run(Run(), lambda: estate.sync(self.portal.place.master.pk))

    def mend(self) -> None:
        """Have what waits for Zoom tried at once, as new credentials do."""
        self.portal.run(Run(), lambda: sweeping.wake(self.portal.place.master))
