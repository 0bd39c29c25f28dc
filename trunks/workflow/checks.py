"""Checks of the audit trail as work: asked for by people or by the clock, carried out by a worker, and kept.

A check is a row. Its worker writes down after each piece how far it is; when the worker is lost, the sweep rings again
and the next one goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, IntegrityError
from django.db.models import Q
from django.db.models.functions import Coalesce

from trunks import audit, dispatch
from trunks.actions import Action
from trunks.audit_chain import Place, Unreadable, readable
from trunks.models import AuditCheck, AuditDigest, Result, Role, User, clock
from trunks.workflow import refusals, verifying

LOST_SECONDS = 60.0
FULL_DAYS = 7
AGAIN_HOURS = 1  # after one that could not be carried out
ONLY_READERS = "Only managers and administrators can have the audit trail verified."
WHY, ASKED = "schedule", "somebody asked for it"

_TOLD = {
    Result.PASSED: Action.VERIFICATION_PASSED,
    Result.FAILED: Action.VERIFICATION_FAILED,
    Result.BROKEN: Action.VERIFICATION_BROKEN,
}

logger = logging.getLogger(__name__)


def ask(*, actor: User, full: bool) -> AuditCheck:
    """Have the trail verified by a worker; return the check, or the one that is under way. Raises Refused."""
    if not (actor.holds(Role.MANAGER) or actor.holds(Role.ADMINISTRATOR)):
        action, who = Action.AUDIT_ACTION_REFUSED, "a manager or an administrator"
        refusals.refuse(action, "verify", ONLY_READERS, who=who, actor=actor, on=actor)
    return _begin(AuditCheck(full=full, asked_by=actor, asked_at=clock.read()), actor=actor)


def schedule() -> None:
    """Ask for what the clock wants: a full check every week, an incremental one after each new digest.

    One that could not be carried out has verified nothing, and is asked for again.
    """
    newest = AuditDigest.objects.first()
    last = AuditCheck.last_carried_out(full=True)
    # By the clock that the digests have: workers that each go by their own ask again and again, or not at all.
    now = clock.read()
    lately = AuditCheck.objects.filter(result=Result.BROKEN, asked_at__gte=now - timedelta(hours=AGAIN_HOURS))
    if newest is None or AuditCheck.running() or lately.exists():
        return
    if last is None or last.asked_at < now - timedelta(days=FULL_DAYS):
        _begin(AuditCheck(full=True, why=WHY, asked_at=now), actor=None)
    elif not AuditCheck.objects.carried_out().filter(asked_at__gte=newest.made_at).exists():
        _begin(AuditCheck(full=False, why=WHY, asked_at=now), actor=None)


def ring_lost() -> None:
    """Ring for the check that no worker has taken up, or whose worker was lost."""
    check = AuditCheck.objects.filter(_free(), under_way=True).first()
    if check:
        dispatch.ring_now(dispatch.VERIFY, check.pk)


def run(pk: int) -> None:
    """Carry a check out, from where it was left; leave quietly when somebody else does or has."""
    mine = AuditCheck.objects.filter(_free(), pk=pk, under_way=True)
    now = clock.now()
    if not mine.update(seen_at=now, started_at=Coalesce("started_at", now)):
        return
    check = AuditCheck.objects.get(pk=pk)
    _finish(check, _carry_out(check))


def run_here(
    *, full: bool, resume: bool = False, tell: Callable[[AuditCheck], None] | None = None
) -> AuditCheck:
    """Carry out a check at once, for the command line, and return it finished.

    With `resume`, the last check of this kind that was interrupted is continued. Only a result that raises or ends the
    alarm becomes an event: otherwise checking must not make the trail longer.
    """
    alarmed = AuditCheck.alarm() is not None
    mine = AuditCheck.objects.filter(under_way=False, finished_at=None, full=full)
    check = mine.first() if resume else None
    if check is None:
        now = clock.read()
        check = AuditCheck(full=full, why="command line", asked_at=now, started_at=now, under_way=False)
        check.save()
    ended = _write(check, _carry_out(check, tell))
    if ended and (AuditCheck.alarm() is not None) is not alarmed:
        _tell(check)
    return check


def _begin(check: AuditCheck, *, actor: User | None) -> AuditCheck:
    try:
        with audit.change():
            check.save()
            audit.record(
                Action.VERIFICATION_ASKED,
                actor=actor,
                why=check.why,
                on=check,
                after={"kind": check.kind.lower()},
            )
            dispatch.ring(dispatch.VERIFY, check.pk)
    except IntegrityError:
        # It may have ended since.
        return AuditCheck.objects.latest("under_way", "id")
    return check


def _free() -> Q:
    """Return the condition that nobody works on a check."""
    return Q(seen_at=None) | Q(seen_at__lt=clock.after(-LOST_SECONDS))


def _carry_out(
    check: AuditCheck, tell: Callable[[AuditCheck], None] | None = None
) -> verifying.Finding | OSError:
    try:
        with readable():
            entrance = None if check.full else _entrance()
    except Unreadable:  # from the beginning on: that says what it is
        entrance = None
    since = Place(check.position, check.hash) if check.hash else None
    if not check.hash:
        check.start = check.position = entrance.last if entrance else 0
    try:
        return verifying.verify(
            since=since, after_day=entrance.day if entrance else None, progress=partial(_note, check, tell)
        )
    except OSError as error:
        return error


def _entrance() -> AuditDigest | None:
    """Return the newest digest that a passed check has verified, or None.

    The event of making a digest follows the last event that the digest seals. A check that ended before that event
    ended before the digest, so its events may have been altered before they were sealed.
    """
    passed = AuditCheck.objects.filter(result=Result.PASSED).order_by("-position").first()
    return AuditDigest.objects.filter(last__lt=passed.position).first() if passed else None


def _note(check: AuditCheck, tell: Callable[[AuditCheck], None] | None, place: Place, total: int) -> None:
    """Write down how far the check is."""
    check.position, check.hash, check.total = place.position, place.hash, total
    AuditCheck.objects.filter(pk=check.pk, finished_at=None).update(
        start=check.start, position=check.position, hash=check.hash, total=total, seen_at=clock.now()
    )
    if tell:
        tell(check)


def _finish(check: AuditCheck, found: verifying.Finding | OSError) -> None:
    """Write down what came of it, and tell of it."""
    if _write(check, found):
        _tell(check)


def _tell(check: AuditCheck) -> None:
    """Put the result on record. A trail that is damaged may not take the event, and the row says it anyway."""
    action = _TOLD[Result(check.result)]
    after = {"events": check.events, "head": check.hash, "first_bad": check.bad}
    try:
        with readable(), audit.change():
            why = check.why or ASKED
            audit.record(action, actor=None, why=why, on=check, after=after, comment=check.problem)
    except (DatabaseError, Unreadable):
        logger.exception("The result of %s could not be written to the audit trail.", check)


def _write(check: AuditCheck, found: verifying.Finding | OSError) -> bool:
    """Fill in the result; say whether this was the first to end the check."""
    if isinstance(found, OSError):
        check.result = Result.BROKEN
        check.problem = f"{_where(found)}: {found.strerror}."
    else:
        check.result = Result.PASSED if found.passed else Result.FAILED
        check.position, check.hash = found.place.position, found.place.hash
        check.digests, check.bad = found.digests, found.bad
        check.problem = found.problem or " ".join(found.notes)
    check.finished_at = clock.read()
    names = ("result", "problem", "start", "position", "hash", "digests", "bad", "finished_at")
    values = {name: getattr(check, name) for name in names}
    ended = AuditCheck.objects.filter(pk=check.pk, finished_at=None).update(under_way=False, **values)
    check.under_way = False
    return bool(ended)


def _where(error: OSError) -> str:
    """Say what cannot be read: a folder, or one file there."""
    path, folder = Path(error.filename or ""), settings.AUDIT_ARCHIVE_DIR
    archives = folder and Path(folder) in (path, path.parent)
    where = "folder of archives (AUDIT_ARCHIVE_DIR)" if archives else "second place (AUDIT_DIGEST_DIR)"
    inside = path.parent in {Path(str(one)) for one in (folder, settings.AUDIT_DIGEST_DIR) if one}
    return f"{path.name} in the {where} cannot be read" if inside else f"The {where} cannot be read"
