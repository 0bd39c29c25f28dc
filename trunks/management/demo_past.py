"""How one request of the demo's past is written down: its rows, and the events that the verbs would have left."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from trunks import audit, context
from trunks.actions import Action
from trunks.context import Context
from trunks.management import demo_calls
from trunks.management.demo_calls import tracking_id
from trunks.models import (
    Attempt,
    Decision,
    Hold,
    Line,
    LineState,
    MasterTrunk,
    Phase,
    Revision,
    State,
    Step,
    TrunkRequest,
    User,
    Verdict,
)
from trunks.workflow import settling

# From the decision on: decided, begun, about to send, answered, settled.
STEPS = tuple(timedelta(seconds=seconds) for seconds in (0, 31, 31.4, 32.1, 33.6))
ENDS = {
    "kept": State.DONE,
    "gone": State.DONE,
    "self": State.DONE,
    "denied": State.DENIED,
    "withdrawn": State.WITHDRAWN,
    "expired": State.EXPIRED,
    "failed": State.FAILED,
    "waits": State.PENDING,
}
HOLDS = {"kept": Hold.ASSIGNED, "waits": Hold.HELD}
# What is done when its time has come; it is told that time.
Doing = Callable[[datetime], None]
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
REFUSAL = "Zoom refused it: the DNIS does not begin with the trunk's prefix."


@dataclass(frozen=True)
class Deed:
    """Something that is to have happened at a moment."""

    at: datetime
    do: Doing


@dataclass(frozen=True)
class Past:
    """A request as it was filed, and what became of it."""

    customer: str
    kind: str
    trunk: int
    dnis: str
    caller_id: str
    fate: str
    reason: str

    def removal(self) -> Past:
        """Return the request by which the number was taken away again."""
        return replace(self, kind="unassign", reason="The contract of this number has ended")


@dataclass
class Told:
    """One request while it is being told."""

    past: Past
    filer: User
    decider: User
    row: TrunkRequest = field(init=False)
    content: dict[str, Any] = field(init=False)


def in_context(at: datetime, do: Doing) -> None:
    """Let something happen as if by a browser of the office, with an id of its own."""
    request_id = hashlib.sha256(at.isoformat().encode()).hexdigest()[:32]
    with context.bound(Context(request_id, f"192.0.2.{10 + at.minute % 6}", BROWSER)):
        do(at)


def by_a_worker(do: Doing) -> Doing:
    """Return `do` as a worker does it, which has no address and no browser."""

    def doing(at: datetime) -> None:
        with context.bound(Context(context.current().request_id)):
            do(at)

    return doing


def line(told: Told, trunk: MasterTrunk, removes: str) -> None:
    past = told.past
    failed = past.fate == "failed"
    good = LineState.UNASSIGNED if removes else LineState.ASSIGNED
    done = ENDS[past.fate] == State.DONE
    Line.objects.create(
        trunk_request=told.row,
        master=told.row.master,
        position=1,
        trunk=trunk,
        prefix="" if removes else trunk.prefix,
        dnis=past.dnis,
        outbound_caller_id="" if removes else past.caller_id,
        current_dnis=removes,
        hold=HOLDS.get(past.fate, Hold.NONE),
        phase=Phase.REMOVE if removes else Phase.ASSIGN,
        state=good if done else LineState.REFUSED if failed else LineState.NOT_SENT,
        detail=REFUSAL if failed else "",
        sends=int(done or failed),
        answered=done,
        tracking_id=tracking_id(told.row) if done or failed else "",
    )


def revision(told: Told, at: datetime) -> None:
    Revision.objects.create(
        trunk_request=told.row,
        content_version=1,
        author=told.filer,
        at=at,
        content=told.content,
        digest=told.row.content_digest,
        reason=told.past.reason,
        ticket=told.row.ticket,
    )


def _decision(told: Told, at: datetime, verdict: Verdict, comment: str = "") -> None:
    Decision.objects.create(
        trunk_request=told.row,
        verdict=verdict,
        decided_by=told.decider,
        filed_by=told.filer,
        decided_at=at,
        comment=comment,
        content_version=1,
        content_digest=told.row.content_digest,
    )


def _moved(
    told: Told, at: datetime, action: Action, states: str, actor: User | None = None, **more: Any
) -> None:
    """Record a move; the last one writes the row as it ended."""
    before, after = states.split(" ")
    told.row.version, told.row.changed_at = told.row.version + 1, at
    if after == told.row.state:
        told.row.save()
    values: dict[str, Any] = {"before": {"state": before}, "after": {"state": after, **more.pop("after", {})}}
    audit.record(action, actor=actor, on=told.row, why="" if actor else settling.WHY, **values, **more)


def tried_by_its_author(told: Told, at: datetime) -> None:
    reason = "You filed or amended this request, so somebody else decides on it."
    after = {"action": "approve", "reason": reason}
    audit.record(Action.ACTION_REFUSED, actor=told.filer, on=told.row, after=after)


def denied(told: Told, at: datetime) -> None:
    comment = "Not agreed with the customer."
    _decision(told, at, Verdict.DENY, comment)
    _moved(told, at, Action.REQUEST_DENIED, "pending denied", told.decider, comment=comment)


def withdrawn(told: Told, at: datetime) -> None:
    _moved(told, at, Action.REQUEST_WITHDRAWN, "pending withdrawn", told.filer)


def expired(told: Told, at: datetime) -> None:
    _moved(told, at, Action.REQUEST_EXPIRED, "pending expired")


def approved(told: Told, at: datetime) -> None:
    _decision(told, at, Verdict.APPROVE)
    told.row.approved_by, told.row.approved_digest = told.decider, told.row.content_digest
    after = {"content_version": 1, "content_digest": told.row.content_digest}
    _moved(told, at, Action.REQUEST_APPROVED, "pending approved", told.decider, after=after)


def begun(told: Told, at: datetime) -> None:
    _moved(told, at, Action.PROVISIONING_STARTED, "approved applying")


def _path(told: Told) -> str:
    return f"/accounts/{told.content['sub_account']}/sip_trunk/trunks"


def intended(told: Told, at: datetime) -> None:
    after: dict[str, Any] = {"call": f"POST {_path(told)}", "sip_trunks": told.content["lines"]}
    if told.past.kind == "unassign":
        after = {"call": f"DELETE {_path(told)}/{demo_calls.own_id(told.past.dnis)}", "dnis": told.past.dnis}
    audit.record(Action.PROVISIONING_INTENDED, actor=None, why=settling.WHY, on=told.row, after=after)


def answered(told: Told, at: datetime) -> None:
    refused = REFUSAL if told.past.fate == "failed" else ""
    attempt = Attempt.objects.create(
        trunk_request=told.row,
        fence=1,
        started_at=at - STEPS[3] + STEPS[1],
        ended_at=at + STEPS[4] - STEPS[3],
        outcome="1 refused by Zoom" if refused else f"1 {told.past.kind}ed",
    )
    demo_calls.converse(attempt, _path(told), at, refused=refused)
    answer: dict[str, Any] = {
        "comment": refused or "Zoom accepted the call.",
        "tracking_id": tracking_id(told.row),
    }
    audit.record(Action.PROVISIONING_ANSWERED, actor=None, why=settling.WHY, on=told.row, **answer)


def settled(told: Told, at: datetime) -> None:
    end = ENDS[told.past.fate]
    told.row.fence, told.row.step, told.row.sends = 1, Step.SENDING, 1
    line = told.row.lines.get()
    read_back = tracking_id(told.row, "after")
    more: dict[str, Any] = {"after": {"lines": {line.dnis: line.state}}, "tracking_id": read_back}
    _moved(told, at, Action.PROVISIONING_SETTLED, f"applying {end.value}", **more)


# What no person does.
OF_WORKERS = (expired, begun, intended, answered, settled)
