"""Settling what nobody knows, by reading Zoom's list: never by sending again.

A line that Zoom's list does not show is believed to be absent only after the quiet period in which a late write could
still land, and only when two readings some time apart agree. Only then may a later attempt send it again. Of a line
that Zoom has accepted it is believed later still, and that is not sent again.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db.models import F

from trunks import audit, context, dispatch
from trunks.actions import Action
from trunks.models import (
    GOOD_LINE_STATES,
    Hold,
    Kind,
    Line,
    LineState,
    Phase,
    State,
    Step,
    TrunkRequest,
    User,
    ZoomCall,
    clock,
)
from trunks.workflow import bystanders, circuits, outcomes, settling
from trunks.workflow.claims import Claim, Fenced, claim_unconfirmed
from trunks.workflow.content import lines_of
from trunks.workflow.guard import demand, demand_comment
from trunks.workflow.reading import (
    GONE_ONCE,
    Findings,
    gone_once,
    look_after,
    look_up,
    read_list,
    second_look_left,
    unmet,
    without_old_news,
    write_findings,
)
from trunks.workflow.transitions import mark, move, write_lines
from trunks.workflow.words import sentence
from trunks.zoom.errors import RateLimited, ZoomError
from trunks.zoom.types import Trunk

MOST_SENDS = 3
# Of what Zoom accepted an absence is believed after so many quiet periods. It is not sent again, so that to wait costs
# time only, while of a list that lags it would be said that the customer has not what they have.
ACCEPTED_QUIETS = 5
UNSEEN = "Zoom's list does not show the effect; it could still come."


def settle(pk: int) -> None:
    """Read Zoom's list for the unconfirmed request `pk` and settle what it shows; quietly nothing when not due."""
    with context.bound(context.current()):  # the claim carries on what somebody has asked for
        claim = claim_unconfirmed(pk)
        if claim is None:
            return
        try:
            _look(claim)
        except Fenced:
            claim.close("another worker has taken over")


def check_now(trunk_request: TrunkRequest, *, actor: User) -> bool:
    """Ask a worker to read Zoom's list at once instead of at the planned time. Raises Refused or Stale.

    False says that Zoom does not answer for the master account: it is tried at once, and the list read when it does.
    """
    demand(actor, "check", trunk_request)
    with audit.change():
        waiting = TrunkRequest.objects.filter(pk=trunk_request.pk, state=State.UNCONFIRMED)
        waiting.update(next_attempt_at=clock.now(), asked_in=context.current().request_id)
        audit.record(Action.REQUEST_CHECKED, actor=actor, on=trunk_request)
        if down := circuits.try_soon(trunk_request.master_id):
            dispatch.ring(dispatch.PROBE, trunk_request.master_id)
        else:
            dispatch.ring(dispatch.SETTLE, trunk_request.pk)
    return not down


def give_up(trunk_request: TrunkRequest, *, actor: User, version: int, comment: str) -> TrunkRequest:
    """End an unconfirmed request although nobody knows what became of some lines, and say so on each of them.

    The DNIS of such a line stays taken until Zoom's list has been read and does not show it: see `listing`. Whoever is
    reading the list right now is shut out by the higher fence. Raises Refused, Stale, or Invalid without a reason.
    """
    demand(actor, "give_up", trunk_request, version=version)
    demand_comment(comment, why="Say why, and what was looked at: the audit trail keeps it.")
    unknown = trunk_request.lines.filter(state=LineState.UNKNOWN)
    good = trunk_request.lines.filter(state__in=GOOD_LINE_STATES)
    shut_out = {"fence": F("fence") + 1, "lease_until": None, "step": Step.NONE}
    with audit.change():
        move(
            trunk_request,
            State.PARTIAL if good.exists() else State.FAILED,
            Action.REQUEST_GIVEN_UP,
            actor=actor,
            version=version,
            comment=comment,
            changes=shut_out | {"next_attempt_at": None, "waiting_for": "", "absent_at": None},
            after={"lines": {line.dnis: LineState.GIVEN_UP.value for line in unknown}},
        )
        # What was only to be removed needs no hold: the estate shows it until Zoom's list no longer does. Of old values
        # that were sent again it is the old DNIS that Zoom may have: `settling.end` goes on keeping that from others.
        sent = unknown.exclude(phase=Phase.REMOVE).exclude(settling.RESTORING)
        sent.filter(hold=Hold.HELD).update(hold=Hold.UNKNOWN)
        if trunk_request.kind == Kind.CHANGE:
            # It alarms as long as Zoom's list, as last read, shows neither the old nor the new DNIS.
            unknown.update(without_trunk=True)
        settling.miss(trunk_request.lines.filter(state=LineState.NOT_SENT))
        unknown.update(absent_at=None)
        mark(unknown, LineState.GIVEN_UP)
        settling.end(trunk_request, trunk_request.lines.all())
    return trunk_request


