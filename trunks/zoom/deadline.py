"""A deadline for a whole conversation, enforced where the bytes are: in the sockets.

The time-outs of `requests` are per socket operation, so a server that drips one byte at a time, in the
headers or in the body, holds the caller for ever. Here every connect and every receive gets only what is left
of the deadline. It is done without a thread, so that nothing can still send after the caller has been told
that time is up.

Looking up a name cannot be interrupted (the resolver has its own time-outs, 5 to 20 seconds usually); nothing
has been sent then, and nothing will be once the deadline is over.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from trunks.zoom.meanwhile import idle


@dataclass
class Limit:
    """When the conversation ends (monotonic seconds), and whether its present request has begun to leave.

    `sent` is None until a connection is dealt with, so that only what is known counts as not sent.
    `in_headers` holds while the headers of the answer are being read. `allow` raises OSError for an address that may
    not be connected to: it is asked for the very address that is connected to next, whatever the name says.
    `answered` is when the answer's headers were read (monotonic seconds); `busy` says that something else was done
    between, so that the answer may have come before.
    """

    ends: float
    sent: bool | None = None
    in_headers: bool = False
    allow: Callable[[str], None] | None = None
    answered: float = 0.0
    busy: bool = False

    @property
    def over(self) -> bool:
        """Tell whether no time is left."""
        return time.monotonic() >= self.ends

    def remaining(self) -> float:
        """Return the seconds left, always above zero; raise TimeoutError when there are none."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline is over")
        return left

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the clock, for waiting that is our own choice."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.ends += time.monotonic() - began


_limit: ContextVar[Limit] = ContextVar("limit")


@contextmanager
def time_limit(seconds: float, *, allow: Callable[[str], None] | None = None) -> Iterator[Limit]:
    """Bound everything inside to so many seconds; an inner limit neither ends later nor allows more."""
    outer = _limit.get(None)
    ends = time.monotonic() + seconds
    limit = Limit(ends, allow=allow) if outer is None else Limit(min(ends, outer.ends), allow=outer.allow)
    token = _limit.set(limit)
    try:
        yield limit
    finally:
        _limit.reset(token)


class _PunctualSocket(socket.socket):
    """Receives only until the deadline of the conversation that is going on in this thread."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        limit = _limit.get()
        self.settimeout(limit.remaining())
        got = super().recv_into(*args, **kwargs)
        if not got and limit.in_headers:
            # http.client takes headers that end in the middle for complete ones: a 201 that was cut off
            # would look like a success with an empty body.
            raise ConnectionResetError("the connection ended before the end of the headers")
        return got


class PunctualTlsSocket(_PunctualSocket, ssl.SSLSocket):
    """The same under TLS; Python bounds the handshake as a whole by the time-out the plain socket had."""


class _PatientResponse(http.client.HTTPResponse):
    """Passes over interim answers such as 103 Early Hints; http.client knows only 100 for one."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in typeshed
            if not 102 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)


class _PunctualConnection(HTTPConnection):
    """Connects within the deadline, however many addresses there are; notes when the first byte leaves."""

    response_class = _PatientResponse

    def _new_conn(self) -> socket.socket:
        limit = _limit.get()
        limit.sent = False
        failure: OSError = OSError("the name has no address")
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
            for position, (family, kind, protocol, _, address) in enumerate(found):
                try:
                    if limit.allow:
                        limit.allow(str(address[0]))
                    return _connect(
                        family, kind, protocol, address, limit.remaining() / (len(found) - position)
                    )
                except OSError as error:
                    failure = error
        except (socket.gaierror, UnicodeError) as error:
            raise NewConnectionError(self, f"no address: {error}") from error
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, "connecting took too long") from failure
        raise NewConnectionError(self, f"no connection: {failure}") from failure

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        limit = _limit.get()
        self.sock.settimeout(limit.remaining())
        limit.sent = True
        super().send(data)

    def getresponse(self) -> Any:
        limit = _limit.get()
        limit.busy = idle()
        limit.in_headers = True
        response = super().getresponse()
        limit.in_headers = False
        limit.answered = time.monotonic()
        return response


def _connect(family: int, kind: int, protocol: int, address: Any, timeout: float) -> socket.socket:
    sock = _PunctualSocket(family, kind, protocol)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(timeout)
        sock.connect(address)
        sock.settimeout(_limit.get().remaining())
    except BaseException:
        sock.close()
        raise
    return sock


class _PunctualTlsConnection(_PunctualConnection, HTTPSConnection):
    """The same under TLS."""


class PunctualPool(HTTPConnectionPool):
    """Plain connections with a deadline."""

    ConnectionCls = _PunctualConnection


class PunctualTlsPool(HTTPSConnectionPool):
    """TLS connections with a deadline."""

    ConnectionCls = _PunctualTlsConnection
