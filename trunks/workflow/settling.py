"""Ending a worker's hold on a request: by its outcome, or back to the queue or its people; each in one transaction."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone

from trunks import audit, dispatch
from trunks.actions import Action
from trunks.compiled import Param
from trunks.compiled_writing import Updates
from trunks.models import (
    ASSIGNED_LINE_STATES,
    ENDED_LINE_STATES,
    GOOD_LINE_STATES,
    Hold,
    Kind,
    Line,
    LineState,
    Phase,
    State,
    Step,
    TrunkRequest,
    clock,
)
from trunks.workflow import occasions, permits
from trunks.workflow.claims import Claim, Fenced
from trunks.workflow.content import lines_of
from trunks.workflow.errors import Stale
from trunks.workflow.ringing import ring_next
from trunks.workflow.transitions import mark, move
from trunks.workflow.words import sentence
from trunks.zoom import errors
from trunks.zoom.errors import CredentialsRefused, HeldBack, RateLimited, Redirected, ZoomError

WHY = "provisioning"
ALARM_SECONDS = 60.0  # of waiting between the two steps of a change
LONGEST_BACKOFF = 300.0
# What people have to mend takes hours. Of refused credentials each try is two events: one request goes on trying for
# all, and the others are woken when Zoom has accepted them. A sub account wakes its requests when it is back.
LONGEST_FOR_PEOPLE = 3600.0
_FREE = {"lease_until": None, "step": Step.NONE}


def _leave(claim: Claim, to: State, action: Action, outcome: str, **more: Any) -> None:
    """Move the request out of the claim's hands, or raise Fenced when it no longer is in them."""
    changes = _FREE | more.pop("changes", {})
    try:
        move(
            claim.trunk_request,
            to,
            action,
            actor=None,
            why=WHY,
            fence=claim.fence,
            changes=changes,
            comment=outcome,
            **more,
        )
    except Stale as error:
        raise Fenced(str(error)) from error
    claim.close(outcome)


def settle(claim: Claim, lines: Sequence[Line]) -> None:
    """End the request by its lines, all of which have an outcome.

    They were read under the claim, and only who has the claim writes outcomes: that it still holds, the move proves.
    """
    with audit.change(savepoint=False):
        good = [line for line in lines if line.state in GOOD_LINE_STATES]
        to = State.DONE if len(good) == len(lines) else State.PARTIAL if good else State.FAILED
        after = {"lines": {line.dnis: line.state for line in lines}}
        changes = {"next_attempt_at": None, "waiting_for": "", "absent_at": None}
        _leave(
            claim,
            to,
            Action.PROVISIONING_SETTLED,
            _summary(lines),
            after=after,
            changes=changes,
            tracking_id=claim.last_tracking_id,
        )
        end(claim.trunk_request, lines)


def end(trunk_request: TrunkRequest, lines: Iterable[Line]) -> None:
    """Turn the DNIS holds of a request that has ended into assignments, or let go of them; ring for who waited."""
    _END.update({"trunk_request": trunk_request.pk})
    if any(line.without_trunk for line in lines):
        occasions.note_lost(trunk_request)
    # Not before: it has to see that this one has let go of the sub account, and nobody waits for it meanwhile.
    transaction.on_commit(partial(ring_next, trunk_request.sub_account_id))


def miss(lines: QuerySet[Line]) -> int:
    """Have the alarm look after those of `lines` that are halfway through a change and unsent; return how many more."""
    halfway = lines.filter(trunk_request__kind=Kind.CHANGE, phase__in=(Phase.ASSIGN, Phase.RESTORE))
    found = list(halfway.filter(without_trunk=False).values_list("pk", flat=True))
    # Asked once more by the statement that writes: a worker may have assigned the trunk since.
    return Line.objects.filter(pk__in=found, state=LineState.NOT_SENT).update(without_trunk=True)


