"""The claim: who works on a request, told by a lease in database time and a fence that rises with each claim.

A worker that stalls beyond its lease may wake up while another has taken over. Every write of a worker therefore
names the fence it holds, and one that no longer holds it changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.db.models import DurationField, Exists, F, OuterRef

from trunks import audit, context
from trunks.actions import Action
from trunks.compiled import Found, Param, Rows
from trunks.compiled_writing import Inserts, Updates
from trunks.models import Attempt, Circuit, MasterTrunk, State, Step, TrunkRequest, WriteStop, ZoomCall, clock
from trunks.models.trunk_request import TrunkRequestQuerySet
from trunks.workflow import circuits, permits, speaking
from trunks.workflow.errors import Stale
from trunks.workflow.transitions import move
from trunks.zoom.client import ZoomClient
from trunks.zoom.types import Call

# A write that leaves so soon after its intent counts as sent then: the quiet period is a thousand times as long.
SOON_SECONDS = 0.05
# So long what the database showed with the claim is not asked for again: that all is well with Zoom, that the estate is
# tidy, and its time, if the answer had come so soon.
FRESH_SECONDS = 1.0
SHARP_SECONDS = 0.003


class Fenced(Exception):
    """The claim has passed to somebody else; whoever catches this stops without another word."""


@dataclass(frozen=True)
class Glance:
    """What the database has shown: its time, and whether no call to Zoom has failed lately or was refused.

    `asked` and `seen` are when it was asked and when its answer had come, by this machine's monotonic clock.
    """

    at: datetime
    calm: bool
    asked: float
    seen: float

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.seen < FRESH_SECONDS

    def present(self) -> datetime:
        """Return the database's present time: never one that is still to come, and behind by what the answer took."""
        if not self.is_fresh or self.seen - self.asked > SHARP_SECONDS:
            return clock.read()
        return self.at + timedelta(seconds=time.monotonic() - self.seen)

    def is_calm(self) -> bool:
        """Say whether a good call to Zoom changes nothing, so that its end need not be noted."""
        return self.calm and self.is_fresh


@dataclass
class Claim:
    """One worker's hold on one request. `last_tracking_id` is that of the latest call to Zoom.

    `intended` is when the intent of a write was about to be written, by this machine's monotonic clock, from then until
    the answer is noted; None while none is. `not_permitted` says why the request has no permit that could be spent, and
    must go back to its people. `seen` is every DNIS that a list read under this claim has shown, `listed` what the
    latest one shows; None while none was read. `tidy` says that the latest list left nothing to tidy up in the estate.
    `glance` is what the database showed when the claim was taken. `siblings` are all trunks of the master account, once
    they have been read.
    """

    trunk_request: TrunkRequest
    attempt: Attempt
    fence: int
    lease_ends: float
    glance: Glance
    last_tracking_id: str = ""
    intended: float | None = None
    not_permitted: str = ""
    seen: set[str] = field(default_factory=set)
    listed: set[str] | None = None
    tidy: bool = False
    siblings: Sequence[MasterTrunk] | None = None
    _calls: list[ZoomCall] = field(default_factory=list)

    def outlives_a_call(self) -> bool:
        """Say whether the lease lasts, by this machine's monotonic clock, longer than one call to Zoom can take.

        A worker that was stopped and continued finds its lease used up here, before it sends anything.
        """
        margin = (settings.LEASE_SECONDS - settings.HTTP_DEADLINE_SECONDS) / 10
        return time.monotonic() + settings.HTTP_DEADLINE_SECONDS + margin < self.lease_ends

    def be_sure(self) -> None:
        """Make sure that the lease outlives a call that leaves now, or raise Fenced."""
        if self.intended is not None and time.monotonic() - self.intended > SOON_SECONDS:
            # The quiet period counts from when the write leaves, which may be long after the intent: it has waited
            # for its turn, or the worker was stopped. Counted from the intent, it would end too early.
            self.write(sent_at=clock.now())
        if not self.outlives_a_call():
            self.renew()

    def has_lasted(self, seconds: float) -> bool:
        """Say whether the claim was taken so long ago, by this machine's monotonic clock."""
        return time.monotonic() - self.glance.seen >= seconds

    def renew(self) -> None:
        """Extend the lease by its full length, or raise Fenced when it has run out or passed on."""
        begun = time.monotonic()
        self.write(lease_until=clock.after(settings.LEASE_SECONDS))
        self.lease_ends = begun + settings.LEASE_SECONDS

    def write(self, **changes: Any) -> None:
        """Write `changes` (never the state) to the request while the claim holds, or raise Fenced."""
        if not _HELD.update({"pk": self.trunk_request.pk, "fence": self.fence}, **changes):
            raise Fenced(self.trunk_request.reference)

    def hold(self) -> None:
        """Make sure, inside a transaction, that the claim holds until the commit, or raise Fenced."""
        self.write(fence=F("fence"))

    def observe(self, call: Call) -> None:
        """Keep a record of one call to Zoom; `keep_calls` writes it."""
        self.last_tracking_id = call.tracking_id
        record = ZoomCall(
            attempt=self.attempt,
            method=call.method,
            path=call.path[:300],
            started_at=call.started_at,
            duration_ms=call.duration_ms,
            status=call.status,
            tracking_id=call.tracking_id[:200],
            sent=call.request_body,
            answer=call.answer.replace("\x00", "\\x00"),
            problem=call.error,
        )
        self._calls.append(record)

    def saw(self, dnis: set[str]) -> None:
        """Keep what Zoom's list shows, so that what later lists lack can be told without asking the database."""
        self.listed = dnis
        self.seen |= dnis

    def keep_calls(self) -> None:
        """Write the record of the calls since the last time: when a write's answer is noted, and at the end.

        What a crash loses of it is calls that only read; a write's intent is in the audit trail before it leaves.
        """
        _CALLS.insert(*self._calls)
        self._calls.clear()

    def client(self) -> ZoomClient:
        """Return a client whose calls are recorded with the attempt and leave only while the lease lasts."""
        master = self.trunk_request.master
        return speaking.client_for(
            master,
            observe=self.observe,
            before_sending=self.be_sure,
            calm=self.glance.is_calm,
            about_to_write=self.trunk_request.state == State.APPLYING,
        )

    def close(self, outcome: str) -> None:
        self.keep_calls()
        _ENDED.update({"pk": self.attempt.pk}, ended_at=clock.now(), outcome=outcome)


