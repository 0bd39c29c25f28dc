"""The words that requests and lines are described with: kinds, states, phases, holds."""

from __future__ import annotations

from django.db import models

MAX_LINES = 30  # `maxItems` of sip_trunks in Zoom's API definition


class Kind(models.TextChoices):
    ASSIGN = "assign", "Assign"
    UNASSIGN = "unassign", "Unassign"
    CHANGE = "change", "Change"


class State(models.TextChoices):
    PENDING = "pending", "Waiting for a decision"
    SENT_BACK = "sent_back", "Sent back"
    APPROVED = "approved", "Approved, not yet at Zoom"
    APPLYING = "applying", "Being applied"
    UNCONFIRMED = "unconfirmed", "Unconfirmed"
    DONE = "done", "Done"
    PARTIAL = "partial", "Partly done"
    FAILED = "failed", "Failed"
    DENIED = "denied", "Denied"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"


OPEN_STATES = (State.PENDING, State.SENT_BACK, State.APPROVED, State.APPLYING, State.UNCONFIRMED)
WORKING_STATES = (State.APPROVED, State.APPLYING, State.UNCONFIRMED)


class Step(models.TextChoices):
    """How far the holder of the claim has got: where a successor has to begin."""

    NONE = "", "Not claimed"
    CLAIMED = "claimed", "Claimed, nothing sent"
    SENDING = "sending", "Something may have been sent"


class Phase(models.TextChoices):
    """What a line is about to do at Zoom. A change removes, then assigns; when that fails for good, it restores."""

    REMOVE = "remove", "Unassign"
    ASSIGN = "assign", "Assign"
    RESTORE = "restore", "Assign the old values again"


FIRST_PHASE = {Kind.ASSIGN: Phase.ASSIGN, Kind.UNASSIGN: Phase.REMOVE, Kind.CHANGE: Phase.REMOVE}


class LineState(models.TextChoices):
    NOT_SENT = "not_sent", "Not sent"
    UNKNOWN = "unknown", "Sent, not confirmed"
    ASSIGNED = "assigned", "Assigned"
    UNASSIGNED = "unassigned", "Unassigned"
    ALREADY_THERE = "already_there", "Was already there"
    CALLER_ID_NOT_REPORTED = "caller_id_not_reported", "Assigned, caller ID not shown by Zoom"
    DIFFERENT = "different", "Zoom shows other values"
    REFUSED = "refused", "Refused by Zoom"
    GIVEN_UP = "given_up", "Given up, outcome unknown"


ASSIGNED_LINE_STATES = (LineState.ASSIGNED, LineState.ALREADY_THERE, LineState.CALLER_ID_NOT_REPORTED)
GOOD_LINE_STATES = (*ASSIGNED_LINE_STATES, LineState.UNASSIGNED)
# What a retry leaves alone: it succeeded, or nobody knows that it did not.
ENDED_LINE_STATES = (*GOOD_LINE_STATES, LineState.GIVEN_UP)


class Hold(models.TextChoices):
    """Whether a line keeps its DNIS from others: while its request is open, and while Zoom has it assigned.

    `unknown` is for a line that was given up: Zoom may have it, until its list has been read and does not show it.
    """

    NONE = "", "None"
    HELD = "held", "Held"
    ASSIGNED = "assigned", "Assigned"
    UNKNOWN = "unknown", "Perhaps in use at Zoom"


class Verdict(models.TextChoices):
    APPROVE = "approve", "Approved"
    DENY = "deny", "Denied"
    SEND_BACK = "send_back", "Sent back"
