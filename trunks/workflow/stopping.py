"""The kill switch: any supervisor stops all writing to Zoom at once; two of them start it again.

One asks, another confirms; who stopped writing may ask, and never confirms: nobody lifts their own stop.

The switch is one row of the database. Workers look at it before they take a request up, and the Zoom client looks once
more right before each write leaves; who cannot look does not write. Reading goes on.
"""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, IntegrityError, models, transaction

from trunks import audit
from trunks.actions import Action
from trunks.compiled import Found
from trunks.models import Role, RoleGrant, User, WriteStop, clock
from trunks.workflow import refusals, rules
from trunks.workflow.answers import YES, Answer
from trunks.workflow.errors import Invalid, Stale
from trunks.workflow.ringing import ring_ready

REASON_MAX_LENGTH = 500
ONLY_SUPERVISORS = "Only a supervisor can stop or start writing to Zoom."
NOT_TWICE = "You asked for writing to start again, so another supervisor confirms it."
NOT_ONES_OWN = "You stopped writing, so another supervisor confirms that it starts again."
NOBODY_YET = "nobody yet; an administrator has to make somebody a supervisor"
NAMES_SHOWN = 5
VERBS = ("stop", "start", "confirm", "decline")


class Halted(Exception):
    """A write was kept from leaving; the text says why, in words for people.

    `wait` is how many seconds to let pass before the next try; 0 where starting again rings for it.
    """

    def __init__(self, reason: str, *, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


_STOPPED = Found(WriteStop.in_force_now)


def look() -> None:
    """Raise Halted while people have stopped writing, and when the database does not say whether they have."""
    try:
        stop = WriteStop.current() if _STOPPED() else None
    except DatabaseError as error:
        words = "Whether writing to Zoom is stopped could not be looked up."
        raise Halted(words, wait=settings.SWEEP_SECONDS) from error
    if stop:
        raise Halted(stop.words)


def may(user: User, verb: str, stop: WriteStop | None) -> Answer:
    """Answer whether `user` may stop writing, ask for its start, confirm or decline that: for buttons and verbs alike.

    Whether the stop is at that point is not asked here: the change of the row finds out.
    """
    if not user.holds(Role.SUPERVISOR):
        return Answer(False, ONLY_SUPERVISORS, _who_stops(user))
    if verb == "confirm" and stop and user.pk in (stop.start_asked_by_id, stop.stopped_by_id):
        reason = NOT_TWICE if user.pk == stop.start_asked_by_id else NOT_ONES_OWN
        return Answer(False, reason, _who_confirms(stop))
    return YES


def actions(user: User, stop: WriteStop | None) -> dict[str, Answer]:
    """Return the answer for every verb, for the page that shows the buttons."""
    if not user.holds(Role.SUPERVISOR):  # one answer for all, looked up once
        return dict.fromkeys(VERBS, may(user, "stop", stop))
    return {verb: may(user, verb, stop) for verb in VERBS}


def confirmers(stop: WriteStop, *, asker: User | None = None) -> list[User]:
    """Return by name the supervisors who could confirm the start that was asked for, or that `asker` would ask for."""
    asked = asker.pk if asker else stop.start_asked_by_id
    return [user for user in _supervisors() if user.pk not in (asked, stop.stopped_by_id)]


def _supervisors(*masters: int | None) -> list[User]:
    """Return the supervisors by name; with `masters`, those alone who are it for one of them or for all."""
    grants = RoleGrant.objects.in_force().filter(role=Role.SUPERVISOR).select_related("user")
    if masters and None not in masters:
        grants = grants.filter(models.Q(master=None) | models.Q(master__in=masters))
    return sorted({grant.user for grant in grants}, key=lambda user: (str(user), user.pk))


def _who_stops(user: User) -> str:
    """Return who could stop writing or start it: of the supervisors, those whose master accounts `user` knows of."""
    could = _supervisors(*{grant.master_id for grant in user.grants})
    return ", ".join(str(one) for one in could[:NAMES_SHOWN]) or NOBODY_YET


def dead_end(stop: WriteStop, user: User) -> str:
    """Return in words that nobody could confirm the start if `user` asked for it, or ""."""
    if confirmers(stop, asker=user):
        return ""
    if user.pk == stop.stopped_by_id:
        return f"Nobody else is a supervisor, so who could confirm it: {NOBODY_YET}."
    return (
        f"If you ask, nobody is left to confirm it: {stop.stopped_by} stopped writing and cannot."
        f" Let {stop.stopped_by} ask; then you can confirm."
    )


def _who_confirms(stop: WriteStop) -> str:
    """Return who could confirm; where nobody could, the way out of it."""
    could = ", ".join(str(user) for user in confirmers(stop)[:NAMES_SHOWN])
    if could or stop.start_asked_by_id in (None, stop.stopped_by_id):
        return could or NOBODY_YET
    return f"nobody while {stop.start_asked_by} is who asked: keep it stopped, ask yourself, and they can confirm"


def stop(*, actor: User, reason: str) -> WriteStop:
    """Stop all writing to Zoom, for every master account. Raises Refused, Invalid, or Stale when it is stopped."""
    _demand(actor, "stop", None)
    _demand_reason(reason)
    made = WriteStop(reason=reason.strip(), stopped_by=actor, stopped_at=clock.now())
    try:
        with audit.change():
            made.save(force_insert=True)
            made.refresh_from_db()
            audit.record(Action.WRITING_STOPPED, actor=actor, on=made, comment=made.reason)
    except IntegrityError as error:
        raise Stale(_standing()) from error
    return made


def ask_to_start(stop: WriteStop, *, actor: User) -> None:
    """Ask for writing to start again; another supervisor confirms. Raises Refused or Stale."""
    _demand(actor, "start", stop)
    changes = {"start_asked_by": actor, "start_asked_at": clock.now()}
    with audit.change():
        _change(stop, models.Q(start_asked_by=None), changes)
        audit.record(Action.WRITING_START_ASKED, actor=actor, on=stop)


def decline_to_start(stop: WriteStop, *, actor: User, reason: str) -> None:
    """Withdraw the question whether to start again; open to whoever asked it and to any other supervisor."""
    _demand(actor, "decline", stop)
    _demand_reason(reason)
    with audit.change():
        _change(stop, ~models.Q(start_asked_by=None), {"start_asked_by": None, "start_asked_at": None})
        audit.record(Action.WRITING_START_DECLINED, actor=actor, on=stop, comment=reason.strip())


def confirm_start(stop: WriteStop, *, actor: User) -> None:
    """Let writing start again, as a supervisor who neither stopped it nor asked; all that waited is rung for.

    Raises Refused or Stale.
    """
    _demand(actor, "confirm", stop)
    asked_by_other = (
        ~models.Q(start_asked_by=None) & ~models.Q(start_asked_by=actor) & ~models.Q(stopped_by=actor)
    )
    with audit.change():
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
    if rules.says_nothing(reason):
        raise Invalid({"reason": ["Say why: everybody reads it, and the audit trail keeps it."]})
    if found := list(rules.text_problems(reason, REASON_MAX_LENGTH)):
        raise Invalid({"reason": found})


def _demand(actor: User, verb: str, stop: WriteStop | None) -> None:
    """Raise Refused where `may` says no, and write that down in a transaction of its own."""
    answer = may(actor, verb, stop)
    if not answer:
        action, on = Action.WRITING_ACTION_REFUSED, stop or actor
        refusals.refuse(action, verb, answer.reason, who=answer.who, actor=actor, on=on)
