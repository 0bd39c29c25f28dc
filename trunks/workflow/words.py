"""Zoom's errors in plain words: what happened, what to do next, who can, and whether trying again makes sense."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from trunks.models import ZoomCall
from trunks.workflow.causes import OTHER, TABLE
from trunks.workflow.explanations import ADMINISTRATOR, AFTERWARDS, BY_ITSELF, UNKNOWN, Explanation
from trunks.zoom import errors
from trunks.zoom.errors import ZoomError
from trunks.zoom.retry_after import LONGEST_WAIT
from trunks.zoom.verdict import error_of
from trunks.zoom.wire import Answer, Errand

__all__ = ["UNKNOWN", "Decoded", "Explanation", "decode", "explain", "sentence"]


MOMENT_SECONDS = 5.0
SILENT = "It gave no reason: ask your contact at Zoom, and name the tracking id if there is one."
# No other limit is believed for so long.
USED_UP = "Zoom's daily limit for this kind of call is used up; nothing was sent."
UNCLEAR = Explanation(
    UNKNOWN,
    "Zoom answered with an error that the portal does not know.",
    "Read Zoom's own words.",
    ADMINISTRATOR,
    AFTERWARDS,
)


@dataclass(frozen=True)
class Decoded:
    """One failed call for people: the explanation, and Zoom's own words, status, code and tracking id beside it."""

    explanation: Explanation
    words: str
    status: int | None
    code: int | None
    tracking_id: str
    sentence: str


def explain(error: ZoomError) -> Explanation:
    """Return cause, next step and who, with the missing scopes by name where Zoom names them."""
    refused_for_good = not error.might_have_happened and not error.retryable
    last = OTHER if refused_for_good else UNCLEAR
    found = next((row.explanation for row in TABLE if row.fits(error)), last)
    if found.key == UNKNOWN and not error.message:
        return replace(found, next_step=SILENT)
    if isinstance(error, errors.ScopeMissing) and error.scopes:
        return replace(found, cause=f"The app at Zoom lacks the scope {', '.join(error.scopes)}.")
    if isinstance(error, errors.HeldBack) and _is_far(error.retry_at):
        return replace(found, cause=USED_UP)
    return found


def _is_far(at: datetime | None) -> bool:
    return at is not None and at > datetime.now(UTC) + timedelta(seconds=LONGEST_WAIT)


def sentence(error: ZoomError, *, trying: bool = False) -> str:
    """Return the explanation with Zoom's own words and tracking id behind it.

    With `trying` somebody is waiting for the answer, so that nothing is tried again by itself.
    """
    # Without a status nobody at Zoom has said anything; the words are the network's. What is wrong with an answer, and
    # where it points, are the portal's.
    ours = not error.status or isinstance(error, errors.Unreadable | errors.Redirected)
    told = f"what happened: {error.message}" if ours else f"Zoom's words: “{error.message}”"
    details = [told if error.message else ""]
    details += [f"HTTP {error.status}" if error.status else "", f"code {error.code}" if error.code else ""]
    details += [f"tracking id {error.tracking_id}" if error.tracking_id else ""]
    known = ", ".join(detail for detail in details if detail)
    said = explain(error)
    words = f"{said.cause} Try again {_soon(error)}." if trying and said.again == BY_ITSELF else str(said)
    return f"{words} ({known})" if known else words


def _soon(error: ZoomError) -> str:
    """Return when it makes sense that somebody tries again."""
    if not isinstance(error, errors.RateLimited) or error.wait <= MOMENT_SECONDS:
        return "in a moment"
    at = datetime.now(UTC) + timedelta(seconds=error.wait)
    if isinstance(error, errors.HeldBack) and error.retry_at:
        at = error.retry_at  # the portal's own next turn, which needs no belief
    return f"after {at:%H:%M:%S} UTC"


def decode(call: ZoomCall) -> Decoded | None:
    """Return what a recorded call's answer means, or None when it is no error or never came.

    It is decoded when it is shown, so that a better table explains old calls too.
    """
    if call.status is None:
        return None
    errand = Errand(f"{call.method} {call.path}", write=call.method != "GET")
    error = error_of(Answer(call.status, {"x-zm-trackingid": call.tracking_id}, call.answer), errand)
    if error is None:
        return None
    return Decoded(
        explanation=explain(error),
        words=error.message,
        status=error.status,
        code=error.code,
        tracking_id=error.tracking_id,
        sentence=sentence(error),
    )
