"""Everything that can go wrong when speaking with Zoom.

ZoomError
├── NotSent                the request never left: no connection, no name, no TLS
├── Doubtful               whether a write happened is unknown
│   ├── NoAnswer           time-out, reset or cut before the answer's headers were complete; HTTP 408
│   ├── Unreadable         an answer came and cannot be understood
│   ├── ServerError        HTTP 5xx
│   └── Redirected         HTTP 3xx that is not followed
├── RateLimited            HTTP 429
│   └── HeldBack           our own rate budget has no turn soon enough; nothing was sent
├── TokenReplaced          a write was refused with its token, and there is a new one
├── CredentialsRefused     the app or its token is refused
│   └── SecretUnreadable   our own copy of the app's secret cannot be read; nothing was sent
├── ScopeMissing           the app lacks a scope
├── AccountNotFound        no such sub account, or not ours
├── NotEnrolled            the account has no SIP Connected Audio plan
├── NotMaster              the caller is not a master account, or not of this sub account
├── NoTrunkConfigs         Zoom has provisioned no trunk for the master account
├── InvalidParameter       Zoom dislikes a field
└── Refused                any other no

Every error answers: may I send the same again (`retryable`), might the write have happened all the same
(`might_have_happened`, always False for reads), and what does Zoom's support need (`tracking_id`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, TypedDict, Unpack

from trunks.zoom.retry_after import believed


class Details(TypedDict, total=False):
    """What any of the errors may be given; whatever is left out has the class's own default."""

    doing: str
    status: int | None
    code: int | None
    tracking_id: str
    retryable: bool
    might_have_happened: bool


class ZoomError(Exception):
    """Base of all; `message` is Zoom's own words or the network's, `doing` what the client was busy with."""

    summary: ClassVar[str] = "the call to Zoom failed"
    retryable: bool = False
    might_have_happened: bool = False

    def __init__(self, message: str = "", **details: Unpack[Details]) -> None:
        super().__init__(message)
        self.message = message
        self.doing = details.get("doing", "")
        self.status = details.get("status")
        self.code = details.get("code")
        self.tracking_id = details.get("tracking_id", "")
        self.retryable = details.get("retryable", type(self).retryable)
        self.might_have_happened = details.get("might_have_happened", type(self).might_have_happened)

    def __str__(self) -> str:
        """Return one line; control characters in Zoom's words are escaped, lest they forge log lines."""
        parts = [part for part in (self.doing, self.summary, self.message) if part]
        known = {"HTTP": self.status, "code": self.code, "tracking id": self.tracking_id or None}
        marks = ", ".join(f"{name} {value}" for name, value in known.items() if value is not None)
        line = ": ".join(parts) + (f" [{marks}]" if marks else "")
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


class NotSent(ZoomError):
    """Not one byte of the request left (refused connection, DNS, TLS). Retry: yes. Happened: surely not."""

    summary = "Zoom could not be reached"
    retryable = True


class Doubtful(ZoomError):
    """Nobody knows what became of a write. Retry: reads only. Happened: a read never, a write perhaps.

    For a write, ask Zoom's list first. The two flags are each other's opposite unless given.
    """

    def __init__(self, message: str = "", **details: Unpack[Details]) -> None:
        details.setdefault("retryable", not details.get("might_have_happened", False))
        super().__init__(message, **details)


class NoAnswer(Doubtful):
    """Time-out, reset or cut after sending, or HTTP 408. Retry: reads only. Happened: a write perhaps."""

    summary = "Zoom did not answer"


class Unreadable(Doubtful):
    """A cut, too large, malformed or unexpected answer. Retry: reads only. Happened: a write perhaps."""

    summary = "Zoom's answer cannot be understood"


class ServerError(Doubtful):
    """HTTP 5xx, from Zoom or a gateway that gave up. Retry: reads only. Happened: a write perhaps."""

    summary = "Zoom has an internal problem"


