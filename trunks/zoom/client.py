"""The calls to Zoom's API that the portal makes, typed in and out.

The trunk calls follow Zoom's API file of November 2021, the account calls its text of February 2026.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Generic, Self, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import requests

from trunks.zoom.auth import ServerToServerAuth
from trunks.zoom.deadline import Limit, time_limit
from trunks.zoom.errors import CredentialsRefused, RateLimited, Redirected, Unreadable, ZoomError
from trunks.zoom.hooks import Patience, at_once, no_brake, no_objection, no_record, no_verdict, no_wait
from trunks.zoom.reading import (
    SubAccountPages,
    TrunkPages,
    WrongShapeError,
    put_together,
    read_assigned,
    read_done,
    read_sub_account,
)
from trunks.zoom.types import Assignment, Call, Label, SubAccount, Trunk
from trunks.zoom.verdict import error_of, unreadable
from trunks.zoom.wire import ANSWER_BYTES, LIST_BYTES, Answer, Errand, Wire, prepare

PAGE_SIZE = 300
PAGES_AT_MOST = 10_000
TRUNKS_AT_MOST = 30
REDIRECTS_AT_MOST = 3
STALE_PAGES = 3  # without a row and with the same token
BARREN_PAGES = 10  # with nothing new, whatever their tokens: a list without end must not hold a worker
_ANSWER_CHARACTERS = 4_000
_FOLLOWED = {301, 302, 303, 307, 308}

Result = TypeVar("Result")
Item = TypeVar("Item")


@dataclass(frozen=True)
class _Ask(Generic[Result]):
    """One API call: what to send, how to read the answer, and in what words to complain."""

    errand: Errand
    method: str
    path: str
    read: Callable[[Answer], Result]
    label: Label = Label.LIGHT
    query: dict[str, str] | None = None
    body: object = None
    most: int = ANSWER_BYTES


class ZoomClient:
    """One session with one master account; for one thread at a time.

    `deadline` bounds each API call in seconds: connecting, renewing the token, a reading's repeat after a 401 and
    redirects included, waiting in `turn` not. `turn` is called before each API request and may wait for the
    rate budget, or raise to keep the request from being sent. `observe` gets the record of each API request,
    failed ones included; what it raises goes to the caller. `brake` is told of each 429 before it is raised.
    Token requests are none of these. `before_write` is called before each request that changes something at Zoom,
    and `before_sending`, last of all, before each request; both may raise to keep it from being sent. `ended` is
    told how each call ended, as a whole and token requests included: None, or the error. What `meanwhile` holds is
    done while an answer is waited for.

    Every method raises ZoomError, and ValueError for an id that cannot be part of a path.
    """

    def __init__(
        self,
        *,
        api_url: str,
        auth: ServerToServerAuth,
        deadline: float = 30.0,
        turn: Callable[[Label], None] = no_wait,
        observe: Callable[[Call], None] = no_record,
        brake: Callable[[Label, RateLimited], None] = no_brake,
        before_write: Callable[[], None] = no_objection,
        before_sending: Callable[[], None] = no_objection,
        ended: Callable[[ZoomError | None], None] = no_verdict,
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._auth = auth
        self._deadline = deadline
        self._turn = turn
        self._observe = observe
        self._brake = brake
        self._before_write = before_write
        self._before_sending = before_sending
        self._ended = ended
        self._wire = Wire()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the idle connections."""
        self._wire.close()

    def scopes(self) -> frozenset[str]:
        """Return the scopes that Zoom's token answer named; empty when it named none."""
        return frozenset(self._auth.token().scope.replace(",", " ").split())

    def list_sub_accounts(self, patience: Patience = at_once) -> Iterator[SubAccount]:
        """Return all sub accounts, page by page as they are read; after an error the list is incomplete.

        Each page is read with `patience`: one that Zoom holds back does not start the list anew. A page token lives
        15 minutes. One that comes twice with nothing new is Unreadable, as are ten pages without, and the 10,001st.
        """
        ask = _Ask(Errand("listing the sub accounts"), "GET", "/accounts", SubAccountPages(), Label.MEDIUM)
        yield from self._pages(replace(ask, query={"page_size": str(PAGE_SIZE)}, most=LIST_BYTES), patience)

    def sub_account(self, account_id: str) -> SubAccount:
        """Return one sub account; AccountNotFound when it is not ours."""
        errand = Errand(f"reading account {account_id}")
        return self._call(_Ask(errand, "GET", f"/accounts/{_segment(account_id)}", read_sub_account))

    def list_trunks(self, account_id: str = "me", patience: Patience = at_once) -> list[Trunk]:
        """Return all trunks of a sub account, or the master's own ("me"), each page read with `patience`.

        Zoom documents no paging of this list, so that a page token that leads back to the same rows means nothing. What
        came in pages is read twice: what is taken away meanwhile moves a row to a page that was read before.
        """
        errand, read = Errand(f"listing the trunks of account {account_id}"), TrunkPages()
        ask = _Ask(errand, "GET", _trunks(account_id), read, most=LIST_BYTES)
        rows = list(self._pages(ask, patience, may_repeat=True))
        if read.came_at_once(rows):
            return rows
        rows = put_together(rows, list(self._pages(ask, patience, may_repeat=True)))
        if lacking := read.lacking(rows):
            raise Unreadable(f"Zoom counts {lacking} more than its pages show", doing=errand.doing)
        return rows

    def assign_trunks(self, account_id: str, assignments: Sequence[Assignment]) -> list[Trunk]:
        """Assign 1 to 30 trunks to a sub account and return what Zoom says it assigned, which may be nothing.

        Any 2xx means accepted. Zoom documents neither what becomes of the rest when one of several is bad,
        nor assigning a trunk twice: read the sub account's list before and after. ValueError for another
        number of trunks.
        """
        if not 1 <= len(assignments) <= TRUNKS_AT_MOST:
            raise ValueError(f"{len(assignments)} trunks; Zoom takes 1 to {TRUNKS_AT_MOST} at once")
        errand = Errand(f"assigning trunks to account {account_id}", write=True)
        body = {"sip_trunks": [_assignment(item) for item in assignments]}
        return self._call(_Ask(errand, "POST", _trunks(account_id), read_assigned, body=body))

    def unassign_trunk(self, account_id: str, trunk_id: str) -> None:
        """Take a trunk from a sub account; the id is the one in the sub account's own list."""
        errand = Errand(f"unassigning trunk {trunk_id} from account {account_id}", write=True)
        self._call(_Ask(errand, "DELETE", f"{_trunks(account_id)}/{_segment(trunk_id)}", read_done))

    def _pages(
        self, ask: _Ask[tuple[list[Item], str]], patience: Patience, *, may_repeat: bool = False
    ) -> Iterator[Item]:
        """Yield the items of all pages; what came on an earlier page is not repeated."""
        known, seen, stale = set[Item](), set[str](), 0
        for _ in range(PAGES_AT_MOST):
            page, token = patience(partial(self._call, ask))
            fresh = [item for item in page if item not in known]
            yield from fresh
            if not token:
                return
            stale = 0 if fresh else stale + 1
            again = token in seen and not fresh and (page or stale == STALE_PAGES)
            if again or stale == BARREN_PAGES:
                if may_repeat and page:
                    return
                words = "the same page token came twice" if again else f"{stale} pages brought nothing new"
                raise Unreadable(words, doing=ask.errand.doing)
            known |= set(page)
            seen.add(token)
            ask = replace(ask, query={**(ask.query or {}), "next_page_token": token})
        raise Unreadable(f"there are more than {PAGES_AT_MOST:,} pages", doing=ask.errand.doing)

    def _call(self, ask: _Ask[Result]) -> Result:
        try:
            result = self._try(ask)
        except ZoomError as error:
            self._auth.outdate(error)
            self._ended(error)
            raise
        self._ended(None)
        return result

    def _try(self, ask: _Ask[Result]) -> Result:
        with time_limit(self._deadline) as limit:
            request = self._prepare(ask, self._api_url + ask.path)
            try:
                return self._follow(ask, request, limit)
            except CredentialsRefused as error:
                self._auth.cure(error, request, write=ask.errand.write)
                return self._follow(ask, self._prepare(ask, self._api_url + ask.path), limit)

    def _prepare(self, ask: _Ask[Result], url: str) -> requests.PreparedRequest:
        return prepare(requests.Request(ask.method, url, params=ask.query, json=ask.body, auth=self._auth))

    def _follow(self, ask: _Ask[Result], request: requests.PreparedRequest, limit: Limit) -> Result:
        for _ in range(REDIRECTS_AT_MOST):
            try:
                return self._exchange(ask, request, limit)
            except Redirected as error:
                target = self._target(str(request.url), error)
                if ask.errand.write or not target:
                    raise
                request = self._prepare(replace(ask, query=None), target)
        return self._exchange(ask, request, limit)

    def _target(self, url: str, error: Redirected) -> str:
        """Return where a redirect leads if the token may go there: same scheme, host and port; else ""."""
        try:
            target = urljoin(url, error.location)
            same = _origin(target) == _origin(url) and "@" not in urlsplit(target).netloc
        except ValueError:
            return ""
        return target if same and error.location and error.status in _FOLLOWED else ""

    def _exchange(self, ask: _Ask[Result], request: requests.PreparedRequest, limit: Limit) -> Result:
        with limit.stopped():
            self._turn(ask.label)
            if ask.errand.write:
                self._before_write()
            # Last of all: it asks whether the worker's lease outlives the call, and whatever came after could outlast
            # the lease.
            self._before_sending()
        began = time.monotonic()
        call = Call(
            method=ask.method,
            path=urlsplit(str(request.url)).path.removeprefix(urlsplit(self._api_url).path),
            label=ask.label,
            status=None,
            tracking_id="",
            started_at=datetime.now(UTC),
            duration_ms=0,
            request_body=ask.body,
            answer="",
            error="",
            left=began,
        )
        try:
            answer = self._wire.send(request, ask.errand, seconds=self._deadline, most=ask.most)
            text = answer.text[:_ANSWER_CHARACTERS]
            call = replace(
                call,
                status=answer.status,
                tracking_id=answer.tracking_id,
                answer=text,
                heard=answer.began,
                busy=answer.busy,
            )
            return _understood(ask, answer)
        except BaseException as error:
            call = replace(call, error=str(error) or type(error).__name__)
            if isinstance(error, RateLimited):
                self._brake(ask.label, error)
            raise
        finally:
            self._observe(replace(call, duration_ms=round((time.monotonic() - began) * 1000)))


def _understood(ask: _Ask[Result], answer: Answer) -> Result:
    if error := error_of(answer, ask.errand):
        raise error
    try:
        return ask.read(answer)
    except WrongShapeError as error:
        raise unreadable(answer, ask.errand, str(error)) from error


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _trunks(account_id: str) -> str:
    return f"/accounts/{_segment(account_id)}/sip_trunk/trunks"


def _segment(value: str) -> str:
    """Encode an id as one path segment, so that no id leads to another call; "." and ".." cannot be tamed."""
    if value in ("", ".", ".."):
        raise ValueError(f"{value!r} is not an id")
    return quote(value, safe="")


def _assignment(item: Assignment) -> dict[str, str]:
    body = {"id": item.trunk_id, "dnis": item.dnis}
    return body | {"outbound_caller_id": item.outbound_caller_id} if item.outbound_caller_id else body
