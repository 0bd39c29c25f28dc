"""One call that changes something: the intent is committed, the call made, the answer noted, the list read back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from http.client import CONFLICT

from django.conf import settings
from django.db.models import F

from trunks import audit
from trunks.actions import Action
from trunks.models import Line, LineState, Phase, Step, clock
from trunks.models.trunk_request import line_content
from trunks.workflow import circuits, settling
from trunks.workflow.claims import Claim
from trunks.workflow.reading import (
    Findings,
    ask_for_list,
    echoed,
    gone_once,
    look_after,
    look_up,
    read_list,
    refuse,
    take_in,
    trunks_of,
    unmet,
    write_findings,
    write_outcomes,
)
from trunks.workflow.reconcile import MOST_SENDS
from trunks.workflow.stopping import Halted
from trunks.workflow.transitions import mark, write_lines
from trunks.workflow.words import sentence
from trunks.zoom import errors
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import ZoomError
from trunks.zoom.meanwhile import meanwhile
from trunks.zoom.types import Assignment

# How long the worker itself waits, in seconds, for Zoom's list to show what Zoom accepted, before it leaves that to
# the sweep. Nothing is known of a delay; most calls need the first look only.
LOOKS = (0.0, 0.3, 0.7, 1.5)

ONE_MORE, ONE_LESS = F("sends") + 1, F("sends") - 1
ALL_THE_SAME = "Whether it was done all the same is read from Zoom's list."
# Of a removal these say no before there is anything to remove.
BEFORE_ANYTHING = (errors.NotEnrolled, errors.NotMaster, errors.NoTrunkConfigs, errors.ScopeMissing)
_ALREADY = re.compile(r"\balready\b|\bin use\b|\bexists\b|\bduplicate|\bin progress\b", re.IGNORECASE)
# Zoom's no to these is about the account, so that every line of the call shares it.
ABOUT_THE_ACCOUNT = (errors.AccountNotFound, *BEFORE_ANYTHING)


def _nothing() -> None:
    """Leave nothing to be written down."""


def send(
    claim: Claim,
    client: ZoomClient,
    group: list[Line],
    *,
    keep: Callable[[], None] = _nothing,
    then: Callable[[], bool] | None = None,
) -> bool:
    """Do in one call what the phase of the lines of `group` wants; say whether the claim goes on.

    Lines that are to be assigned may go together, up to 30; what is to be removed goes alone. Afterwards each has its
    outcome, or is as unsent as before and is looked for in Zoom's list before it is sent again.

    What is still to be written down, `keep` does while the call is on its way.

    Where the list shows all that Zoom has accepted, `then` ends the claim, in the transaction in which that is written
    down; without it the claim goes on. False means that it does not: the request waits, is unconfirmed, or has ended.
    Raises Fenced, as `then` must when the claim does not hold any more.
    """
    _intend(claim, group)
    try:
        # Right before the call leaves, the client asks the claim once more whether its lease outlives the call.
        with meanwhile(keep):
            _call(client, claim.trunk_request.sub_account.zoom_id, group)
    except Halted as halt:
        return _halted(claim, group, halt)
    except ZoomError as error:
        return _not_accepted(claim, client, group, error)
    return _read_back(claim, client, group, then)


def _call(client: ZoomClient, account_id: str, group: list[Line]) -> None:
    if group[0].phase == Phase.REMOVE:
        client.unassign_trunk(account_id, group[0].zoom_id)
    else:
        client.assign_trunks(account_id, [Assignment(line.trunk.zoom_id, *line.target()) for line in group])


def _in_words(account_id: str, group: list[Line]) -> dict[str, object]:
    """Return the call that `_call` makes, as the audit trail keeps it."""
    path = f"/accounts/{account_id}/sip_trunk/trunks"
    if group[0].phase == Phase.REMOVE:
        return {"call": f"DELETE {path}/{group[0].zoom_id}", "dnis": group[0].current_dnis}
    sent = [line_content(line.trunk.zoom_id, *line.target(), "") for line in group]
    return {"call": f"POST {path}", "sip_trunks": sent}


def _intend(claim: Claim, group: list[Line]) -> None:
    begun = time.monotonic()
    with audit.change():
        claim.write(step=Step.SENDING, sent_at=clock.now(), sends=ONE_MORE, landed=False, absent_at=None)
        sends = [line.sends + 1 for line in group]
        mark(group, LineState.UNKNOWN, sends=ONE_MORE, answered=False, absent_at=None)
        audit.record(
            Action.PROVISIONING_INTENDED,
            actor=None,
            why=settling.WHY,
            on=claim.trunk_request,
            after=_in_words(claim.trunk_request.sub_account.zoom_id, group),
        )
    claim.intended = begun
    for line, number in zip(group, sends, strict=True):
        line.sends = number


def _note(claim: Claim, group: list[Line], outcome: str) -> None:
    """Write down how the call ended, with Zoom's tracking id."""
    claim.intended = None
    _keep_answer(claim, group, outcome, claim.last_tracking_id[:200], answered=False)