def alarm(trunk_request: TrunkRequest) -> None:
    """Have a change that stays halfway alarm people, in the caller's transaction; each line tells them once."""
    if miss(trunk_request.lines.filter(state=LineState.NOT_SENT)):
        occasions.note_lost(trunk_request)


# Of a line that was given up so, Zoom may have the old DNIS, which `hold` cannot keep from others.
RESTORING = Q(phase=Phase.RESTORE) & ~Q(dnis=F("current_dnis"))


def _holds_at_the_end() -> dict[str, Case]:
    # A line that an earlier run has assigned may have lost its DNIS since: to a removal, and then to somebody else.
    assigned = When(state__in=ASSIGNED_LINE_STATES, hold=Hold.HELD, then=Value(Hold.ASSIGNED))
    released = When(hold=Hold.HELD, then=Value(Hold.NONE))
    doubted = When(RESTORING, state=LineState.GIVEN_UP, then=F("removing"))
    return {
        "hold": Case(assigned, released, default=F("hold")),
        "removing": Case(doubted, default=Value(False)),
    }


_END = Updates(lambda: Line.objects.filter(trunk_request=Param("trunk_request")), always=_holds_at_the_end)


def release(
    claim: Claim,
    outcome: str,
    *,
    wait: float,
    counted: bool = True,
    action: Action = Action.PROVISIONING_RELEASED,
) -> None:
    """Put the request back in the queue for `wait` seconds; `counted` makes the next wait longer.

    A customer whom half a change leaves without a trunk for so long is not kept from people until the end.
    """
    changes = {
        "next_attempt_at": clock.after(wait) if wait else None,
        "waiting_for": outcome,
        "tries": F("tries") + 1 if counted else F("tries"),
        "absent_at": None,
        "needs_attention": claim.trunk_request.needs_attention,
    }
    with audit.change():
        _leave(claim, State.APPROVED, action, outcome, changes=changes)
        if wait >= ALARM_SECONDS:
            alarm(claim.trunk_request)
        permits.unspend(claim.trunk_request)
        if not wait:
            dispatch.ring(dispatch.PROVISION, claim.trunk_request.pk)


def wait_for_rate(claim: Claim, error: RateLimited) -> None:
    """Put the request back until Zoom's limit allows another call. That is no failure, so it is not counted."""
    wait = error.wait
    release(claim, f"{sentence(error)} {_when(error, wait)}", wait=wait, counted=False)


def _when(error: RateLimited, wait: float) -> str:
    """Return when the work goes on, and what Zoom said where that is not believed."""
    at = timezone.now() + timedelta(seconds=wait)
    goes_on = f"It goes on at {at:%H:%M:%S} UTC."
    if error.retry_at is None or error.retry_at - at < timedelta(seconds=1):
        return goes_on
    # When the next turn is, stands there already, and Zoom has said nothing of it.
    if isinstance(error, HeldBack):
        return f"It asks for one again at {at:%H:%M:%S} UTC."
    if error.retry_at - at > timedelta(days=360):  # what is later still is read as one year from now
        return f"{goes_on} Zoom named a time a year away or more, which is not believed."
    return f"{goes_on} Zoom said {error.retry_at:%Y-%m-%d %H:%M:%S} UTC, which is not believed."


def is_no_answer(error: ZoomError) -> bool:
    """Say whether `error`, after which surely nothing has happened, tells nothing about the lines.

    It is the limit, the network, a Zoom in trouble or the credentials: of the call, or of the token that it needs.
    """
    return error.retryable or isinstance(error, CredentialsRefused | Redirected)


def wait_for(claim: Claim, error: ZoomError) -> None:
    """Put the request back, nothing having been sent, as long as what `is_no_answer` asks for."""
    if isinstance(error, RateLimited):
        wait_for_rate(claim, error)
    else:
        wait_for_zoom(claim, error)


def wait_for_zoom(claim: Claim, error: ZoomError) -> None:
    """Put the request back, nothing having been sent, until Zoom can be reached or lets the portal in again."""
    release(claim, sentence(error), wait=pause(claim.trunk_request, error))


