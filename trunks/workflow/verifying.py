"""Verification of the audit trail: that no event was altered, removed, inserted or cut off.

The chain shows what was changed by somebody who could not compute hashes; the digests show it to whoever holds the
public key, even when all hashes were computed anew; the second place shows what was cut off at the end.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.conf import settings

from trunks import audit_chain, audit_quick, seals
from trunks.audit_chain import Misfit, Place, Unreadable, readable
from trunks.models import AuditArchive, AuditDigest
from trunks.workflow import second_place, verifying_archives

Progress = Callable[[Place, int], None]
CANNOT_BE_READ = "here or later something cannot be read that the portal never writes: the log says what."

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """What a check came to. `bad` is the first event that does not fit, and `problem` what is wrong with it."""

    place: Place
    checked: int = 0
    digests: int = 0
    bad: int | None = None
    problem: str = ""
    notes: Sequence[str] = field(default=())

    @property
    def passed(self) -> bool:
        return self.bad is None


def verify(
    *, since: Place | None = None, after_day: date | None = None, progress: Progress | None = None
) -> Finding:
    """Check the chain from its beginning, or after the place `since` that an earlier check has reached.

    With `after_day` the digests up to that day are taken for checked, and the chain is entered at the last of them.
    `progress` is told after each piece how far the check is, and the position of the last event. Raises OSError when
    the second place, the folder of archives, or a file there cannot be read.
    """
    walk, tally = _Walk(progress or (lambda *_: None)), _Tally()
    try:
        with readable():
            _follow(walk, tally, since, after_day)
    except Misfit as misfit:
        if AuditArchive.objects.count() != len(tally.kept):  # a month has left meanwhile, and is not missing
            return verify(since=since, after_day=after_day, progress=progress)
        return tally.finding(walk.begun, walk.place, misfit)
    except Unreadable:
        logger.exception("The audit trail cannot be read.")  # a worker that fails would be tried for ever
        return tally.finding(walk.begun, walk.place, Misfit(walk.place.position + 1, CANNOT_BE_READ))
    return tally.finding(walk.begun, walk.place)


def _follow(walk: _Walk, tally: _Tally, since: Place | None, after_day: date | None) -> None:
    """Go along archives, chain and digests; raise Misfit at the first that does not fit."""
    # In this order: what is added meanwhile must not look as if something were missing.
    newest = second_place.newest_day()
    tally.kept = list(AuditArchive.objects.order_by("month"))
    start, digests = _entrance(since, after_day)
    walk.begin(start, {digest.last for digest in digests})
    archived = verifying_archives.follow(tally.kept, digests)
    audit_chain.demand_none_outside(archived.position)
    last, head = audit_chain.ends()
    walk.enter(archived, last.position)
    for digest in digests:
        _demand(digest, tally, newest, entered=digest.day == after_day)
        walk.to(min(digest.last, last.position))
        _compare(digest, walk.place, last)
    _none_beyond(digests, newest)
    walk.to(last.position)
    _compare_head(head, walk.place)


@dataclass
class _Tally:
    """What was seen of the digests so far."""

    digests: int = 0
    unsigned: int = 0
    not_there: int = 0
    before: AuditDigest | None = None
    kept: Sequence[AuditArchive] = ()

    def finding(self, start: Place, place: Place, misfit: Misfit | None = None) -> Finding:
        return Finding(
            place=place,
            checked=place.position - start.position,
            digests=self.digests,
            bad=misfit.position if misfit else None,
            problem=misfit.what if misfit else "",
            notes=tuple(_notes(self)),
        )


class _Walk:
    """Goes along the chain, piece by piece, and remembers how far it is.

    It looks ahead the quick way, over as many digests as a piece has, and goes event by event where that stops.
    """

    def __init__(self, progress: Progress) -> None:
        self.begun = self.place = Place()
        self.total = 0
        self.progress = progress
        self.marks: Collection[int] = ()
        self.proven: deque[Place] = deque()

    def begin(self, place: Place, marks: Collection[int]) -> None:
        """Begin at `place`; `marks` are where something is to be compared."""
        self.begun = self.place = place
        self.marks = marks

    def enter(self, place: Place, total: int) -> None:
        """Go on after what has left the trail, unless that lies behind; the last event is `total`."""
        self.total = total
        self.begun = self.place = max(self.place, place, key=lambda one: one.position)

    def to(self, position: int) -> None:
        """Check the events up to `position`; raise Misfit at the first that does not fit."""
        while self.place.position < position:
            if not self.proven:
                self.proven.extend(self._looked_ahead())
            if self.proven and self.proven[0].position <= position:
                self.place = self.proven.popleft()
            else:
                self.proven.clear()
                self._step(position)
            if not self.proven:
                self.progress(self.place, self.total)

    def _step(self, position: int) -> None:
        rows = self._readable(position)
        if not rows:
            raise Misfit(self.place.position + 1, "the event is missing.")
        self.place = audit_chain.follow(self.place, rows)

    def _looked_ahead(self) -> list[Place]:
        try:
            with readable():
                return audit_quick.prove(self.place, self.total, self.marks)
        except Unreadable:  # the other way finds out where
            return []

    def _readable(self, position: int) -> list[audit_chain.Row]:
        """Return the next events; raise Misfit where the database cannot read the next one."""
        size, reached = audit_chain.PIECE, self.place.position
        while True:
            try:
                with readable():
                    return audit_chain.piece(reached, position)
            except Unreadable as error:
                if size == 1:
                    raise Misfit(reached + 1, audit_chain.CANNOT_HOLD) from error
                size //= 10
                position = min(position, reached + size)


def _entrance(since: Place | None, after_day: date | None) -> tuple[Place, list[AuditDigest]]:
    """Return where the walk begins, and the digests to check, oldest first.

    An incremental check enters by the hash in the signed digest, not by the one that the event bears.
    """
    digests = AuditDigest.objects.order_by("day")
    if after_day is None:
        return since or Place(), list(digests)
    entrance = digests.get(day=after_day)
    return since or Place(entrance.last, entrance.head), list(digests.filter(day__gte=after_day))


class _Wrong(Exception):
    """What is wrong with a digest besides its signature; goes on after "the digest of that day"."""


def _demand(digest: AuditDigest, tally: _Tally, newest: date | None, *, entered: bool) -> None:
    """Raise Misfit unless the digest is signed, says what its row says, follows the one before, and lies there too."""
    try:
        proven = seals.judge(digest.statement, digest.signature, settings.AUDIT_PUBLIC_KEYS) == seals.PROVEN
        if _retold(digest) != digest.statement:
            raise _Wrong("says something else in its columns than in what was signed")
        if not entered:
            _demand_succession(digest, tally.before)
        there = _demand_there(digest, newest)
    except (seals.Forged, _Wrong) as error:
        raise Misfit(digest.first, f"the digest of {digest.day.isoformat()} {error}.") from error
    tally.digests += 1
    tally.unsigned += not proven
    tally.not_there += not there
    tally.before = digest


def _demand_there(digest: AuditDigest, newest: date | None) -> bool:
    """Say whether the digest lies in the second place; raise _Wrong when it should and does not."""
    if newest is None or digest.day > newest:
        return False
    there = second_place.content(digest.day)
    if there is None:
        raise _Wrong("is missing in the second place, or what lies there is none")
    if there != (digest.statement, digest.signature):
        raise _Wrong("is another one in the second place")
    return True


def _demand_succession(digest: AuditDigest, before: AuditDigest | None) -> None:
    previous = seals.fingerprint(before.statement) if before else seals.GENESIS
    if before and digest.day != before.day + timedelta(days=1):
        raise _Wrong(f"follows that of {before.day.isoformat()}: the days between have none")
    if digest.previous != previous:
        raise _Wrong("does not follow the digest before: one was replaced or taken out")
    if digest.first != (before.last if before else 0) + 1 or digest.last < digest.first - 1:
        raise _Wrong("does not begin where the digest before ends")


def _retold(digest: AuditDigest) -> str:
    """Return the statement with the values of the row in it: the same text, unless a column was altered."""
    said = seals.read(digest.statement)
    return seals.Statement(
        day=digest.day,
        first=digest.first,
        last=digest.last,
        head=digest.head,
        previous=digest.previous,
        earliest=said.earliest,
        latest=said.latest,
        key=digest.key,
    ).text()


def _compare(digest: AuditDigest, place: Place, last: Place) -> None:
    """Raise Misfit unless the chain has reached the digest's last event, and its hash there."""
    day = digest.day.isoformat()
    if last.position < digest.last:
        missing = last.position + 1
        raise Misfit(missing, f"cut off: the digest of {day} knows the events up to {digest.last}.")
    if place.position == digest.last and place.hash != digest.head:
        raise Misfit(
            digest.first,
            f"the events {digest.first} to {digest.last} were rewritten: the digest of {day} has another hash.",
        )


