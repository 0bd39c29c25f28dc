"""What staff ask for, what supervisors decided, and what came of it at Zoom."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, When

from trunks.compiled import Param, Rows
from trunks.models import clock
from trunks.models.choices import (
    ASSIGNED_LINE_STATES,
    ENDED_LINE_STATES,
    FIRST_PHASE,
    OPEN_STATES,
    WORKING_STATES,
    Hold,
    Kind,
    LineState,
    Phase,
    State,
    Step,
)
from trunks.models.estate import MasterAccount, MasterTrunk, SubAccount
from trunks.models.lines import LineQuerySet
from trunks.references import reference_to

# The digest of {}: the base of requests that were filed before bases were kept.
NOTHING = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
# The snapshot of requests that were filed before there were policies. They take one approval.
NO_POLICY = NOTHING


class TrunkRequestQuerySet(models.QuerySet["TrunkRequest"]):
    def with_names(self) -> TrunkRequestQuerySet:
        return self.select_related("master", "sub_account", "filed_by", "approved_by")

    def for_workers(self) -> TrunkRequestQuerySet:
        """Return what a worker speaks with Zoom about: no people."""
        return self.select_related("master", "sub_account")

    def due(self) -> TrunkRequestQuerySet:
        """Return what a worker could take up now: nobody holds it, and its time has come."""
        return self.filter(
            clock.unleased(),
            Q(next_attempt_at=None) | Q(next_attempt_at__lte=clock.now()),
            Q(not_before=None) | Q(not_before__lte=clock.now()),
            state__in=WORKING_STATES,
        )

    def put_off(self) -> TrunkRequestQuerySet:
        """Return what waits because a call, or its read-back, has failed."""
        return self.filter(state__in=(State.APPROVED, State.UNCONFIRMED), tries__gt=0)

    def halfway(self) -> TrunkRequestQuerySet:
        """Return the changes that have removed a trunk and not assigned another yet: customers without a trunk."""
        return self.filter(_is_halfway(), state__in=WORKING_STATES)

    def with_halfway(self) -> TrunkRequestQuerySet:
        """Annotate each with `halfway`: 1 for a change that has removed a trunk and assigned none yet, else 0."""
        found = Case(When(_is_halfway(), then=1), default=0, output_field=models.SmallIntegerField())
        return self.annotate(halfway=found)

    def stranded(self) -> TrunkRequestQuerySet:
        """Return the changes that no worker has in hand and of which a customer misses a trunk, without the alarm."""
        unsent = {"lines__phase__in": (Phase.ASSIGN, Phase.RESTORE), "lines__state": LineState.NOT_SENT}
        waiting = {"kind": Kind.CHANGE, "state__in": (State.APPROVED, State.UNCONFIRMED)}
        return self.filter(**waiting, **unsent, lines__without_trunk=False).distinct()


def _is_halfway() -> Q:
    """Return the condition of a request at work that it has removed a trunk and not assigned another yet."""
    after_removal = {"phase__in": (Phase.ASSIGN, Phase.RESTORE), "trunk_request": OuterRef("pk")}
    open_line = Line.objects.filter(state__in=(LineState.NOT_SENT, LineState.UNKNOWN), **after_removal)
    return Q(Exists(open_line), kind=Kind.CHANGE)


class TrunkRequest(models.Model):
    """A controlled change: some lines for one sub account, filed by one person, decided by another.

    `state` is written by `workflow.transitions.move()` alone. `version` counts every move and amendment, so that a
    page can say which version it showed; `content_version` counts only changes of what is asked for.
    """

    master = models.ForeignKey(MasterAccount, on_delete=models.PROTECT, related_name="trunk_requests")
    sub_account = models.ForeignKey(SubAccount, on_delete=models.PROTECT, related_name="trunk_requests")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.ASSIGN)
    reason = models.TextField()
    ticket = models.CharField(max_length=60, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    version = models.PositiveIntegerField(default=1)
    content_version = models.PositiveIntegerField(default=1)
    content_digest = models.CharField(max_length=64)
    numbers = models.TextField("every DNIS that it asks for or removes, with a space between", blank=True)
    filed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    filed_at = models.DateTimeField()
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    not_before = models.DateTimeField("the change window opens", null=True, blank=True)
    approved_digest = models.CharField(max_length=64, blank=True)
    # The approval policy as it was when this content was filed: its rules, what it asks of this request, and why.
    policy = models.JSONField(default=dict, blank=True)
    policy_digest = models.CharField(max_length=64, default=NO_POLICY)
    approvals_needed = models.PositiveSmallIntegerField(default=1)
    # Of what Zoom had when it was asked for, kept with the revision: the base that decisions are made on.
    base_digest = models.CharField(max_length=64, default=NOTHING)
    changed_at = models.DateTimeField()

    # The claim: `fence` rises with each claim, and every write of a worker names the fence it holds.
    fence = models.PositiveIntegerField(default=0)
    step = models.CharField(max_length=8, choices=Step.choices, default=Step.NONE, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    waiting_for = models.TextField(blank=True)
    asked_in = models.CharField(
        "web request that last asked for this", max_length=36, blank=True, default="", db_default=""
    )
    tries = models.PositiveIntegerField(default=0)
    sends = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    absent_at = models.DateTimeField(null=True, blank=True)
    landed = models.BooleanField("some line of the last call is in Zoom's list", default=False)
    needs_attention = models.BooleanField("people are asked to look at Zoom", default=False)
    one_by_one = models.BooleanField("send each line in a call of its own", default=False)

    objects = TrunkRequestQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["state", "next_attempt_at"], name="request_due"),
            models.Index(fields=["filed_by", "-id"], name="request_by_filer"),
            models.Index(fields=["sub_account", "-id"], name="request_by_sub_account"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="request_state_is_known"),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="request_kind_is_known"),
            # Zoom limits parallel work on one resource, and a list can prove only what one writer did.
            models.UniqueConstraint(
                fields=["sub_account"], condition=Q(state=State.APPLYING), name="one_writer_per_sub_account"
            ),
            # The last wall behind the rule of four eyes: it holds for scripts and shells as well.
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("filed_by")),
                name="nobody_approves_their_own",
            ),
            models.CheckConstraint(
                condition=Q(approvals_needed__gte=1, approvals_needed__lte=3),
                name="request_takes_1_to_3_approvals",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """Return the request's number as people write it: TR-000042."""
        return reference_to(self.pk)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def is_working(self) -> bool:
        """Say whether the portal is at work on it, so that the page should keep looking."""
        return self.state in WORKING_STATES

    @property
    def quiet_left(self) -> float:
        """Return the seconds until Zoom can no longer carry out the last write."""
        return clock.left(self.sent_at, settings.QUIET_SECONDS)

    @property
    def could_still_land(self) -> bool:
        """Say whether the last write was sent so lately that Zoom may yet carry it out."""
        return self.quiet_left > 0

    @property
    def retryable_lines(self) -> int:
        """Return how many lines a retry would send again: those that surely did not succeed."""
        return sum(line.state not in ENDED_LINE_STATES for line in self.lines.all())


