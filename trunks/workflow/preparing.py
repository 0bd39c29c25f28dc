"""Exports that a worker prepares as a file: asked for, written piece by piece, taken by whoever asked, and swept.

The file is kept in the database, in parts: web and worker share nothing else where they run on different machines, and
a part and how far it reaches are one transaction. A worker that is lost is followed by another, which goes on
from there.
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet, Sum
from django.utils import timezone

from trunks import access, audit, audit_chain, audit_export, audit_reading, dispatch
from trunks.actions import Action
from trunks.audit_lines import Piece
from trunks.models import Ending, FilePart, PreparedFile, User, clock
from trunks.workflow import archive, refusals

KEPT = timedelta(hours=24)
LEASE = 60.0  # a piece, and a window in which nothing is found, take far less
WINDOW = 250_000  # events that are looked through between two renewals of the lease
TURN = 20.0  # then the worker does other work first: requests must not wait behind a file
EACH = 3  # finished files that are kept of one person
FORMATS = ("csv", "jsonl")
ONLY_READERS = "Only managers and administrators can export the audit trail."
CHANGED = "What you may read of the trail has changed since. Ask for the file again."
FULL = "All prepared files together would be larger than this portal keeps. Ask for fewer days, or remove others."
CANNOT_BE_READ = "Something could not be read. Ask once more; if that ends the same, have the trail verified."
WHY = "a file was asked for"

logger = logging.getLogger(__name__)


def ask(form: str, filters: audit_reading.Filters, *, actor: User, asked: str) -> PreparedFile:
    """Have a file prepared; return it, or the one that is being prepared for `actor` already. Raises Refused."""
    _demand_reader(actor)
    last, _ = audit_chain.ends()
    file = PreparedFile(
        asked_by=actor,
        asked_at=timezone.now(),
        format=form,
        asked=asked,
        filters=_stored(filters),
        scope=scope(actor),
        upto=last.position,
    )
    try:
        with audit.change():
            file.save()
            told = {"format": form, "filters": asked, "up_to_event": last.position}
            audit.record(Action.FILE_ASKED, actor=actor, on=file, after=told)
            dispatch.ring(dispatch.PREPARE, file.pk)
    except IntegrityError:
        return PreparedFile.objects.filter(asked_by=actor).latest("id")
    return file


def remove(file: PreparedFile, *, actor: User) -> None:
    """Give a file up, or remove it before its time; what is gone already stays gone."""
    _demand_reader(actor)
    with audit.change():
        audit.record(Action.FILE_REMOVED, actor=actor, on=file, after={"events": file.events})
        removed, _ = PreparedFile.objects.filter(pk=file.pk).delete()
        if not removed:
            transaction.set_rollback(True)  # a second click: whoever was first has told of it


def take(file: PreparedFile, *, actor: User) -> Iterator[bytes]:
    """Return the content of a file that is ready, and write down that it was taken. Raises Refused."""
    _demand_reader(actor)
    if file.scope != scope(actor):
        action, who = Action.AUDIT_ACTION_REFUSED, "you, with a newly prepared file"
        refusals.refuse(action, "take a prepared file", CHANGED, who=who, actor=actor, on=file)
    with audit.change():
        told = {"events": file.events, "format": file.format, "filters": file.asked}
        audit.record(Action.FILE_TAKEN, actor=actor, on=file, after=told)
    lines = _content(file)
    return archive.of_table(lines, lambda: _proof(file)) if file.format == "csv" else lines


def prepare(pk: int) -> None:
    """Go on with a file for one turn; leave quietly when somebody else does, or it was given up."""
    mine = PreparedFile.objects.filter(clock.unleased(), pk=pk, under_way=True)
    if not mine.update(fence=F("fence") + 1, lease_until=clock.after(LEASE)):
        return
    file = PreparedFile.objects.select_related("asked_by").get(pk=pk)
    try:
        with audit_chain.readable():
            _write(file)
    except audit_chain.Unreadable:
        # The next worker would come no further, and the one after it.
        logger.exception("%s cannot be prepared.", file)
        _end(file, Ending.FAILED, CANNOT_BE_READ)


def look_after() -> None:
    """Remove what has expired, and ring for what no worker has in hand."""
    expired = PreparedFile.objects.filter(expires_at__lt=clock.now())
    if expired.exists():
        with audit.change():
            _let_go(expired, "its time is over")
    for pk in PreparedFile.objects.filter(clock.unleased(), under_way=True).values_list("pk", flat=True):
        dispatch.ring_now(dispatch.PREPARE, pk)


def scope(user: User) -> list[int] | None:
    """Return the master accounts whose trail `user` may read; None is all of them."""
    if access.for_all_masters(user, *audit_reading.READERS):
        return None
    masters = access.masters_where(user, *audit_reading.READERS)
    return sorted(masters.values_list("pk", flat=True))


def _demand_reader(actor: User) -> None:
    if not any(actor.holds(role) for role in audit_reading.READERS):
        action, who = Action.AUDIT_ACTION_REFUSED, "a manager or an administrator"
        refusals.refuse(action, "export", ONLY_READERS, who=who, actor=actor, on=actor)


def _write(file: PreparedFile) -> None:
    """Write pieces for one turn, and ring for the next; end the file when there are no more."""
    ends = time.monotonic() + TURN
    found = audit_reading.search(file.asked_by, _filters(file))
    making = audit_export.csv_pieces if file.format == "csv" else audit_export.json_pieces
    for until in _windows(file):
        for piece in making(found, until, audit_export.Mark(file.position, file.hash)):
            if not _goes_on(file) or not _keep(file, piece):
                return
            if time.monotonic() > ends:
                _mine(file).update(lease_until=None)
                dispatch.ring_now(dispatch.PREPARE, file.pk)
                return
        if not _mine(file).update(lease_until=clock.after(LEASE)):
            return
    if _goes_on(file):
        _end(file, Ending.READY)


def _windows(file: PreparedFile) -> Iterator[int]:
    """Yield until which number to look each time: so that filters that find little do not outlast the lease."""
    yield from range(file.position + WINDOW, file.upto, WINDOW)
    yield file.upto


def _goes_on(file: PreparedFile) -> bool:
    """Say whether the person may still read what is written; otherwise end it."""
    user = User.objects.get(pk=file.asked_by_id)  # read again: roles end while a file is being prepared
    reads = user.is_active and any(user.holds(role) for role in audit_reading.READERS)
    if reads and scope(user) == file.scope:
        return True
    _end(file, Ending.FAILED, CHANGED)
    return False


def _keep(file: PreparedFile, piece: Piece) -> bool:
    """Add a piece and write down how far the file is; False when it is not ours any more, or there is no room."""
    data = zlib.compress(piece.data, 6)
    kept = PreparedFile.objects.aggregate(all=Sum("size"))["all"] or 0
    if kept + len(data) > settings.EXPORT_MEGABYTES * 1_000_000:
        _end(file, Ending.FAILED, FULL)
        return False
    file.position, file.hash, file.first = piece.last, piece.hash, file.first or piece.first
    file.events, file.size = file.events + piece.count, file.size + len(data)
    changes = {name: getattr(file, name) for name in ("position", "hash", "first", "events", "size")}
    with audit.change():
        if not _mine(file).update(parts=file.parts + 1, lease_until=clock.after(LEASE), **changes):
            return False
        FilePart.objects.create(file=file, number=file.parts, data=data)
    file.parts += 1
    return True


def _mine(file: PreparedFile) -> QuerySet[PreparedFile]:
    return PreparedFile.objects.filter(pk=file.pk, fence=file.fence, under_way=True)


def _end(file: PreparedFile, ending: Ending, problem: str = "") -> None:
    """Write down how it came out, unless it was given up or another worker has it; then free what is too much."""
    action = Action.FILE_READY if ending == Ending.READY else Action.FILE_FAILED
    changes: dict[str, Any] = {"under_way": False, "lease_until": None, "ending": ending, "problem": problem}
    if ending == Ending.FAILED:
        changes |= {"parts": 0, "size": 0}
    expires = clock.after(KEPT.total_seconds())
    with audit.change():
        if not _mine(file).update(expires_at=expires, **changes):
            return
        if ending == Ending.FAILED:  # nobody gets it, and for a day it would take the room of others
            FilePart.objects.filter(file=file).delete()
        told = {"events": file.events, "bytes": file.size}
        audit.record(action, actor=None, why=WHY, on=file, after=told, comment=problem)
        others = PreparedFile.objects.filter(asked_by=file.asked_by_id, under_way=False)
        kept = list(others.values_list("pk", flat=True)[:EACH])
        _let_go(others.exclude(pk__in=kept), "there are newer ones")


def _let_go(files: QuerySet[PreparedFile], why: str) -> None:
    """Remove files and write each down, in the caller's change; one that another process has removed it tells of."""
    for file in files.select_related("asked_by"):
        removed, _ = PreparedFile.objects.filter(pk=file.pk).delete()
        if removed:
            told = {"events": file.events, "asked_by": str(file.asked_by)}
            audit.record(Action.FILE_LET_GO, actor=None, why=why, on=file, after=told)


def _content(file: PreparedFile) -> Iterator[bytes]:
    """Yield the file's lines; one part is held at a time."""
    if file.format == "csv":
        yield audit_export.HEADER
    for number in range(file.parts):
        yield zlib.decompress(FilePart.objects.get(file=file, number=number).data)
    if file.format != "csv":
        yield _proof(file)


def _proof(file: PreparedFile) -> bytes:
    return audit_export.proof(file.events, file.first, file.position, file.asked)


def _stored(filters: audit_reading.Filters) -> dict[str, Any]:
    """Return filters as JSON holds them."""
    values = asdict(filters)
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }


def _filters(file: PreparedFile) -> audit_reading.Filters:
    values = dict(file.filters)
    values["actions"] = tuple(values["actions"])
    for name in ("since", "until"):
        values[name] = values[name] and datetime.fromisoformat(values[name])
    return audit_reading.Filters(**values)
