"""What an administrator does about letters that could not be sent."""

from __future__ import annotations

from trunks import audit, dispatch
from trunks.actions import Action
from trunks.models import Notice, Sending, User, clock
from trunks.workflow.errors import Stale

GONE = "The e-mail has been sent meanwhile, or a worker is sending it right now."


def send_again(notice: Notice, *, actor: User) -> None:
    """Try a letter again at once, and for another day. Raises Stale when it was sent, or is being sent."""
    stuck = Notice.objects.stuck().filter(clock.unleased(), pk=notice.pk, tries=notice.tries)
    with audit.change():
        # The count of tries stays: it is what tells a worker that it still has the letter.
        again = {"sending": Sending.WAITING, "made_at": clock.now(), "next_attempt_at": clock.now()}
        if not stuck.update(problem="", **again):
            raise Stale(GONE)
        on = notice.occasion.trunk_request or notice
        told = {"to": notice.user.email, "about": notice.occasion.topic}
        audit.record(Action.NOTICE_SENT_AGAIN, actor=actor, on=on, after=told)
        dispatch.ring(dispatch.LETTERS, 0)