def claim_approved(pk: int) -> Claim | None:
    """Take up an approved request whose time has come, or return None: it is not, or somebody was first."""
    asked = time.monotonic()
    found = _FREE_TO_BEGIN(pk=pk, **_quiet())
    if not found:
        return None
    [trunk_request] = found
    begun = time.monotonic()
    context.carry_on(trunk_request.asked_in)
    shown = vars(trunk_request)
    glance = Glance(shown["shown_at"], shown["calm"], asked, begun)
    taken = {
        "fence": trunk_request.fence + 1,
        "step": Step.CLAIMED,
        "lease_until": clock.after(settings.LEASE_SECONDS),
        "next_attempt_at": None,
        "waiting_for": "",
        # People were asked to look because no try has come to an end; this one has not either, so far.
        "needs_attention": trunk_request.needs_attention,
    }
    why = "approved request"
    try:
        with audit.change():
            move(
                trunk_request,
                State.APPLYING,
                Action.PROVISIONING_STARTED,
                actor=None,
                why=why,
                fence=trunk_request.fence,
                changes=taken,
            )
            # Once more: since the first look another request may have been taken up, sent, and left unconfirmed.
            # From here on one_writer_per_sub_account keeps others out.
            account = trunk_request.sub_account_id
            if _BUSY(pk=pk, sub_account=account, **_quiet()):
                raise Stale("another request's write to the sub account could still land")
            claim = _claim(trunk_request, begun, glance)
            claim.not_permitted = permits.spend(trunk_request)
            return claim
    except (Stale, IntegrityError):
        # IntegrityError: one_writer_per_sub_account, another request of this customer is being applied.
        return None


def claim_unconfirmed(pk: int) -> Claim | None:
    """Take up an unconfirmed request whose time has come, or return None: it is not, or somebody was first."""
    trunk_request = _due().filter(pk=pk, state=State.UNCONFIRMED).first()
    if trunk_request is None or circuits.is_open(trunk_request.master_id):
        return None
    begun = time.monotonic()
    context.carry_on(trunk_request.asked_in)
    with audit.change():
        taken = (
            TrunkRequest.objects.due()
            .filter(pk=pk, state=State.UNCONFIRMED, fence=trunk_request.fence)
            .update(fence=F("fence") + 1, lease_until=clock.after(settings.LEASE_SECONDS))
        )
        if not taken:
            return None
        trunk_request.refresh_from_db(from_queryset=TrunkRequest.objects.for_workers())
        asked = time.monotonic()
        glance = Glance(clock.read(), calm=False, asked=asked, seen=time.monotonic())
        return _claim(trunk_request, begun, glance)


def _claim(trunk_request: TrunkRequest, begun: float, glance: Glance) -> Claim:
    # By the time that readings are told by: what the first list shows was seen after the attempt began.
    attempt = Attempt(trunk_request=trunk_request, fence=trunk_request.fence, started_at=glance.at)
    _ATTEMPTS.insert(attempt)
    return Claim(trunk_request, attempt, trunk_request.fence, begun + settings.LEASE_SECONDS, glance)


def _due() -> TrunkRequestQuerySet:
    return TrunkRequest.objects.for_workers().due()


def _free_to_begin() -> TrunkRequestQuerySet:
    """Return the approved requests that are due and have nothing to wait for.

    Neither people who have stopped writing, nor a Zoom that does not answer for the master account, nor an earlier
    write to the same sub account.
    """
    down = Circuit.objects.open().filter(master=OuterRef("master"))
    could_land = _could_still_land().filter(sub_account=OuterRef("sub_account")).exclude(pk=OuterRef("pk"))
    return _due().filter(
        ~Exists(could_land), ~Exists(down), ~Exists(WriteStop.in_force_now()), state=State.APPROVED
    )


def _could_still_land() -> TrunkRequestQuerySet:
    lately = clock.after(Param("quiet", DurationField()))
    return TrunkRequest.objects.filter(state=State.UNCONFIRMED, sent_at__gt=lately)


def _quiet() -> dict[str, timedelta]:
    return {"quiet": timedelta(seconds=-settings.QUIET_SECONDS)}


_ATTEMPTS = Inserts(Attempt)
_CALLS = Inserts(ZoomCall)
_ENDED = Updates(lambda: Attempt.objects.filter(pk=Param("pk")))
_HELD = Updates(
    lambda: TrunkRequest.objects.filter(pk=Param("pk"), fence=Param("fence"), lease_until__gte=clock.now())
)
# With what makes a `Glance`.
_FREE_TO_BEGIN = Rows(
    lambda: (
        _free_to_begin()
        .filter(pk=Param("pk"))
        .annotate(
            shown_at=clock.now(), calm=~Exists(Circuit.objects.troubled().filter(master=OuterRef("master")))
        )
    )
)
# Whether an earlier write to the same sub account could still land at Zoom.
_BUSY = Found(lambda: _could_still_land().filter(sub_account=Param("sub_account")).exclude(pk=Param("pk")))
