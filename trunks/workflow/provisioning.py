"""Carrying out an approved request: claim, read, intend, send, read back, settle.

Each step may be repeated from its start after a crash without a second effect, because what was intended is committed
before it is sent, and because Zoom's list is read before anything is sent and after. No transaction is open while Zoom
is waited for. What cannot be known is left `unconfirmed`, for `reconcile` to settle by reading.
"""

from __future__ import annotations

from functools import partial

from django.conf import settings
from django.db import IntegrityError

from trunks import audit, context, dispatch
from trunks.actions import Action
from trunks.models import (
    ENDED_LINE_STATES,
    FIRST_PHASE,
    Kind,
    Line,
    LineState,
    Phase,
    State,
    TrunkRequest,
    User,
)
from trunks.models.trunk_request import first_hold
from trunks.workflow import bystanders, guard, permits, settling
from trunks.workflow.approved import World, begun, not_as_approved, still_free
from trunks.workflow.claims import Claim, Fenced, claim_approved
from trunks.workflow.content import lines_of
from trunks.workflow.filing import take_turn
from trunks.workflow.reading import (
    GONE_ONCE,
    Findings,
    ask_for_list,
    begin_again,
    echoed,
    gone_once,
    look_up,
    read_list,
    refuse,
    take_in,
    unmet,
    without_old_news,
    write_findings,
)
from trunks.workflow.sending import send
from trunks.workflow.transitions import mark, move, write_lines
from trunks.workflow.words import sentence
from trunks.zoom import errors
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import ZoomError
from trunks.zoom.meanwhile import meanwhile

# How often Zoom may refuse its list to a change that is halfway, before that ends: with the pauses, eight minutes.
HALFWAY_TRIES = 8
# After so many, about a minute, an error that nobody knows, inside a success, is taken for Zoom's no to the list.
UNCLEAR_TRIES = 5
# So long one task goes on with further lines. Each needs the whole list a few times, and that of a large customer may
# come in hundreds of pages. Far below `task_time_limit`, at which a worker would be killed, perhaps halfway.
SPELL_SECONDS = 120.0
NEXT_SPELL = "The other lines follow in a moment: Zoom's list takes long to read."


def provision(pk: int) -> None:
    """Carry out the approved request `pk` as far as it goes; quietly nothing when there is nothing to do."""
    with context.bound(context.current()):  # the claim carries on what somebody has asked for
        claim = claim_approved(pk)
        if claim is None:
            return
        with claim.client() as client:
            try:
                _carry_out(claim, client)
            except Fenced:
                claim.close("another worker has taken over")


def retry(trunk_request: TrunkRequest, *, actor: User, version: int) -> TrunkRequest:
    """Make a new attempt of the lines that surely did not succeed, and of no others. Raises Refused or Stale."""
    guard.demand(actor, "retry", trunk_request, version=version)
    # In the order in which filing takes them, or the two would deadlock over the same DNIS.
    lines = trunk_request.lines.exclude(state__in=ENDED_LINE_STATES).order_by("dnis")
    lines = lines.select_related("trunk_request")
    again = {"next_attempt_at": None, "waiting_for": "", "tries": 0, "sends": 0, "absent_at": None}
    try:
        with audit.change():
            move(
                trunk_request,
                State.APPROVED,
                Action.REQUEST_RETRIED,
                actor=actor,
                version=version,
                changes=again,
                after={"lines": [line.dnis for line in lines]},
            )
            take_turn(trunk_request)
            for line in lines:
                _begin_again(line)
            permits.issue_again(trunk_request)
            dispatch.ring(dispatch.PROVISION, trunk_request.pk)
    except IntegrityError:
        words = "Another request has taken one of the DNIS meanwhile; file a new one."
        guard.refuse(actor, "retry", trunk_request, words)
    return trunk_request


def _begin_again(line: Line) -> None:
    kind = Kind(line.trunk_request.kind)
    mark(
        [line],
        LineState.NOT_SENT,
        phase=FIRST_PHASE[kind],
        hold=first_hold(kind, line.dnis, line.current_dnis),
        removing=bool(line.current_dnis),
        detail="",
        answered=False,
        absent_at=None,
    )


def _carry_out(claim: Claim, client: ZoomClient) -> None:
    lines = lines_of(claim.trunk_request)
    if wrong := not_as_approved(claim, lines):
        settling.give_back(claim, wrong)
        return
    world, sent = World(claim, on_credit=bool(begun(lines))), list[Line]()
    while waiting := [line for line in lines if line.state == LineState.NOT_SENT]:
        group = _go_on(claim, client, lines, waiting, world)
        if world.moved:
            if not sent:
                settling.give_back(claim, world.moved)
                return
            settling.refuse_rest(claim, world.moved)
            lines = lines_of(claim.trunk_request)
            break
        if group is None:
            return
        sent = group or sent
        lines = _as_they_are(claim, lines)
    if not _displaced(claim, client, lines, sent):
        _end(claim, lines)