def wait_for_list(claim: Claim) -> None:
    """Put the request back until Zoom's list, which denies what it showed a moment ago, can be believed."""
    what = "shows a trunk again that it had shown as removed, or lacks one that it had shown"
    words = f"Zoom's list {what}. It is read again when that can be believed."
    release(claim, words, wait=settings.QUIET_SECONDS, counted=False)


def second_look_seconds() -> float:
    """Return how far apart two readings must be to count as two: 10 s with the default quiet period of 60 s."""
    return settings.QUIET_SECONDS / 6


def leave_unconfirmed(claim: Claim, outcome: str, *, look_after: float) -> None:
    """Say openly that nobody knows; Zoom's list is read again `look_after` seconds from now."""
    changes = {"next_attempt_at": clock.after(look_after), "waiting_for": outcome, "absent_at": None}
    with audit.change():
        _leave(
            claim,
            State.UNCONFIRMED,
            Action.PROVISIONING_UNCONFIRMED,
            outcome,
            changes=changes,
            tracking_id=claim.last_tracking_id,
        )


def give_back(claim: Claim, outcome: str) -> None:
    """Stop before sending because the world has moved, and give the request back to its people.

    A request of which some lines are applied, given up, or halfway through a change that may have left the customer
    without a trunk, cannot be amended any more, which would forget that: it ends as it stands.
    """
    lines = lines_of(claim.trunk_request)
    if any(line.state in ENDED_LINE_STATES or line.has_begun or line.without_trunk for line in lines):
        refuse_rest(claim, outcome)
        settle(claim, lines_of(claim.trunk_request))
        return
    changes = {"approved_by": None, "approved_digest": "", "waiting_for": outcome, "next_attempt_at": None}
    with audit.change():
        _leave(claim, State.SENT_BACK, Action.PROVISIONING_STOPPED, outcome, changes=changes)
        # One that could not be spent is left: it is worth nothing any more, and would be in the way of the next.
        permits.cancel(claim.trunk_request, "sent back")


def refuse_rest(claim: Claim, outcome: str) -> None:
    """Write down why what is not sent will not be. May raise Fenced."""
    rest = claim.trunk_request.lines.filter(state=LineState.NOT_SENT)
    with audit.change():
        claim.hold()
        miss(rest)
        for line in rest:
            # Of a change whose old values were to be assigned again it says why the new ones were not.
            mark([line], LineState.NOT_SENT, detail=f"{line.detail} {outcome}".strip())


def backoff(tries: int, longest: float = LONGEST_BACKOFF) -> float:
    """Return how many seconds to wait after `tries` failures in a row: doubling from 2 s to 5 min, with jitter."""
    return min(2.0 * float(2 ** min(tries, 12)), longest) * random.uniform(0.75, 1.25)  # noqa: S311  # no secret


def pause(trunk_request: TrunkRequest, error: ZoomError) -> float:
    """Return how many seconds to wait after `error`: up to 5 min, or to an hour where it will be woken.

    One call that does not find the account proves little; here Zoom's list of accounts has lacked it as well, twice.
    """
    older = TrunkRequest.objects.put_off().filter(master=trunk_request.master_id, pk__lt=trunk_request.pk)
    follows = isinstance(error, CredentialsRefused) and older.filter(sub_account__gone_at=None).exists()
    gone = isinstance(error, errors.AccountNotFound) and trunk_request.sub_account.gone_at is not None
    return backoff(trunk_request.tries, LONGEST_FOR_PEOPLE if follows or gone else LONGEST_BACKOFF)


def _summary(lines: Sequence[Line]) -> str:
    labels = [LineState(line.state).label for line in lines]
    counts = {label: labels.count(label) for label in dict.fromkeys(labels)}
    # Most labels go on from a number; the one that is a sentence about Zoom ends with it.
    said = (
        f"{a} for {n}" if a.startswith("Zoom") else f"{n} {a[0].lower()}{a[1:]}" for a, n in counts.items()
    )
    return ", ".join(said)
