"""Points in a worker's run where something can happen: before each statement, at each commit, around each call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

from django.db import OperationalError, connection

from trunks.workflow import claims
from trunks.workflow.claims import Claim

# Where a run can be struck. `begin` is before a transaction, `commit` before and `committed` after it is written;
# `turn` is before the lease is checked for a call, `leave` after that, `sent` and `answer` are beyond the wire.
CALL_PLACES = tuple(
    f"{what} {place}" for what in ("read", "write") for place in ("turn", "leave", "sent", "answer")
)
PLACES = (*CALL_PLACES, "sql", "begin", "commit", "committed", "ring", "sleep")
BLOWS = ("kill", "database", "stall", "storm")
DATABASE_PLACES = frozenset({"sql", "begin", "commit", "committed"})


class Killed(BaseException):
    """The process died here (SIGKILL)."""


@dataclass(frozen=True)
class Blow:
    """What strikes whoever comes to `place` as the `nth`; `amount` is seconds, or the seed of a storm."""

    place: str
    nth: int
    what: str
    amount: int = 0


@dataclass
class Plan:
    """Blows that wait for processes to come by."""

    blows: list[Blow] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, blow: Blow) -> None:
        self.blows.append(replace(blow, nth=blow.nth + self.seen[blow.place]))

    def due(self, place: str) -> list[Blow]:
        """Take out what strikes here; what cannot happen here waits for the next coming."""
        self.seen[place] += 1
        struck = [
            blow
            for blow in self.blows
            if blow.place == place and blow.nth <= self.seen[place] and possible(blow)
        ]
        for blow in struck:
            self.blows.remove(blow)
        return struck


@dataclass(eq=False)
class Run:
    """One process at work: a worker on request `origin` by its claim, or with 0 something else."""

    origin: int = 0
    plan: Plan = field(default_factory=Plan)
    claim: Claim | None = None


def possible(blow: Blow) -> bool:
    """Say whether a real process could be struck so at this place.

    Others cannot get in between where a transaction is open, since there is one connection here; the moment between
    the lease check and the first byte is the one that no design can close, so nobody stalls there.
    """
    if blow.what == "database":
        return blow.place in DATABASE_PLACES
    # Not in_atomic_block: Django clears that before the commit itself.
    return blow.what == "kill" or (connection.get_autocommit() and not blow.place.endswith("leave"))


@contextmanager
def watched(reach: Callable[[str], None], run: Callable[[], Run | None]) -> Iterator[None]:
    """Have `reach` called at every place that the database's work passes, and each claim noted with its run."""
    commit, set_autocommit, claimed = connection.commit, connection.set_autocommit, claims._claim

    def at_statement(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not sql.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")):
            reach("sql")
        return execute(sql, *rest)

    def at_commit() -> None:
        try:
            reach("commit")
        except BaseException:
            # Django takes back only what the database refuses; a process that dies leaves nothing behind at all.
            connection.rollback()
            raise
        commit()
        try:
            reach("committed")
        except BaseException:
            connection.run_on_commit.clear()
            raise

    def at_begin(autocommit: bool, *args: Any, **kwargs: Any) -> None:
        if not autocommit and not connection.in_atomic_block:
            reach("begin")
        set_autocommit(autocommit, *args, **kwargs)

    def at_claim(*args: Any) -> Claim:
        claim = claimed(*args)
        if present := run():
            present.claim = claim
        return claim

    with ExitStack() as patches:
        patches.enter_context(connection.execute_wrapper(at_statement))
        patches.enter_context(patch.object(connection, "commit", at_commit))
        patches.enter_context(patch.object(connection, "set_autocommit", at_begin))
        patches.enter_context(patch.object(claims, "_claim", at_claim))
        yield


def fail() -> None:
    """Lose the database, as PostgreSQL tells it when it goes away."""
    raise OperationalError("terminating connection due to administrator command")
