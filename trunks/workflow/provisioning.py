"""Carrying out an approved request: claim, read, intend, send, read back, settle.

Each step may be repeated from its start after a crash without a second effect, because what was intended is committed
before it is sent, and because Zoom's list is read before anything is sent and after. No transaction is open while Zoom
is being called. What cannot be known is left `unconfirmed`, for `reconcile` to settle by reading.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction

from trunks import dispatch
from trunks.actions import Action
from trunks.models import ENDED_LINE_STATES, Hold, LineState, State, TrunkRequest, User
from trunks.workflow import rules, settling
from trunks.workflow.claims import Claim, Fenced, claim_approved
from trunks.workflow.comparing import Likeness
from trunks.workflow.content import content_of, digest_of
from trunks.workflow.errors import Refused
from trunks.workflow.guard import demand
from trunks.workflow.reading import look_up, read_list, refuse, write_findings
from trunks.workflow.sending import send
from trunks.workflow.transitions import mark, move
from trunks.workflow.words import sentence
from trunks.zoom import errors
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import ZoomError


def provision(pk: int) -> None:
    """Carry out the approved request `pk` as far as it goes; quietly nothing when there is nothing to do."""
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
    demand(actor, "retry", trunk_request, version=version)
    lines = trunk_request.lines.exclude(state__in=ENDED_LINE_STATES)
    again = {"next_attempt_at": None, "waiting_for": "", "tries": 0, "sends": 0, "absent_at": None}
    try:
        with transaction.atomic():
            move(
                trunk_request,
                State.APPROVED,
                Action.REQUEST_RETRIED,
                actor=actor,
                version=version,
                changes=again,
                after={"lines": [line.dnis for line in lines]},
            )
            mark(lines, LineState.NOT_SENT, hold=Hold.HELD, detail="", answered=False)
            dispatch.ring(dispatch.PROVISION, trunk_request.pk)
    except IntegrityError as error:
        raise Refused("Another request has taken one of the DNIS meanwhile; file a new one.") from error
    return trunk_request


def _carry_out(claim: Claim, client: ZoomClient) -> None:
    moved = _world_moved(claim.trunk_request)
    if moved:
        settling.give_back(claim, moved)
        return
    try:
        rows = read_list(claim, client)
    except ZoomError as error:
        _cannot_read(claim, error)
        return
    open_lines = claim.trunk_request.lines.select_related("trunk").filter(state=LineState.NOT_SENT)
    findings = look_up(open_lines, rows)
    absent = [line for line, finding in findings.items() if finding.likeness is Likeness.ABSENT]
    write_findings(claim, findings)
    groups = [[line] for line in absent] if claim.trunk_request.one_by_one else [absent] if absent else []
    for group in groups:
        if not send(claim, client, group):
            return
    settling.settle(claim)


def _world_moved(trunk_request: TrunkRequest) -> str:
    """Return why the request no longer fits what it was approved on, or "" when it still does."""
    if digest_of(content_of(trunk_request)) != trunk_request.approved_digest:
        return "The request's content is not the content that was approved."
    draft = rules.draft_of(trunk_request)
    found = rules.problems(draft, amending=trunk_request, executing=True)
    return " ".join(dict.fromkeys(text for sentences in found.values() for text in sentences))


def _cannot_read(claim: Claim, error: ZoomError) -> None:
    """Decide what an unreadable list means before anything was sent: wait for Zoom, or take its no for an answer."""
    if isinstance(error, errors.RateLimited):
        settling.wait_for_rate(claim, error)
    elif error.retryable or isinstance(error, errors.CredentialsRefused | errors.Redirected):
        settling.wait_for_zoom(claim, error)
    else:
        refuse(claim, claim.trunk_request.lines.filter(state=LineState.NOT_SENT), sentence(error))
        settling.settle(claim)