def _accepted(claim: Claim, group: list[Line]) -> Callable[[], None]:
    """Return what writes down that Zoom has accepted the call, and reads what its list is held against."""
    claim.intended = None
    claim.trunk_request.tries = 0  # earlier trouble is over
    tracking_id = claim.last_tracking_id[:200]

    def keep() -> None:
        _keep_answer(claim, group, "Zoom accepted the call.", tracking_id, answered=True)
        if not claim.glance.is_calm():
            circuits.forgive(claim.trunk_request.master)
        claim.siblings = trunks_of(claim.trunk_request.master_id)

    return keep


def _keep_answer(claim: Claim, group: list[Line], outcome: str, tracking_id: str, *, answered: bool) -> None:
    with audit.change():
        claim.write(tries=claim.trunk_request.tries)
        write_lines(group, answered=answered, tracking_id=tracking_id)
        for line in group:
            line.answered = answered
        audit.record(
            Action.PROVISIONING_ANSWERED,
            actor=None,
            why=settling.WHY,
            on=claim.trunk_request,
            comment=outcome,
            tracking_id=tracking_id,
        )
        claim.keep_calls()


def _not_accepted(claim: Claim, client: ZoomClient, group: list[Line], error: ZoomError) -> bool:
    _note(claim, group, sentence(error))
    if error.might_have_happened and isinstance(error, errors.Refused):
        _doubt(claim, group, sentence(error), settings.QUIET_SECONDS)
        return False
    if error.might_have_happened:
        settling.leave_unconfirmed(claim, sentence(error), look_after=settings.QUIET_SECONDS)
        return False
    if isinstance(error, errors.TokenReplaced):
        _unsend(claim, group)
        return True
    if settling.is_no_answer(error):
        _unsend(claim, group)
        settling.wait_for(claim, error)
        return False
    return _refused(claim, client, group, error)


def _halted(claim: Claim, group: list[Line], halt: Halted) -> bool:
    """The call was kept from leaving. That is no failure: the request is taken up when writing starts again."""
    _unsend(claim, group)
    action = Action.PROVISIONING_HALTED
    settling.release(claim, str(halt), wait=halt.wait, counted=False, action=action)
    return False


def _unsend(claim: Claim, group: list[Line]) -> None:
    """Take the lines back to where they were: the call surely did nothing."""
    with audit.change():
        claim.write(step=Step.CLAIMED, sends=ONE_LESS)
        mark(group, LineState.NOT_SENT, sends=ONE_LESS)


