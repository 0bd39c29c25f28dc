"""Zoom's errors in plain words: what happened, what to do next, and who can."""

from __future__ import annotations

from dataclasses import dataclass

from trunks.zoom import errors
from trunks.zoom.errors import ZoomError

ADMINISTRATOR = "an administrator"


@dataclass(frozen=True)
class Explanation:
    """One error for people: the cause, the next step, and who can take it."""

    cause: str
    next_step: str
    who: str

    def __str__(self) -> str:
        return f"{self.cause} {self.next_step}".strip()


_WAIT = "The portal tries again by itself."
_TABLE: tuple[tuple[type[ZoomError], Explanation], ...] = (
    (errors.NotSent, Explanation("Zoom cannot be reached; nothing was sent.", _WAIT, "nobody")),
    (errors.NoAnswer, Explanation("Zoom did not answer in time.", _WAIT, "nobody")),
    (errors.ServerError, Explanation("Zoom has an internal problem.", _WAIT, "nobody")),
    (errors.Unreadable, Explanation("Zoom's answer could not be understood.", _WAIT, "nobody")),
    (
        errors.HeldBack,
        Explanation(
            "Zoom is busy: the master account's rate limit is used up for now, and nothing was sent.",
            _WAIT,
            "nobody",
        ),
    ),
    (errors.RateLimited, Explanation("Zoom's rate limit is reached.", _WAIT, "nobody")),
    (
        errors.Redirected,
        Explanation(
            "Zoom's address answered with a redirection, which the portal does not follow.",
            "Check ZOOM_API_URL.",
            ADMINISTRATOR,
        ),
    ),
    (
        errors.CredentialsRefused,
        Explanation(
            "Zoom refuses the portal's credentials for this master account.",
            "Check account id, client id and client secret, and that the app is activated; then connect again.",
            ADMINISTRATOR,
        ),
    ),
    (
        errors.ScopeMissing,
        Explanation(
            "The app at Zoom lacks a scope.",
            "Add it to the app at Zoom; a scope that was just added can take some minutes to count.",
            ADMINISTRATOR,
        ),
    ),
    (
        errors.AccountNotFound,
        Explanation(
            "Zoom does not know this account, or it does not belong to this master account.",
            "Read the estate again; the sub account may have been closed or moved.",
            ADMINISTRATOR,
        ),
    ),
    (
        errors.NotEnrolled,
        Explanation(
            "The account is not enrolled in the SIP Connected Audio plan.",
            "Buy the plan for the account at Zoom, then try again.",
            "who manages the plans at Zoom",
        ),
    ),
    (
        errors.NotMaster,
        Explanation(
            "Zoom says that this is not a master account, or not the master of this sub account.",
            "Check that the account has the API Partner plan and that the app belongs to it.",
            ADMINISTRATOR,
        ),
    ),
    (
        errors.NoTrunkConfigs,
        Explanation(
            "The master account has no SIP trunks at Zoom.",
            "Ask Zoom to provision them; they cannot be made through the API.",
            "your contact at Zoom",
        ),
    ),
    (
        errors.InvalidParameter,
        Explanation(
            "Zoom does not accept a value, and does not say which.",
            "Look at the DNIS, the trunk and the caller ID; file a request with others.",
            "the requester",
        ),
    ),
)
_OTHER = Explanation("Zoom refused the call.", "Read Zoom's own words.", ADMINISTRATOR)


def explain(error: ZoomError) -> Explanation:
    """Return cause, next step and who, with the missing scopes by name where Zoom names them."""
    found = next((words for kind, words in _TABLE if isinstance(error, kind)), _OTHER)
    if isinstance(error, errors.ScopeMissing) and error.scopes:
        cause = f"The app at Zoom lacks the scope {', '.join(error.scopes)}."
        return Explanation(cause, found.next_step, found.who)
    return found


def sentence(error: ZoomError) -> str:
    """Return the explanation with Zoom's own words and tracking id behind it."""
    # Without a status nobody at Zoom has said anything; the words are the network's.
    whose = "Zoom's words" if error.status else "what happened"
    details = [f"{whose}: {error.message}" if error.message else ""]
    details += [f"HTTP {error.status}" if error.status else "", f"code {error.code}" if error.code else ""]
    details += [f"tracking id {error.tracking_id}" if error.tracking_id else ""]
    known = ", ".join(detail for detail in details if detail)
    return f"{explain(error)} ({known})" if known else str(explain(error))