def _look(claim: Claim) -> None:
    with claim.client() as client:
        try:
            rows = read_list(claim, client)
        except RateLimited as error:
            # That is no failure, so it is not counted. A longer pause is met in the budget, where it costs no call.
            _look_again(claim, sentence(error), min(error.wait, settling.LONGEST_BACKOFF))
            return
        except ZoomError as error:
            _look_again(
                claim, sentence(error), settling.pause(claim.trunk_request, error), tries=F("tries") + 1
            )
            return
    lines = lines_of(claim.trunk_request)
    findings = without_old_news(look_after([line for line in lines if line.state == LineState.UNKNOWN], rows))
    doubted = gone_once(claim, findings)
    write_findings(claim, {line: found for line, found in findings.items() if line not in doubted})
    if doubted:
        _look_again(claim, GONE_ONCE, max(doubted.values()))
        return
    missing = unmet(findings) + _displaced(claim, lines, rows)
    others = bystanders.missing(claim, lines)
    if bystanders.shown_since(others, claim.trunk_request.absent_at):
        # What that list lacked were lines: this is the first without these.
        claim.trunk_request.absent_at = None
    why = UNSEEN if missing else bystanders.doubt(others)
    if (missing or others) and not _believable(claim, why, missing):
        return
    if left := bystanders.not_gone_for(others):
        _look_again(claim, bystanders.doubt(others), left)
        return
    bystanders.tell(claim, others)
    _conclude(claim, missing, findings)


def _displaced(claim: Claim, lines: list[Line], rows: Sequence[Trunk]) -> list[Line]:
    """Return the lines that a later call of this request seems to have taken away, as unknown from now on."""
    gone = unmet(look_up([line for line in lines if line.was_shown], rows))
    if gone:
        with audit.change():
            claim.hold()
            mark(gone, LineState.UNKNOWN)
        # An earlier list has shown them: whatever it lacked then, this is the first without these.
        claim.trunk_request.absent_at = None
    return gone


def _believable(claim: Claim, why: str, missing: Sequence[Line]) -> bool:
    """Say whether an absence may be believed now; if not, the claim has been given up until the next reading."""
    trunk_request = claim.trunk_request
    accepted = any(line.answered for line in missing)
    quiets = ACCEPTED_QUIETS if accepted else 1
    if (left := clock.left(trunk_request.sent_at, quiets * settings.QUIET_SECONDS)) > 0:
        if not trunk_request.could_still_land:
            _show_alarm(claim, missing)
        # What Zoom accepted is looked for often, since it should be there; the unanswered only when it counts.
        soon = min(settling.backoff(trunk_request.tries), settings.QUIET_SECONDS)
        _look_again(claim, why, min(left, soon) if accepted else left, tries=F("tries") + 1)
        return False
    still = second_look_left(trunk_request)
    if still is not None:
        # When the list was asked for: what that showed was seen at this time, and not before.
        read_at = trunk_request.sub_account.trunks_read_at
        first = {} if trunk_request.absent_at else {"absent_at": read_at}
        _look_again(claim, why, still, **first)
    return still is None


