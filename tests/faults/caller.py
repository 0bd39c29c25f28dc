"""The portal's own Zoom client over the Zoom of a schedule: real verdicts and readings, no sockets."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import connection
from requests import PreparedRequest
from requests.structures import CaseInsensitiveDict

from tests.faults.moments import DEADLINE
from tests.faults.points import Killed
from tests.faults.refusing import Refusing
from trunks import audit
from trunks.actions import Action
from trunks.models import State, TrunkRequest, WriteStop
from trunks.zoom import client as zoom_client
from trunks.zoom import hooks
from trunks.zoom.auth import ServerToServerAuth
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import CredentialsRefused, NoAnswer, NotSent, ZoomError
from trunks.zoom.meanwhile import idle
from trunks.zoom.types import Call, Label, Token
from trunks.zoom.wire import Answer

if TYPE_CHECKING:
    from tests.faults.portal import Portal


REQUEST = PreparedRequest()
REQUEST.headers = CaseInsensitiveDict({"Authorization": "Bearer refused"})


class Tokens:
    """Has a new token for whoever asks, unless Zoom refuses the app."""

    def __init__(self, refusing: Refusing) -> None:
        self._refusing = refusing

    def current(self) -> Token | None:
        return None

    def renew(self, stale: Token | None, fetch: Callable[[], Token]) -> Token:
        if self._refusing.now:
            raise CredentialsRefused("Invalid client_id or client_secret", status=400)
        return Token("new", float("inf"), "")

    def set_aside(self, outdated: str) -> None:
        pass


class Caller(ZoomClient):
    """Everything of the real client but the network; each call is a few points in the schedule."""

    def __init__(
        self,
        portal: Portal,
        *,
        observe: Callable[[Call], None],
        before_sending: Callable[[], None] = hooks.no_objection,
        before_write: Callable[[], None] = hooks.no_objection,
        ended: Callable[[ZoomError | None], None] = hooks.no_verdict,
        **_: Any,
    ) -> None:
        self._portal = portal
        self._observe = observe
        self._before_sending = before_sending
        self._before_write = before_write
        self._ended = ended
        self._auth = ServerToServerAuth("", "", "", "", Tokens(portal.refusing))

    def close(self) -> None:
        """Nothing is open."""

    def _try(self, ask: Any) -> Any:
        try:
            return self._attempt(ask)
        except CredentialsRefused as error:
            self._auth.cure(error, REQUEST, write=ask.errand.write)
            return self._attempt(ask)

    def _attempt(self, ask: Any) -> Any:
        what = "write" if ask.errand.write else "read"
        if connection.in_atomic_block:
            self._portal.violations.append("gaps: a transaction is open while Zoom is called")
        self._portal.reach(f"{what} turn")
        if ask.errand.write:
            self._before_write()
        self._before_sending()
        self._portal.reach(f"{what} leave")
        call = Call(
            ask.method, ask.path, Label.LIGHT, None, "", self._portal.moments.now(), 200, ask.body, "", ""
        )
        try:
            return zoom_client._understood(ask, self._exchange_with_zoom(ask))
        except Killed:
            raise
        except Exception as error:
            call = replace(call, error=str(error))
            raise
        finally:
            if not isinstance(sys.exception(), Killed):
                self._observe(call)

    def _exchange_with_zoom(self, ask: Any) -> Answer:
        portal, what = self._portal, "write" if ask.errand.write else "read"
        if portal.zoom.refuses_connections(ask.method):
            raise NotSent("connection refused", doing=ask.errand.doing)
        origin = portal.runs[-1].origin if portal.runs else 0
        if ask.errand.write:
            with portal.watching(on=False):
                self._judge(ask, origin)
        answer = portal.zoom.answer(ask.method, ask.path, ask.body, origin)
        portal.reach(f"{what} sent")
        idle()
        portal.advance(0.2 if answer else DEADLINE)
        portal.reach(f"{what} answer")
        if answer is None:
            raise NoAnswer("timed out", doing=ask.errand.doing, might_have_happened=ask.errand.write)
        text = (answer.body or b"").decode()
        cut = "the answer was cut" if answer.status < 300 and _is_half(text) else ""
        return Answer(answer.status, CaseInsensitiveDict(answer.headers), text, cut)

    def _judge(self, ask: Any, origin: int) -> None:
        """Look, at the very moment a write reaches Zoom, whether it may."""
        portal, run = self._portal, self._portal.runs[-1]
        row = TrunkRequest.objects.get(pk=origin)
        fits = run.claim is not None and row.state == State.APPLYING and row.fence == run.claim.fence
        if not fits or row.lease_until is None or row.lease_until < portal.moments.now():
            portal.violations.append(f"lease: {row.reference} is written to Zoom without a claim that holds")
        last = audit.history(row).filter(action=Action.PROVISIONING_INTENDED).last()
        told = (last.after["call"], _named(last.after)) if last else None
        if told != (f"{ask.method} {ask.path}", _named(ask.body or {})):
            portal.violations.append(f"gaps: {row.reference} is written to Zoom without its intent")
        if WriteStop.current():
            portal.violations.append(f"lease: {row.reference} is written to Zoom though people stopped that")
        busy = [flight for flight in portal.zoom.flights if flight.account_id == row.sub_account.zoom_id]
        if busy:
            portal.violations.append(f"overlap: {row.reference} writes while an earlier write can still land")


def _named(body: dict[str, Any]) -> set[str]:
    """Return the DNIS that an intent or a call is about to assign."""
    return {line["dnis"] for line in body.get("sip_trunks", ())}


def _is_half(text: str) -> bool:
    try:
        json.loads(text or "null")
    except ValueError:
        return text.startswith(("{", "["))
    return False
