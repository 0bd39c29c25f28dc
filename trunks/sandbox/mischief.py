"""How each fault looks to the client: the answer is spoilt, late, cut short or never sent."""

import math
import threading
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Protocol

from trunks.sandbox import errors, limits
from trunks.sandbox.clock import Clock, iso
from trunks.sandbox.exchange import Answer, internal_error, json_answer
from trunks.sandbox.faults import Fault

HTML = b"<!DOCTYPE html><html><head><title>Zoom</title></head><body><h1>We'll be back soon</h1></body></html>"
_GATEWAY = b"<html><head><title>%d</title></head><body><center><h1>%d</h1></center><hr>nginx</body></html>"
ABSURD_SECONDS = 10 * 86400
DRIPS = 20


class Wire(Protocol):
    """The connection of one call."""

    def send(self, answer: Answer) -> None:
        """Send an answer as it is."""

    def send_half(self, answer: Answer) -> None:
        """Announce the whole body, send half of it, close."""

    def send_slowly(self, answer: Answer, seconds: float) -> None:
        """Send the body in pieces spread over `seconds`."""

    def hang_up(self) -> None:
        """Close the connection without an answer."""


class Pauses:
    """Waiting that can be cut short, for one hang or because the server stops."""

    def __init__(self) -> None:
        """Begin with nothing to wait for."""
        self._release = threading.Event()
        self.stopping = False

    def wait(self, seconds: float) -> None:
        """Wait so long, or until released."""
        if seconds > 0 and not self.stopping:
            self._release.wait(seconds)

    def release(self) -> None:
        """End every wait that is under way; later ones last as long as they should."""
        waiting, self._release = self._release, threading.Event()
        waiting.set()

    def stop(self) -> None:
        """End every wait for good; the event stays set, so that a wait about to begin ends, too."""
        self.stopping = True
        self._release.set()


def play(
    fault: Fault, run: Callable[[], Answer], wire: Wire, pauses: Pauses, clock: Clock, label: str
) -> None:
    """Let a fault happen to one call; `run` lets the call take effect and returns the honest answer."""
    if fault.kind == "hang":
        _hang(fault, run, wire, pauses)
        return
    honest = run() if fault.apply == "before" else None
    if fault.kind == "drop":
        wire.hang_up()
    elif fault.kind == "slow":
        wire.send_slowly(honest or Answer(204), fault.seconds)
    elif fault.kind == "half_body":
        wire.send_half(_with_body(fault, honest))
    else:
        wire.send(_spoilt(fault, honest, clock, label))


def _hang(fault: Fault, run: Callable[[], Answer], wire: Wire, pauses: Pauses) -> None:
    early = run() if fault.apply == "before" else None
    pauses.wait(fault.seconds)
    # A server that stops meanwhile never applies the call: that is what dying means.
    if fault.apply == "never" or pauses.stopping:
        wire.hang_up()
    else:
        wire.send(early or run())


def _with_body(fault: Fault, honest: Answer | None) -> Answer:
    """Return the honest answer if it has a body, otherwise one that has."""
    if honest is not None and honest.body:
        return Answer(fault.status or honest.status, honest.body, honest.headers, honest.content_type)
    status = honest.status if honest is not None and honest.status != 204 else 200
    return json_answer(fault.status or status, {"total_records": 1, "sip_trunks": [{"id": "268"}]})


def _spoilt(fault: Fault, honest: Answer | None, clock: Clock, label: str) -> Answer:
    if fault.kind == "429":
        return too_many(fault, clock, label)
    if fault.kind == "unauthorized":
        return json_answer(401, {"code": 124, "message": errors.TOKEN_INVALID})
    whole = _with_body(fault, honest)
    if fault.kind == "html":
        return Answer(whole.status, HTML, content_type="text/html;charset=UTF-8")
    if fault.kind == "empty_object":
        return json_answer(whole.status, {})
    if fault.kind == "broken_json":
        body = whole.body or b""
        return Answer(whole.status, body[: len(body) // 2])
    return _server_error(int(fault.kind))


def _server_error(status: int) -> Answer:
    # A gateway answers for a Zoom it could not reach, and speaks HTML.
    if status == 500:
        return internal_error()
    return Answer(status, _GATEWAY % (status, status), content_type="text/html")


def too_many(fault: Fault, clock: Clock, label: str) -> Answer:
    """Return a 429 with the headers the fault asks for: documented, half documented, absurd, or none."""
    now = clock.now()
    refused = {
        "qps": limits.qps_refusal(label, 30),
        "daily": limits.daily_refusal(label, 6000, limits.next_midnight(now)),
        "concurrent": limits.concurrency_refusal(),
    }[fault.limit]
    if fault.headers != "all":
        refused.headers = limits.quota_headers(label, 6000) if fault.headers == "quota" else {}
    # Both date forms know whole seconds only; rounded up, so that the instant is never in the past.
    later = (now + timedelta(seconds=fault.seconds + 1)).replace(microsecond=0)
    values = {
        "seconds": str(math.ceil(fault.seconds)),
        "http-date": format_datetime(later, usegmt=True),
        "iso": iso(later),
        "absurd": str(ABSURD_SECONDS),
    }
    if fault.retry_after:
        refused.headers.pop("Retry-After", None)
    if fault.retry_after in values:
        refused.headers["Retry-After"] = values[fault.retry_after]
    return json_answer(refused.status, refused.body, refused.headers)