class Redirected(Doubtful):
    """HTTP 3xx, not followed. Retry: no, the address is wrong. Happened: a write perhaps."""

    summary = "Zoom points to another address, which is not followed"

    def __init__(self, message: str = "", *, location: str = "", **details: Unpack[Details]) -> None:
        details.setdefault("retryable", False)
        super().__init__(message, **details)
        self.location = location


class RateLimited(ZoomError):
    """HTTP 429. Retry: yes, not before `retry_at` (None: Zoom did not say). Happened: never.

    `daily` tells the daily limit from the one per second; `limit`, `remaining` and `category` are Zoom's
    headers, which may be missing or speak of another limit than the one that was hit (developer forum, topic
    18928).
    """

    summary = "Zoom's rate limit is reached"
    retryable = True

    def __init__(
        self,
        message: str = "",
        *,
        retry_at: datetime | None = None,
        daily: bool = False,
        limit: int | None = None,
        remaining: int | None = None,
        category: str = "",
        **details: Unpack[Details],
    ) -> None:
        super().__init__(message, **details)
        self.retry_at = retry_at
        self.daily = daily
        self.limit = limit
        self.remaining = remaining
        self.category = category

    @property
    def wait(self) -> float:
        """How many seconds from now to wait, as far as what Zoom said of it is believed."""
        return believed(self.retry_at, daily=self.daily)


class HeldBack(RateLimited):
    """The call was not sent, because its turn would come too late. Retry: from `retry_at` on. Happened: never."""

    summary = "calls to Zoom are being held back"


class TokenReplaced(ZoomError):
    """A write was refused with its token, which has been replaced. Retry: yes, after reading. Happened: no.

    That a refused token keeps a write from happening is what HTTP says of 401, not Zoom; so the list is asked first.
    """

    summary = "Zoom refuses the access token, which has been replaced"
    retryable = True


class CredentialsRefused(ZoomError):
    """Id, secret, app or token is refused. Retry: not before somebody acts. Happened: no.

    With status 401 from the API a new token did not help. Zoom says the same of a call that the app may not
    make.
    """

    summary = "Zoom refuses the credentials or the app"


class SecretUnreadable(CredentialsRefused):
    """The portal cannot read the app's secret, so Zoom was not asked. Retry: not before somebody acts. Happened: no."""

    summary = "the stored secret of the app cannot be read"


class ScopeMissing(ZoomError):
    """The app lacks `scopes`. Retry: not before they are added and a new token is made. Happened: no."""

    summary = "the app lacks a scope"

    def __init__(
        self, message: str = "", *, scopes: tuple[str, ...] = (), **details: Unpack[Details]
    ) -> None:
        super().__init__(message, **details)
        self.scopes = scopes


class AccountNotFound(ZoomError):
    """The account does not exist or belongs to another master. Retry: no. Happened: no."""

    summary = "the account does not exist or does not belong to this master account"


class NotEnrolled(ZoomError):
    """The account has no SIP Connected Audio plan. Retry: not before it is bought. Happened: no."""

    summary = "the account has no SIP Connected Audio plan"


class NotMaster(ZoomError):
    """Only a master account may do this, and only to its own sub accounts. Retry: no. Happened: no."""

    summary = "this needs a master account and one of its own sub accounts"


class NoTrunkConfigs(ZoomError):
    """Zoom has not provisioned a trunk for the master account. Retry: not before Zoom does. Happened: no."""

    summary = "the master account has no SIP trunks at Zoom"


class InvalidParameter(ZoomError):
    """Zoom dislikes a field; `fields` maps its name to Zoom's words. Retry: no. Happened: no."""

    summary = "Zoom does not accept a field"

    def __init__(
        self, message: str = "", *, fields: Mapping[str, str] | None = None, **details: Unpack[Details]
    ) -> None:
        super().__init__(message, **details)
        self.fields = dict(fields or {})


class Refused(ZoomError):
    """Any other definite 4xx. Retry: no. Happened: no.

    What a 2xx says that nobody knows is in doubt, as of any other answer that is not understood. What is refused to a
    read in other words than the API's may be read again.
    """

    summary = "Zoom refused"