def _refused(claim: Claim, client: ZoomClient, group: list[Line], error: ZoomError) -> bool:
    """Zoom said no. Of a call with several lines nobody documents whether some were applied all the same."""
    words = sentence(error)
    if len(group) > 1 and not isinstance(error, ABOUT_THE_ACCOUNT):
        # Sending the lines one by one right away would double those that Zoom did apply and does not list yet.
        _doubt(claim, group, words, settings.QUIET_SECONDS)
        return False
    try:
        findings = look_up(group, read_list(claim, client))
    except ABOUT_THE_ACCOUNT:
        refuse(claim, group, words)
        return True
    except ZoomError as unread:
        settling.leave_unconfirmed(claim, f"{words} {sentence(unread)}", look_after=settings.QUIET_SECONDS)
        return False
    if wait := _doubtful_for(claim, group[0], error, findings):
        _doubt(claim, group, words, wait)
        return False
    write_findings(claim, findings)
    missing = unmet(findings)
    old = [line for line in missing if line.phase == Phase.RESTORE and line.sends < MOST_SENDS]
    refuse(claim, [line for line in missing if line not in old], words)
    if old:
        _put_back_later(claim, old, words)
    return not old


def _doubtful_for(claim: Claim, line: Line, error: ZoomError, findings: Findings) -> float:
    """Return how long to wait for a list that tells whether what Zoom refuses was done before; 0: it was not.

    A proxy on the way repeats a call whose answer it has lost, a removal more readily than anything else, and passes on
    what the second one was answered: that there is no such trunk, or that it is assigned already. A list that lags
    shows what was before both. What Zoom refuses in other words to assign was not done.
    """
    if line.phase == Phase.REMOVE:
        once = gone_once(claim, findings)
        sure = isinstance(error, BEFORE_ANYTHING) and not once
        return 0.0 if sure else once.get(line, settings.QUIET_SECONDS)
    said_so = error.status == CONFLICT or _ALREADY.search(error.message)
    return settings.QUIET_SECONDS if said_so and line.phase == Phase.ASSIGN and unmet(findings) else 0.0


def _put_back_later(claim: Claim, old: list[Line], words: str) -> None:
    """Try once more later to put back what Zoom has just had and refuses now.

    The pages alarm at once; the letter waits for the end, since it may be mended in a minute.
    """
    with audit.change():
        claim.hold()
        mark(old, LineState.NOT_SENT, without_trunk=True)
    outcome = f"Zoom refuses the old values, which it had a moment ago; they are sent again. {words}"
    settling.release(claim, outcome, wait=settings.QUIET_SECONDS, counted=False)


def _doubt(claim: Claim, group: list[Line], words: str, wait: float) -> None:
    """Keep why Zoom said no, and have its list tell, once that can be believed, what it did all the same."""
    with audit.change():
        claim.write(one_by_one=True)
        write_lines(group, detail=words)
    settling.leave_unconfirmed(claim, f"{words} {ALL_THE_SAME}", look_after=wait)


def _read_back(claim: Claim, client: ZoomClient, group: list[Line], then: Callable[[], bool] | None) -> bool:
    """Read Zoom's list until it shows every line of the call, a few times at most.

    That Zoom has accepted the call is written down while the first list is on its way.
    """
    why = "Zoom accepted the call, but its list does not show it yet."
    keep: Callable[[], None] = _accepted(claim, group)
    for pause in LOOKS:
        time.sleep(pause)
        try:
            with meanwhile(keep):
                reading = ask_for_list(claim, client)
        except ZoomError as error:
            why = f"Zoom accepted the call, but its list cannot be read. {sentence(error)}"
            break
        keep = _nothing
        with audit.change():  # one commit for all that one list tells
            take_in(claim, reading)
            findings = look_after(group, reading.rows, claim.siblings)
            if unmet(findings) or not then:
                write_findings(claim, findings)
            else:
                # With the lines the request ends, which proves that the claim holds: no need to ask for that twice.
                write_outcomes(findings)
                return then()
        if not unmet(findings):
            return True
        if echoed(findings):
            why = "Zoom accepted the call, but its list shows other values so far."
    settling.leave_unconfirmed(claim, why, look_after=settling.backoff(0))
    return False
