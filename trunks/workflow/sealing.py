"""The daily digest of the audit trail: what a day has, signed, and put where the database does not reach.

One digest for each UTC day, made once the day is over, in the order of the days; missed days are caught up with. It is
made by one insert that the day's uniqueness guards, so that of several workers one makes it and the others leave.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core import mail
from django.db import IntegrityError
from django.utils import timezone

from trunks import audit, audit_chain, dispatch, seals
from trunks.actions import Action
from trunks.models import AuditDigest, Heartbeat, Role, RoleGrant, User, clock
from trunks.workflow import mail_faults, second_place

# A transaction that began before midnight may end after it; its events then belong to the next digest.
MARGIN = timedelta(minutes=5)
TIMEOUT_SECONDS = 10.0
BATCH = 400
LETTER_DAYS = 60  # at most in one letter
# One process sends the letters; where none could be sent, they are tried again an hour later. By a row and no cache:
# without a Redis each process of a worker has its own.
RETRY_SECONDS = 3600
WHY = "daily digest"

logger = logging.getLogger(__name__)


def make_due() -> list[AuditDigest]:
    """Make the digests of all days that are over and have none, put them in the second place, and send them."""
    made = []
    try:
        for day in due():
            if digest := make(day):
                made.append(digest)
    except seals.Forged as error:
        logger.error("A day of the audit trail was not sealed: %s", error)
        _report(str(error))
    deliver()
    send_letters()
    return made


def due() -> list[date]:
    """Return the days that are over and have no digest yet, oldest first, at most BATCH of them.

    Over by both clocks, this process's and the database's: nothing that happens can be put into a digest of a day to
    come, and none is made a second time.
    """
    last = AuditDigest.objects.first()
    begun = last.day + timedelta(days=1) if last else _first_day()
    end = _day_over(timezone.now())
    if begun and begun < end:
        end = min(end, _day_over(clock.read()))
    days = (end - begun).days if begun else 0
    return [begun + timedelta(days=number) for number in range(min(days, BATCH))] if begun else []


def _day_over(now: datetime) -> date:
    """Return the day up to which, itself not included, days are over."""
    return (now - MARGIN).astimezone(UTC).date()


def ring_due() -> None:
    """Ring for the digests that are due, in case beat is gone."""
    if due():
        dispatch.ring_now(dispatch.SEAL, 0)


def deliver() -> None:
    """Put into the second place what is not there yet. A place that cannot be written is reported once a digest."""
    try:
        second_place.put(_missing_there())
        if second_place.is_set():
            Heartbeat.write(Heartbeat.SECOND_PLACE)
    except OSError as error:
        logger.exception("The digests of the audit trail cannot be written to AUDIT_DIGEST_DIR.")
        _report(f"AUDIT_DIGEST_DIR: {error.strerror or type(error).__name__}")


def _first_day() -> date | None:
    moment = audit_chain.first_moment()
    return moment.astimezone(UTC).date() if moment else None


def make(day: date) -> AuditDigest | None:
    """Make the digest of `day`, or return None when somebody else has.

    Raises seals.Forged for one that no check would believe, because this process signs with a key that is not one of
    that day, or with none: it would stand for good, and with it the alarm.
    """
    digest = _digest_of(day)
    try:
        _judge(digest)
    except seals.Forged as error:
        words = f"with the AUDIT_SIGNING_KEY of this worker the digest of {day.isoformat()} {error}"
        raise seals.Forged(f"{words}. See AUDIT_PUBLIC_KEYS.") from None
    try:
        with audit.change():
            digest.save(force_insert=True)
            after = {"events": digest.count, "first": digest.first, "last": digest.last, "head": digest.head}
            audit.record(Action.DIGEST_MADE, actor=None, why=WHY, on=digest, after=after)
    except IntegrityError:
        return None
    return digest


def _judge(digest: AuditDigest) -> None:
    seals.judge(digest.statement, digest.signature, settings.AUDIT_PUBLIC_KEYS)


def _digest_of(day: date) -> AuditDigest:
    before = AuditDigest.objects.first()
    reached = before.last if before else 0
    midnight = datetime.combine(day + timedelta(days=1), time.min, UTC)
    last = max(audit_chain.last_before(midnight), reached)
    place = audit_chain.at(last)
    signing = settings.AUDIT_SIGNING_KEY
    statement = seals.Statement(
        day=day,
        first=reached + 1,
        last=last,
        head=place.hash if place else before.head if before else seals.GENESIS,
        previous=seals.fingerprint(before.statement) if before else seals.GENESIS,
        earliest=audit_chain.moment_of(audit_chain.at(reached + 1)) if last > reached else None,
        latest=audit_chain.moment_of(place) if last > reached else None,
        key=seals.key_id(seals.public_bytes(signing)) if signing else "",
    )
    return _signed(statement, signing)


def _signed(statement: seals.Statement, signing: Ed25519PrivateKey | None) -> AuditDigest:
    text = statement.text()
    return AuditDigest(
        day=statement.day,
        first=statement.first,
        last=statement.last,
        head=statement.head,
        previous=statement.previous,
        key=statement.key,
        statement=text,
        signature=seals.sign(signing, text) if signing else "",
        made_at=clock.read(),
    )


def _missing_there() -> Iterator[AuditDigest]:
    """Yield, oldest first, the digests of after the newest one in the second place.

    One that is missing among older ones is left missing: that it was taken away is for the check to say. One that the
    database holds and no check believes stays there: whoever may only add rows must not reach this place through us.
    """
    newest = second_place.newest_day()
    later = AuditDigest.objects.order_by("day")
    for digest in later.filter(day__gt=newest) if newest else later:
        with suppress(seals.Forged):
            if settings.AUDIT_PUBLIC_KEYS:
                _judge(digest)
            yield digest


def _report(words: str) -> None:
    """Write down, once for the newest digest, that it is not where it should be."""
    newest = AuditDigest.objects.first()
    if newest is None or audit.history(newest).filter(action=Action.DIGEST_NOT_SENT).exists():
        return
    with audit.change():
        audit.record(Action.DIGEST_NOT_SENT, actor=None, why=WHY, on=newest, comment=words)


def send_letters() -> None:
    """Send the managers one letter each with the digests that none has brought them yet.

    Every mailbox is one more place that the database does not reach. What a mail server did not take, or a worker that
    was lost did not send, comes with the next one; a mailbox that refuses its letter does not keep the others busy.
    """
    people, turn = managers(), Heartbeat.DIGEST_LETTERS
    if not (people and Heartbeat.take_turn(turn, every=RETRY_SECONDS, ahead=RETRY_SECONDS)):
        return
    unsent = _unsent()
    sent = _send(unsent, people) if unsent else []
    if sent:
        with audit.change():
            after = {"days": len(unsent), "to": [user.email for user in sent]}
            audit.record(Action.DIGEST_SENT, actor=None, why=WHY, on=unsent[-1], after=after)
    if sent or not unsent:
        Heartbeat.objects.filter(name=turn).update(at=clock.after(-RETRY_SECONDS))


def _unsent() -> list[AuditDigest]:
    """Return the digests of after the newest one that was sent, oldest first, of the last LETTER_DAYS."""
    newest = list(AuditDigest.objects.all()[:LETTER_DAYS])
    sent = audit.done_to(newest, Action.DIGEST_SENT)
    return [*takewhile(lambda digest: digest.pk not in sent, newest)][::-1]


def _send(unsent: Sequence[AuditDigest], people: Sequence[User]) -> list[User]:
    """Return who got the letter; why others did not is reported."""
    first, last = unsent[0].day.isoformat(), unsent[-1].day.isoformat()
    subject = f"Audit digest of {last if first == last else f'{first} to {last}'}"
    text, sent = _text(unsent), []
    for user in people:
        try:
            connection = mail.get_connection(timeout=TIMEOUT_SECONDS)
            connection.send_messages([mail.EmailMessage(subject, text, to=[user.email])])
            sent.append(user)
        except (OSError, ValueError) as error:
            logger.exception("The digests of the audit trail could not be sent to a manager.")
            _report(f"E-mail: {type(error).__name__}: {error}")
            if mail_faults.is_about_the_server(error):
                break
    return sent


def managers() -> list[User]:
    """Return everybody who is manager, by name."""
    grants = RoleGrant.objects.in_force().filter(role=Role.MANAGER).select_related("user")
    return sorted({grant.user for grant in grants}, key=lambda user: (str(user), user.pk))


def _text(made: Sequence[AuditDigest]) -> str:
    unsigned = (
        ""
        if all(digest.key for digest in made)
        else "No signing key is set: these digests are not signed.\n\n"
    )
    return (
        "Keep this e-mail. Whoever alters the audit trail later cannot alter what it says.\n"
        "`python manage.py verify_audit` checks the trail against it.\n\n"
        + unsigned
        + "\n".join(digest.envelope for digest in made)
    )