def _show_alarm(claim: Claim, missing: Sequence[Line]) -> None:
    """Have the pages alarm people of a customer who may be without a trunk; a letter is sent when that is sure."""
    halfway = [line for line in missing if line.has_begun and not line.without_trunk]
    if halfway:
        with audit.change():
            claim.hold()
            write_lines(halfway, without_trunk=True)


def _look_again(claim: Claim, why: str, wait: float, **changes: object) -> None:
    """Give up the claim, leave the request unconfirmed, and have the list read again after `wait` seconds."""
    claim.write(lease_until=None, next_attempt_at=clock.after(wait), waiting_for=why, **changes)
    claim.close(why)


def _conclude(claim: Claim, missing: list[Line], findings: Findings) -> None:
    """Write the outcome of the lines that are surely not there, and settle or go on with the request."""
    claim.trunk_request.refresh_from_db(fields=["landed"])
    with audit.change():
        # The trouble of reading is over; what goes on has its tries before it.
        claim.write(tries=0)
        for line in missing:
            if not _another_is_there(line, findings):
                _end_or_send_again(line, landed=claim.trunk_request.landed)
    lines = lines_of(claim.trunk_request)
    if any(line.state == LineState.NOT_SENT for line in lines):
        outcome = (
            "Zoom's list shows that it did not happen."
            if missing
            else "Zoom's list shows that it happened. Going on with what is left."
        )
        action = Action.PROVISIONING_NOT_APPLIED if missing else Action.PROVISIONING_RELEASED
        settling.release(claim, outcome, wait=0, action=action)
    else:
        settling.settle(claim, lines)


def _another_is_there(line: Line, findings: Findings) -> bool:
    """Have a removal go on where Zoom has removed one trunk and lists the DNIS once more, under another id."""
    found = findings.get(line)
    removed = line.phase == Phase.REMOVE and line.answered and line.sends < MOST_SENDS
    if not (removed and found and found.row and found.row.id != line.zoom_id):
        return False
    mark([line], LineState.NOT_SENT, answered=False)
    return True


def _end_or_send_again(line: Line, *, landed: bool) -> None:
    """Decide about a line that Zoom certainly did not carry out: end it, or send it again."""
    why = _final(line, landed=landed)
    if why:
        outcomes.failed([line], why)
    else:
        mark([line], LineState.NOT_SENT, detail="")


def _final(line: Line, *, landed: bool) -> str:
    """Return why the line is not to be sent again, or "" when it may be."""
    if not line.sends and line.trunk_request.kind == Kind.ASSIGN:
        # It was there already, and somebody has removed it, or another line's call has displaced it: that is for
        # people. A change is without what the portal itself has removed, and goes on.
        return "Zoom's list showed it before anything was sent, and does not show it any more."
    if line.answered:
        # Sending again what Zoom has accepted once could displace what it did instead; that is for people.
        return "Zoom accepted the call, but its list does not show the effect."
    if _said_no_to(line):
        return line.detail
    if landed:
        words = line.detail or "Zoom did not say why."
        return f"Zoom carried out other lines of the same call, but not this one. {words}"
    if line.sends >= MOST_SENDS:
        return f"Sent {line.sends} times; Zoom's list never showed the effect. {line.detail}".strip()
    return ""


def _said_no_to(line: Line) -> bool:
    """Say whether Zoom refused the last call, which was about this line alone: two lists have borne that out."""
    if line.phase == Phase.RESTORE or not line.detail:
        return False
    calls = ZoomCall.objects.filter(attempt__trunk_request=line.trunk_request_id).exclude(method="GET")
    status, sent = calls.order_by("id").values_list("status", "sent").last() or (None, None)
    return 400 <= (status or 0) < 500 and len((sent or {}).get("sip_trunks", [line])) == 1