def _end(claim: Claim, lines: list[Line]) -> bool:
    """End the request by its lines, unless other trunks are missing; the claim does not go on."""
    if not bystanders.seem_gone(claim, lines):
        settling.settle(claim, lines)
    return False


def _go_on(
    claim: Claim, client: ZoomClient, lines: list[Line], waiting: list[Line], world: World
) -> list[Line] | None:
    """Do the next step of the lines that wait; return those that were sent, or None when the claim was given up.

    Nothing is done when the world has moved, which is looked up while Zoom's list is on its way.
    """
    if claim.has_lasted(SPELL_SECONDS) and not begun(waiting):
        settling.release(claim, NEXT_SPELL, wait=0, counted=False)
        return None
    try:
        with meanwhile(partial(world.look, waiting)):
            reading = ask_for_list(claim, client)
    except ZoomError as error:
        return [] if world.moved or _cannot_read(claim, waiting, error) else None
    findings = look_up(begun(waiting) or waiting, reading.rows)
    keep = partial(take_in, claim, reading)
    if not world.moved and _is_all(claim, lines, findings):
        # What the list shows is written down while the call is on its way; once it is listed, nothing is left to do.
        return lines if send(claim, client, lines, keep=keep, then=partial(_end, claim, lines)) else None
    keep()
    if world.moved or begin_again(claim, begun(waiting), reading.rows):
        return []
    findings = without_old_news(findings)
    once = gone_once(claim, findings)
    write_findings(claim, {line: finding for line, finding in findings.items() if line not in once})
    if echoed(findings):
        settling.wait_for_list(claim)
        return None
    if once:
        settling.release(claim, GONE_ONCE, wait=max(once.values()), counted=False)
        return None
    group = still_free(claim, _next_group(claim.trunk_request, unmet(findings)))
    return None if group and not send(claim, client, group) else group


def _is_all(claim: Claim, lines: list[Line], findings: Findings) -> bool:
    """Say whether one call assigns all that was asked for, and the list shows nothing of it."""
    together = claim.trunk_request.kind == Kind.ASSIGN and not echoed(findings)
    return together and _next_group(claim.trunk_request, unmet(findings)) == lines


def _as_they_are(claim: Claim, lines: list[Line]) -> list[Line]:
    """Return the lines, read again where what was done to one of them may have changed another: a removal does."""
    return lines if claim.trunk_request.kind == Kind.ASSIGN else lines_of(claim.trunk_request)


def _displaced(claim: Claim, client: ZoomClient, lines: list[Line], sent: list[Line]) -> bool:
    """Say whether the last call of this claim, with `sent`, may have displaced other lines of the request.

    Zoom does not document that an assignment leaves others in place. So lines that went in different calls are looked
    at together in the end. One list could lag, so a line that is missing is left to later readings.
    """
    good = [line for line in lines if line.was_shown]
    others = [line for line in good if line not in sent]
    if not sent or not others:
        return False
    try:
        gone = unmet(look_up(good, read_list(claim, client)))
        words = "Zoom's list no longer shows a line that it has shown."
    except ZoomError as error:
        gone = others
        words = f"Whether the last call left the other lines in place cannot be read. {sentence(error)}"
    if not gone:
        return False
    with audit.change():
        claim.hold()
        mark(gone, LineState.UNKNOWN)
        settling.leave_unconfirmed(claim, words, look_after=settings.QUIET_SECONDS)
    return True


def _next_group(trunk_request: TrunkRequest, waiting: list[Line]) -> list[Line]:
    """Return what goes to Zoom in the next call.

    What is to be assigned comes before the next removal, so that no customer waits for another's: in a change the
    sub account is without the trunk between the two.
    """
    assigning = [line for line in waiting if line.phase != Phase.REMOVE]
    alone = trunk_request.one_by_one or not assigning
    return (assigning or waiting)[:1] if alone else assigning


def _cannot_read(claim: Claim, waiting: list[Line], error: ZoomError) -> bool:
    """Decide what an unreadable list means: wait for Zoom (False), or end the lines with Zoom's refusal (True)."""
    if settling.is_no_answer(error) and not _unclear_for_long(claim, error):
        settling.wait_for(claim, error)
        return False
    if halfway := begun(waiting):
        _stay_halfway(claim, halfway, error)
        return False
    refuse(claim, waiting, sentence(error))
    return True


def _unclear_for_long(claim: Claim, error: ZoomError) -> bool:
    unclear = isinstance(error, errors.Refused) and error.retryable
    return unclear and claim.trunk_request.tries >= UNCLEAR_TRIES


def _stay_halfway(claim: Claim, halfway: list[Line], error: ZoomError) -> None:
    """Put back a change that has removed a trunk while Zoom refuses to show its list; in the end, give it up.

    Nothing is sent without the list, since somebody may have assigned a trunk meanwhile. But the customer has none, so
    the alarm is raised at once, and the list is asked for several times.
    """
    with audit.change():
        claim.hold()
        write_lines(halfway, without_trunk=True)
    if claim.trunk_request.tries < HALFWAY_TRIES:
        settling.wait_for_zoom(claim, error)
    else:
        settling.give_back(claim, sentence(error))
