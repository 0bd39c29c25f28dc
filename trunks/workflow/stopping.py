"""The kill switch: any supervisor stops all writing to Zoom at once; two of them start it again.

The switch is one row of the database. Workers look at it before they take a request up, and the Zoom client looks once
more right before each write leaves; who cannot look does not write. Reading goes on.
"""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, IntegrityError, models, transaction

from trunks import audit
from trunks.actions import Action
from trunks.models import Role, User, WriteStop, clock
from trunks.workflow.errors import Invalid, Refused, Stale
from trunks.workflow.ringing import ring_ready

REASON_MAX_LENGTH = 500
ONLY_SUPERVISORS = "Only a supervisor can stop or start writing to Zoom."
NOT_TWICE = "You asked for writing to start again, so another supervisor confirms it."


class Halted(Exception):
    """A write was kept from leaving; the text says why, in words for people.

    `wait` is how many seconds to let pass before the next try; 0 where starting again rings for it.
    """

    def __init__(self, reason: str, *, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


def look() -> None:
    """Raise Halted while people have stopped writing, and when the database does not say whether they have."""
    try:
        stop = WriteStop.current() if WriteStop.in_force_now().exists() else None
    except DatabaseError as error:
        words = "Whether writing to Zoom is stopped could not be looked up."
        raise Halted(words, wait=settings.SWEEP_SECONDS) from error
    if stop:
        raise Halted(stop.words)


def stop(*, actor: User, reason: str) -> WriteStop:
    """Stop all writing to Zoom, for every master account. Raises Refused, Invalid, or Stale when it is stopped."""
    _demand_supervisor(actor, "stop", actor)
    _demand_reason(reason)
    made = WriteStop(reason=reason.strip(), stopped_by=actor, stopped_at=clock.now())
    try:
        with transaction.atomic():
            made.save(force_insert=True)
            made.refresh_from_db()
            audit.record(Action.WRITING_STOPPED, actor=actor, on=made, comment=made.reason)
    except IntegrityError as error:
        raise Stale(_standing()) from error
    return made


def ask_to_start(stop: WriteStop, *, actor: User) -> None:
    """Ask for writing to start again; another supervisor confirms. Raises Refused or Stale."""
    _demand_supervisor(actor, "start", stop)
    changes = {"start_asked_by": actor, "start_asked_at": clock.now()}
    with transaction.atomic():
        _change(stop, models.Q(start_asked_by=None), changes)
        audit.record(Action.WRITING_START_ASKED, actor=actor, on=stop)


def decline_to_start(stop: WriteStop, *, actor: User, reason: str) -> None:
    """Take the question whether to start again from the table, by whoever asked it or another supervisor."""
    _demand_supervisor(actor, "decline", stop)
    _demand_reason(reason)
    with transaction.atomic():
        _change(stop, ~models.Q(start_asked_by=None), {"start_asked_by": None, "start_asked_at": None})
        audit.record(Action.WRITING_START_DECLINED, actor=actor, on=stop, comment=reason.strip())


def confirm_start(stop: WriteStop, *, actor: User) -> None:
    """Let writing start again, as the second of two supervisors; all that waited is rung for. Raises Refused, Stale."""
    _demand_supervisor(actor, "start", stop)
    if stop.start_asked_by_id == actor.pk:
        _refuse(actor, "start", stop, NOT_TWICE)
    asked_by_other = ~models.Q(start_asked_by=None) & ~models.Q(start_asked_by=actor)
    with transaction.atomic():
        changes = {"in_force": False, "started_by": actor, "started_at": clock.now()}
        _change(stop, asked_by_other, changes)
        after = {"asked_by": str(stop.start_asked_by), "confirmed_by": str(actor)}
        audit.record(Action.WRITING_STARTED, actor=actor, on=stop, after=after)
        transaction.on_commit(ring_ready)


def _change(stop: WriteStop, condition: models.Q, changes: dict[str, object]) -> None:
    """Change the stop in force as `condition` finds it, or raise Stale: somebody was first."""
    rows = WriteStop.objects.filter(condition, pk=stop.pk, in_force=True)
    if not rows.update(**changes):
        raise Stale(_standing())
    stop.refresh_from_db()


def _standing() -> str:
    now = WriteStop.current()
    if now is None:
        return "Writing to Zoom has been started again already."
    asked = f" {now.start_asked_by} has asked for it to start again." if now.start_asked_by else ""
    return f"{now.words}{asked}"


def _demand_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid({"reason": ["Say why: everybody reads it, and the audit trail keeps it."]})
    if len(reason) > REASON_MAX_LENGTH or "\x00" in reason:
        raise Invalid({"reason": [f"At most {REASON_MAX_LENGTH} characters, and no null character."]})


def _demand_supervisor(actor: User, what: str, on: models.Model) -> None:
    if not actor.holds(Role.SUPERVISOR):
        _refuse(actor, what, on, ONLY_SUPERVISORS)


def _refuse(actor: User, what: str, on: models.Model, reason: str) -> None:
    """Write the refusal down, in a transaction of its own, and raise it."""
    with transaction.atomic():
        refused = {"action": what, "reason": reason}
        audit.record(Action.WRITING_ACTION_REFUSED, actor=actor, on=on, after=refused)
    raise Refused(reason, who="another supervisor" if reason == NOT_TWICE else "a supervisor")
