"""What goes into the Zoom client and what comes out of it: plain, frozen values."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Label(StrEnum):
    """Zoom's rate-limit category of a call; each has a limit per second that the whole master account shares.

    Zoom's 2021 text gives the trunk calls no label. LIGHT is inferred from the sister call of Zoom Phone.
    """

    LIGHT = "light"
    MEDIUM = "medium"
    HEAVY = "heavy"


@dataclass(frozen=True)
class Trunk:
    """A SIP trunk as Zoom lists it.

    `outbound_caller_id` is None when Zoom did not report it (its answer to a POST never does) and "" when
    Zoom reported an empty one. `number_prefix` "0" means that all calls go through this trunk.
    """

    id: str
    name: str
    sip_server_address: str
    dnis: str
    number_prefix: str
    outbound_caller_id: str | None


@dataclass(frozen=True)
class SubAccount:
    """A sub account as its master sees it; Zoom has no field that tells whether it is still active."""

    id: str
    name: str
    number: str
    account_type: str
    owner_email: str
    created_at: str


@dataclass(frozen=True)
class Assignment:
    """One trunk to assign; an empty caller ID is left out of the request.

    Zoom takes a DNIS of 5 to 8 characters and a caller ID of at most 32; checking that is the caller's work.
    """

    trunk_id: str
    dnis: str
    outbound_caller_id: str = ""


@dataclass(frozen=True)
class Token:
    """An access token; `expires_at` (epoch seconds) is when to stop using it, some time before it dies."""

    value: str = field(repr=False)
    expires_at: float
    scope: str


@dataclass(frozen=True)
class Call:
    """The record of one HTTP call to the API, as attempts keep it; never holds a header or a token of ours.

    `path` is relative to the API's base URL and has no query. `status` is None when no answer came. `answer`
    is the decoded body, cut to 4,000 characters. `error` is empty when the call did what it should. `left` and `heard`
    are moments of this process's monotonic clock: when it began, and when an answer's headers had been read; `heard` is
    None without an answer. `busy` says that something else was done between, so that the answer may have come before.
    """

    method: str
    path: str
    label: Label
    status: int | None
    tracking_id: str
    started_at: datetime
    duration_ms: int
    request_body: object | None
    answer: str
    error: str
    left: float = 0.0
    heard: float | None = None
    busy: bool = False
