"""Sending the letters that are due: claimed by compare-and-swap, tried again for a day, each with what came of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend

from trunks import access, audit
from trunks.actions import Action
from trunks.compiled import Rows
from trunks.models import How, Notice, Sending, State, Topic, TrunkRequest, clock
from trunks.models.trunk_request import named_request
from trunks.workflow import alarms, choosing, deciders, digest, letters, mail_faults, outbox
from trunks.workflow.letters import Letter

BATCH = 100
TIMEOUT_SECONDS = 10.0
LEASE_SECONDS = 120.0
LONGEST_WAIT = 3600.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Aside:
    """Why a letter is not sent, or not yet; the subject is for the morning mail, which tells of it."""

    reason: str
    sending: Sending = Sending.SPARED
    subject: str = ""


def send_due() -> None:
    """Send what is due for a turn, at most 100 e-mails, over one connection; a mail server that is down ends it."""
    connection: BaseEmailBackend | None = None
    try:
        for _ in outbox.one_round(BATCH):
            notice = _claim()
            if notice is None:
                return
            letter = _letter(notice)
            if isinstance(letter, Aside):
                outbox.write(notice, sending=letter.sending, problem=letter.reason, subject=letter.subject)
                continue
            connection = connection or mail.get_connection(timeout=TIMEOUT_SECONDS)
            if not _send(notice, letter, connection):
                return
    finally:
        if connection:
            connection.close()


def _claim() -> Notice | None:
    return outbox.claim(_NEXT, seconds=LEASE_SECONDS)


_NEXT = Rows(
    lambda: outbox.first_free(
        Notice.objects.due().select_related("user", "occasion__actor", "occasion__trunk_request")
    )
)


def _letter(notice: Notice) -> Letter | Aside:
    """Return the words, or why the letter is not sent: it is not wanted, or not needed any more, or not yet."""
    occasion, topic = notice.occasion, Topic(notice.occasion.topic)
    if not notice.user.is_active:
        return Aside("The person is deactivated.")
    if topic == Topic.DIGEST:
        return digest.letter(notice.user) or Aside("Nothing waits.")
    if occasion.trunk_request_id is None:
        return letters.to_administrators(occasion)
    trunk_request = named_request(occasion.trunk_request_id)
    if trunk_request is None:
        return Aside("There is no such request any more.")
    if reason := _needless(notice, trunk_request):
        return Aside(reason)
    letter = letters.about_request(occasion, trunk_request)
    how = choosing.how(notice.user, topic)
    if how == How.NEVER:
        return Aside("The person does not want it.")
    return Aside("", Sending.HELD, letters.one_line(letter.subject)) if how == How.IN_DIGEST else letter


def _needless(notice: Notice, trunk_request: TrunkRequest) -> str:
    """Return why the letter has no point any more, or ""."""
    topic, user = notice.occasion.topic, notice.user
    if not access.reaches(user, trunk_request.master_id):
        return "The person has no role for the master account any more."
    if topic in (Topic.ASKED, Topic.REMINDER, Topic.ESCALATED) and trunk_request.state != State.PENDING:
        return "The request does not wait any more."
    if topic in (Topic.ASKED, Topic.REMINDER) and user not in deciders.able(trunk_request):
        return "The person cannot decide on it any more."
    if topic == Topic.LOST and alarms.is_over(notice.occasion):
        return "The customer has a trunk again, or has left."
    return ""


def _send(notice: Notice, letter: Letter, connection: BaseEmailBackend) -> bool:
    """Send one letter and write down what came of it; say whether the mail server is worth another."""
    try:
        connection.send_messages([letters.message(notice, letter)])
    except (OSError, ValueError) as error:
        _failed(notice, error, for_good=mail_faults.is_for_good(error))
        if mail_faults.is_about_the_server(error):
            _put_off()
            return False
        return True
    with audit.change():
        subject = letters.one_line(letter.subject)
        outbox.write(notice, sending=Sending.SENT, sent_at=clock.now(), subject=subject, problem="")
        Notice.objects.filter(pk__in=letter.carries, sending=Sending.HELD).update(
            sending=Sending.SENT, sent_at=clock.now()
        )
    return True


def _put_off() -> None:
    """Let everything that is due wait a little: a mail server that is down costs one time-out, not one a letter."""
    Notice.objects.due().update(next_attempt_at=clock.after(outbox.wait_after(0, longest=LONGEST_WAIT)))


def _failed(notice: Notice, error: Exception, *, for_good: bool) -> None:
    problem = f"{type(error).__name__}: {error}"[:2000]
    logger.warning("%s about %s was not sent: %s", notice, notice.occasion, problem)
    if not (for_good or outbox.is_over(notice)):
        outbox.write(
            notice,
            problem=problem,
            next_attempt_at=clock.after(outbox.wait_after(notice.tries, longest=LONGEST_WAIT)),
        )
        return
    with audit.change():
        outbox.write(notice, sending=Sending.FAILED, problem=problem)
        on = notice.occasion.trunk_request or notice
        told = {"to": notice.user.email, "about": notice.occasion.topic}
        audit.record(
            Action.NOTICE_FAILED,
            actor=None,
            why="the mail server did not accept it",
            on=on,
            after=told,
            comment=problem,
        )
