"""One call that assigns trunks: the intent is committed, the call made, the answer written down, the list read back."""

from __future__ import annotations

import time

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from trunks import audit
from trunks.actions import Action
from trunks.models import Line, LineState, Step, clock
from trunks.workflow import settling
from trunks.workflow.claims import Claim
from trunks.workflow.reading import absent, look_up, read_list, refuse, write_findings
from trunks.workflow.stopping import Halted
from trunks.workflow.transitions import mark
from trunks.workflow.words import sentence
from trunks.zoom import errors
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import ZoomError
from trunks.zoom.types import Assignment

# How long the worker itself waits, in seconds, for Zoom's list to show what Zoom accepted, before it leaves that to
# the sweep. Nothing is known of a delay; most calls need the first look only.
LOOKS = (0.0, 0.3, 0.7, 1.5)

# Zoom's no to these is about the account, so that every line of the call shares it.
ABOUT_THE_ACCOUNT = (
    errors.AccountNotFound,
    errors.NotEnrolled,
    errors.NotMaster,
    errors.NoTrunkConfigs,
    errors.ScopeMissing,
)


def send(claim: Claim, client: ZoomClient, group: list[Line]) -> bool:
    """Assign the lines of `group` in one call; say whether each now has its outcome.

    False means that the claim was given up: the request waits, or is unconfirmed. Raises Fenced.
    """
    lines = claim.trunk_request.lines.filter(pk__in=[line.pk for line in group])
    _intend(claim, lines, group)
    try:
        # Right before the call leaves, the client asks the claim once more whether its lease outlives the call.
        client.assign_trunks(claim.trunk_request.sub_account.zoom_id, [_assignment(line) for line in group])
    except Halted as halt:
        return _halted(claim, lines, halt)
    except ZoomError as error:
        return _not_accepted(claim, client, lines, error)
    _note(claim, lines, "Zoom accepted the call.", answered=True)
    return _read_back(claim, client, lines)


def _assignment(line: Line) -> Assignment:
    return Assignment(line.trunk.zoom_id, line.dnis, line.outbound_caller_id)


def _intend(claim: Claim, lines: QuerySet[Line], group: list[Line]) -> None:
    with transaction.atomic():
        claim.write(
            step=Step.SENDING, sent_at=clock.now(), sends=F("sends") + 1, landed=False, absent_at=None
        )
        mark(lines, LineState.UNKNOWN, sends=F("sends") + 1, answered=False, detail="")
        account = claim.trunk_request.sub_account
        audit.record(
            Action.PROVISIONING_INTENDED,
            actor=None,
            why=settling.WHY,
            on=claim.trunk_request,
            after={
                "call": f"POST /accounts/{account.zoom_id}/sip_trunk/trunks",
                "sip_trunks": [line.content() for line in group],
            },
        )


def _note(claim: Claim, lines: QuerySet[Line], outcome: str, *, answered: bool = False) -> None:
    """Write down how the call ended, with Zoom's tracking id."""
    with transaction.atomic():
        claim.hold()
        lines.update(answered=answered, tracking_id=claim.last_tracking_id[:200])
        audit.record(
            Action.PROVISIONING_ANSWERED,
            actor=None,
            why=settling.WHY,
            on=claim.trunk_request,
            comment=outcome,
            tracking_id=claim.last_tracking_id[:200],
        )


def _not_accepted(claim: Claim, client: ZoomClient, lines: QuerySet[Line], error: ZoomError) -> bool:
    _note(claim, lines, sentence(error))
    if error.might_have_happened:
        settling.leave_unconfirmed(claim, sentence(error), look_after=settings.QUIET_SECONDS)
        return False
    if isinstance(error, errors.RateLimited | errors.NotSent | errors.CredentialsRefused):
        _unsend(claim, lines)
        if isinstance(error, errors.RateLimited):
            settling.wait_for_rate(claim, error)
        else:
            settling.wait_for_zoom(claim, error)
        return False
    return _refused(claim, client, lines, error)


def _halted(claim: Claim, lines: QuerySet[Line], halt: Halted) -> bool:
    """The call was kept from leaving. That is no failure: the request is taken up when writing starts again."""
    _unsend(claim, lines)
    action = Action.PROVISIONING_HALTED
    settling.release(claim, str(halt), wait=halt.wait, counted=False, action=action)
    return False


def _unsend(claim: Claim, lines: QuerySet[Line]) -> None:
    """Take the lines back to where they were: the call surely did nothing."""
    with transaction.atomic():
        claim.write(step=Step.CLAIMED, sends=F("sends") - 1)
        mark(lines, LineState.NOT_SENT, sends=F("sends") - 1)


def _refused(claim: Claim, client: ZoomClient, lines: QuerySet[Line], error: ZoomError) -> bool:
    """Zoom said no. Of a call with several lines nobody documents whether some were applied all the same."""
    words = sentence(error)
    if lines.count() > 1 and not isinstance(error, ABOUT_THE_ACCOUNT):
        # Sending the lines one by one right away would double those that Zoom did apply and does not list yet.
        lines.update(detail=words)
        claim.write(one_by_one=True)
        settling.leave_unconfirmed(claim, words, look_after=settings.QUIET_SECONDS)
        return False
    try:
        findings = look_up(lines.select_related("trunk"), read_list(claim, client))
    except ABOUT_THE_ACCOUNT:
        refuse(claim, lines, words)
        return True
    except ZoomError as unread:
        settling.leave_unconfirmed(claim, f"{words} {sentence(unread)}", look_after=settings.QUIET_SECONDS)
        return False
    write_findings(claim, findings)
    refuse(claim, lines.filter(pk__in=[line.pk for line in absent(findings)]), words)
    return True


def _read_back(claim: Claim, client: ZoomClient, lines: QuerySet[Line]) -> bool:
    """Read Zoom's list until it shows every line of the call, a few times at most."""
    why = "Zoom accepted the call, but its list does not show it yet."
    for pause in LOOKS:
        time.sleep(pause)
        try:
            findings = look_up(lines.select_related("trunk"), read_list(claim, client))
        except ZoomError as error:
            why = f"Zoom accepted the call, but its list cannot be read. {sentence(error)}"
            break
        write_findings(claim, findings)
        if not absent(findings):
            return True
    settling.leave_unconfirmed(claim, why, look_after=settling.backoff(0))
    return False