def line_content(trunk: str, dnis: str, caller_id: str, current_dnis: str) -> dict[str, str]:
    """Return a line's content in the form that digests are made of."""
    content = {"trunk": trunk, "dnis": dnis, "outbound_caller_id": caller_id}
    return content | {"current_dnis": current_dnis} if current_dnis else content


def first_hold(kind: str, dnis: str, current_dnis: str) -> Hold:
    """Return whether an open line holds its DNIS: not when it is the sub account's own already."""
    return Hold.NONE if kind != Kind.ASSIGN and dnis == current_dnis else Hold.HELD


class Line(models.Model):
    """One trunk of a trunk request, with its own outcome."""

    trunk_request = models.ForeignKey(TrunkRequest, on_delete=models.CASCADE, related_name="lines")
    master = models.ForeignKey(MasterAccount, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    trunk = models.ForeignKey(MasterTrunk, on_delete=models.PROTECT, related_name="lines")
    prefix = models.CharField("the trunk's prefix at filing", max_length=32)
    dnis = models.CharField("DNIS", max_length=32)
    outbound_caller_id = models.CharField("caller ID", max_length=32, blank=True)
    # Unassign and change only: what is at Zoom before. The caller ID is noted when it is about to be removed.
    current_dnis = models.CharField("present DNIS", max_length=32, blank=True)
    current_caller_id = models.CharField("present caller ID", max_length=32, blank=True)
    removing = models.BooleanField("an open request is to remove the present DNIS", default=False)
    hold = models.CharField(max_length=8, choices=Hold.choices, default=Hold.HELD, blank=True)

    phase = models.CharField(max_length=8, choices=Phase.choices, default=Phase.ASSIGN)
    state = models.CharField(max_length=24, choices=LineState.choices, default=LineState.NOT_SENT)
    without_trunk = models.BooleanField("removed, and nothing could be assigned in its place", default=False)
    sends = models.PositiveSmallIntegerField("calls that carried this line", default=0)
    answered = models.BooleanField("Zoom answered the last call with success", default=False)
    detail = models.TextField(blank=True)
    absent_at = models.DateTimeField("first list without it after it was given up", null=True, blank=True)
    zoom_id = models.CharField("id in the sub account's list", max_length=200, blank=True)
    tracking_id = models.CharField(max_length=200, blank=True)

    objects = LineQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        indexes = [
            models.Index(
                fields=["trunk_request"], condition=Q(without_trunk=True), name="line_without_trunk"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["trunk_request", "position"], name="one_line_per_position"),
            # Partial: a line that ended without an assignment must not block its successor.
            models.UniqueConstraint(
                fields=["master", "dnis"], condition=~Q(hold=""), name="one_holder_per_dnis"
            ),
            models.UniqueConstraint(
                fields=["master", "current_dnis"], condition=Q(removing=True), name="one_removal_per_dnis"
            ),
            models.CheckConstraint(condition=Q(dnis__regex=r"^[0-9]{1,32}\Z"), name="dnis_is_digits"),
            models.CheckConstraint(condition=Q(dnis__startswith=F("prefix")), name="dnis_has_the_prefix"),
            models.CheckConstraint(condition=Q(state__in=LineState.values), name="line_state_is_known"),
            models.CheckConstraint(condition=Q(hold__in=Hold.values), name="hold_is_known"),
        ]

    def __str__(self) -> str:
        return f"line {self.position} ({self.dnis})"

    def content(self) -> dict[str, Any]:
        """Return what an approval binds: which trunk (by Zoom's id), which DNIS, which caller ID, in place of what."""
        return line_content(self.trunk.zoom_id, self.dnis, self.outbound_caller_id, self.current_dnis)

    @property
    def has_begun(self) -> bool:
        """Say whether the line is past its first phase: something of it has been done at Zoom."""
        return self.phase != FIRST_PHASE[Kind(self.trunk_request.kind)]

    @property
    def was_shown(self) -> bool:
        """Say whether Zoom's list has shown what the line is to have: what was asked for, or a change's old values.

        Not where the line has let go of its DNIS since, because it was removed by another request or in Zoom's console.
        """
        restored = self.phase == Phase.RESTORE and self.state == LineState.REFUSED and not self.without_trunk
        return bool(self.hold) and (self.state in ASSIGNED_LINE_STATES or restored)

    def target(self) -> tuple[str, str]:
        """Return the DNIS and the caller ID that the line's phase wants Zoom to have (or, removing, not to have)."""
        if self.phase == Phase.ASSIGN:
            return self.dnis, self.outbound_caller_id
        return self.current_dnis, self.current_caller_id


_NAMED: Rows[TrunkRequest] = Rows(
    lambda: TrunkRequest.objects.filter(pk=Param("pk", models.BigIntegerField())).with_names()
)
_LINES: Rows[Line] = Rows(
    lambda: Line.objects.filter(trunk_request=Param("trunk_request")).select_related("trunk")
)


def named_request(pk: int) -> TrunkRequest | None:
    """Return the request with that key with the names of what and whom it is about; see `with_names`."""
    found = _NAMED(pk=pk)
    return found[0] if found else None


def lines_with_trunks(trunk_request: int) -> list[Line]:
    """Return the lines of the request with that key, in order, with their trunks."""
    return _LINES(trunk_request=trunk_request)
