"""The table of moves, and move(): the one place that writes a state."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.expressions import Combinable
from django.utils import timezone

from trunks import audit, context
from trunks.actions import Action
from trunks.compiled import Param, named, several
from trunks.compiled_writing import Updates
from trunks.models import Line, LineState, State, TrunkRequest, User, clock
from trunks.workflow import occasions
from trunks.workflow.errors import Stale

logger = logging.getLogger(__name__)

S = State

MOVES: dict[State, frozenset[State]] = {
    S.PENDING: frozenset({S.PENDING, S.APPROVED, S.DENIED, S.SENT_BACK, S.WITHDRAWN, S.EXPIRED}),
    S.SENT_BACK: frozenset({S.PENDING, S.WITHDRAWN, S.EXPIRED}),
    S.APPROVED: frozenset({S.APPLYING, S.WITHDRAWN}),
    S.APPLYING: frozenset({S.APPROVED, S.SENT_BACK, S.UNCONFIRMED, S.DONE, S.PARTIAL, S.FAILED}),
    S.UNCONFIRMED: frozenset({S.APPROVED, S.DONE, S.PARTIAL, S.FAILED}),
    S.PARTIAL: frozenset({S.APPROVED}),
    S.FAILED: frozenset({S.APPROVED}),
    S.DONE: frozenset(),
    S.DENIED: frozenset(),
    S.WITHDRAWN: frozenset(),
    S.EXPIRED: frozenset(),
}


class NoSuchMove(Exception):
    """A programme asked for a move that the table does not have."""


def move(
    trunk_request: TrunkRequest,
    to: State,
    action: Action,
    *,
    actor: User | None,
    changes: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    comment: str = "",
    tracking_id: str = "",
    why: str = "",
    version: int | None = None,
    fence: int | None = None,
    on_behalf_of: User | None = None,
) -> None:
    """Move `trunk_request` from the state it was loaded in to `to`, with its audit event, in the caller's transaction.

    It is a compare-and-swap: the UPDATE names the state and version that are left (`version` as the person's page
    showed it, else as loaded) and, for workers, the fence of their claim. Raises Stale when somebody was first, and
    NoSuchMove where the table has no such move; in both cases nothing is written. The object is up to date afterwards.
    """
    leaving = State(trunk_request.state)
    if to not in MOVES[leaving]:
        raise NoSuchMove(f"{trunk_request.reference}: {leaving} to {to}")
    if not connection.in_atomic_block:
        raise NoSuchMove(f"{trunk_request.reference}: a move is made in a transaction, with its audit event")
    expected = trunk_request.version if version is None else version
    written = {
        "version": expected + 1,
        "changed_at": clock.now(),
        "needs_attention": False,
        **(changes or {}),
    }
    if actor and (asked_in := context.current().request_id):
        written["asked_in"] = asked_in  # who carries it out goes on under that id
    found = {"pk": trunk_request.pk, "state": leaving.value, "version": expected}
    here = _HERE if fence is None else _HELD_HERE
    if not here.update({**found, "fence": fence}, state=to.value, **written):
        raise Stale(who_was_first(trunk_request))
    _bring_up_to_date(trunk_request, to, written)
    occasions.note(action, trunk_request, actor=actor, comment=comment, on_behalf_of=on_behalf_of)
    audit.record(
        action,
        actor=actor,
        on=trunk_request,
        before={"state": leaving.value, **(before or {})},
        after={"state": to.value, **(after or {})},
        comment=comment,
        tracking_id=tracking_id,
        why=why,
        on_behalf_of=on_behalf_of,
    )
    who = actor.email if actor else why
    told = (trunk_request.reference, leaving, to, who, comment)
    # Of what was committed, and not of what may still be rolled back.
    transaction.on_commit(partial(logger.info, "%s: %s to %s by %s. %s", *told), robust=True)


_AS_LOADED = {name: Param(name) for name in ("pk", "state", "version")}
_HERE = Updates(lambda: TrunkRequest.objects.filter(**_AS_LOADED))
_HELD_HERE = Updates(lambda: TrunkRequest.objects.filter(**_AS_LOADED, fence=Param("fence")))


def mark(lines: QuerySet[Line] | Sequence[Line], to: LineState, **changes: Any) -> None:
    """Write the state of `lines`, with `changes` to other columns, in the caller's transaction.

    A line's state follows from what was sent and what Zoom's list shows; it needs no table of moves, but the caller's
    claim must hold. Lines that the caller has at hand, instead of a query for them, are brought up to date.
    """
    if isinstance(lines, QuerySet):
        lines.update(state=to, **changes)
        return
    write_lines(lines, state=to.value, **changes)
    for line in lines:
        _bring_up_to_date(line, to, changes)


def write_lines(lines: Sequence[Line], **values: Any) -> None:
    """Write the same `values` to the columns of all of `lines`, in the caller's transaction."""
    if lines:
        _lines(len(lines)).update(named("line", [line.pk for line in lines]), **values)


@cache
def _lines(count: int) -> Updates:
    """Return the update of so many lines; a request has 30 at most."""
    wanted: Any = several("line", count)
    return Updates(lambda: Line.objects.filter(pk__in=wanted))


def _bring_up_to_date(row: TrunkRequest | Line, state: str, written: Mapping[str, Any]) -> None:
    """Bring the object up to what was written, without reading its row again.

    What only the database knows, such as its time, becomes a deferred field: it is read when somebody asks for it.
    """
    for name, value in {"state": str(state), **written}.items():
        if isinstance(value, Combinable):
            row.__dict__.pop(name, None)
        else:
            setattr(row, name, value)
    row.__dict__.pop("_prefetched_objects_cache", None)


def who_was_first(trunk_request: TrunkRequest) -> str:
    """Return the sentence for somebody who came too late: who did what, when, and how things are now."""
    now = TrunkRequest.objects.get(pk=trunk_request.pk)
    event = audit.last_mover(trunk_request)
    standing = f"{trunk_request.reference} is now: {now.get_state_display()}."
    if event is None:
        return standing
    local = timezone.localtime(event.at)  # of the person who asks; a worker's is UTC
    when = f"{local:%-d %B %Y at %H:%M} {local.tzname()}"
    return f"{event.who} {Action(event.action).sentence} on {when}. {standing}"
