"""What each kind of request does, in words: for the form, the page with the approve button, and the timeline."""

from __future__ import annotations

from django.template import Library

from trunks.models import Kind, Line, LineState, Phase, TrunkRequest
from trunks.workflow import endings

register = Library()

PURPOSES: dict[str, str] = {
    Kind.ASSIGN: "The customer gets another trunk",
    Kind.UNASSIGN: "A trunk is taken away",
    Kind.CHANGE: "A trunk gets another DNIS or caller ID",
}
CONSEQUENCES: dict[str, str] = {
    Kind.UNASSIGN: (
        "Loss of service: once a DNIS is removed, calls to it no longer reach the customer, "
        "and the DNIS is free for others."
    ),
    Kind.CHANGE: (
        "Gap in service: Zoom cannot change a trunk, so the portal removes it and assigns it again. Between the two "
        "steps the customer has no trunk, usually for some seconds. If Zoom refuses the new values, the portal "
        "assigns the old ones again."
    ),
}
OPEN_LINE_STATES = (LineState.NOT_SENT, LineState.UNKNOWN)
WORK: dict[str, str] = {Kind.ASSIGN: "", Kind.UNASSIGN: "removal of ", Kind.CHANGE: "change of "}


@register.filter
def purpose(kind: str) -> str:
    return PURPOSES.get(kind, "")


@register.filter
def consequence(kind: str) -> str:
    """Return what a kind costs the customer, or "" for one that costs nothing."""
    return CONSEQUENCES.get(kind, "")


@register.filter
def what_follows(kind: str) -> str:
    """Return what it means for the DNIS that a request of the kind ends without being carried out."""
    return endings.follows(kind)


@register.filter
def work(kind: str) -> str:
    """Return the words for a button: Approve (removal of) 2 trunks."""
    return WORK.get(kind, "")


def is_between(trunk_request: TrunkRequest) -> bool:
    """Say whether a change is between its two steps, so that the customer is without a trunk now."""
    return trunk_request.is_working and any(
        line.phase != Phase.REMOVE and line.state in OPEN_LINE_STATES
        for line in trunk_request.lines.all()
        if line.current_dnis
    )


@register.filter
def progress(line: Line) -> str:
    """Return how far a line of a removal or a change has come; "" where its state says it all."""
    if not line.current_dnis or line.state not in OPEN_LINE_STATES:
        return ""
    if line.phase == Phase.RESTORE:
        return f"The new values failed; the old ones are being assigned again to {line.current_dnis}."
    if line.phase == Phase.ASSIGN:
        return f"{line.current_dnis} is removed; {line.dnis} is not assigned yet."
    return (
        f"Whether {line.current_dnis} is removed is not known yet." if line.state == LineState.UNKNOWN else ""
    )