def _none_beyond(digests: Sequence[AuditDigest], newest: date | None) -> None:
    """Raise Misfit when the second place has digests that the database has not: an older database was put back."""
    known = digests[-1] if digests else None
    if newest is None or (known and newest <= known.day):
        return
    position = known.last + 1 if known else 1
    upto = _known_there(newest)
    raise Misfit(
        position,
        f"the second place has a digest of {newest.isoformat()}, the database has none: an older database was put"
        f" back, or digests were taken out.{upto}",
    )


def _known_there(day: date) -> str:
    there = second_place.content(day)
    with suppress(seals.Forged):
        return f" It knows the events up to {seals.read(there[0]).last}." if there else ""
    return ""


def _compare_head(head: Place, place: Place) -> None:
    if head.position != place.position:
        first = min(head.position, place.position) + 1
        raise Misfit(
            first, f"the head of the chain is event {head.position}, the last one there is {place.position}."
        )
    if head.hash != place.hash:
        raise Misfit(place.position, "the head of the chain bears another hash than the last event.")


def _notes(tally: _Tally) -> Iterator[str]:
    """Yield what a check that passes could not show."""
    if tally.kept:
        yield verifying_archives.note(tally.kept)
    if not settings.AUDIT_PUBLIC_KEYS:
        yield (
            "No key is set here (AUDIT_PUBLIC_KEYS or AUDIT_SIGNING_KEY), so that no signature was checked:"
            " whoever can write to the database can rewrite all of it."
        )
    elif tally.unsigned:
        yield f"{tally.unsigned} digests are from before there was a signing key."
    if not second_place.is_set():
        yield "No second place is set (AUDIT_DIGEST_DIR): events cut off at the end would not be missed."
    elif tally.not_there:
        yield f"Digests that are not in the second place yet: {tally.not_there}."
