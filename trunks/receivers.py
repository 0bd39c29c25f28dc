"""Where audit events are streamed to: a file that others rotate, or a syslog server. Pure, without Django.

A delivery is a batch. It has arrived as a whole, or OSError is raised; then the whole batch is sent again some day.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from trunks import mounts

TIMEOUT_SECONDS = 5.0
LOG_AUDIT, NOTICE, INFORMATIONAL = 13, 5, 6  # facility and severities of RFC 5424
MOST_OF_A_DATAGRAM = 60_000  # UDP carries 65,507 bytes
MOST_OF_A_NAME = 32


class Line(NamedTuple):
    """One event to be sent: when, what in one word, whether it went otherwise than it should, and the line of JSON.

    `short` is the line for a way that has no room for all of it.
    """

    at: datetime
    action: str
    amiss: bool
    text: str
    short: str


class Receiver(Protocol):
    def deliver(self, lines: Sequence[Line]) -> None:
        """Hand over a batch in its order. Raises OSError unless all of it has arrived, as far as that can be known."""


class NotAReceiver(ValueError):
    """The address is none that can be streamed to; the message says what it should be."""


def receiver(address: str) -> Receiver:
    """Return the receiver behind file:///path, syslog://host:514 (UDP) or syslog+tcp://host:601.

    Raises NotAReceiver.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # as the look-up of the name will: there it would be no OSError
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.username or parts.query or parts.fragment:
        host = port = None
    elif parts.scheme == "file" and not parts.netloc and len(parts.path) > 1:
        return File(Path(parts.path))
    if parts.scheme in ("syslog", "syslog+tcp") and host and port and parts.path in ("", "/"):
        return Tcp(host, port) if parts.scheme == "syslog+tcp" else Udp(host, port)
    raise NotAReceiver(
        "must be file:///a/path, syslog://host:514 (UDP) or syslog+tcp://host:601, and nothing more."
    )


@dataclass(frozen=True)
class File:
    """A file that lines are added to. It is opened anew for each batch, so that whoever rotates it need tell nobody."""

    path: Path

    def deliver(self, lines: Sequence[Line]) -> None:
        mounts.ask(self.path.parent, partial(self._add, lines))

    def _add(self, lines: Sequence[Line]) -> None:
        new = not self.path.exists()
        with _opened(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT) as file:
            whole = "".join(f"{line.text}\n" for line in lines).encode()
            # What a crash or a full disk has cut off stays a line of its own, and spoils none that follows.
            _write(file, b"\n" + whole if _is_torn(file) else whole)
            os.fsync(file)
        if new:
            with _opened(self.path.parent, os.O_RDONLY) as folder:
                os.fsync(folder)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags, 0o640)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_torn(file: int) -> bool:
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def _write(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]


@dataclass(frozen=True)
class Udp:
    """A syslog server behind datagrams, one for each event. Nothing tells whether one has arrived."""

    host: str
    port: int

    def deliver(self, lines: Sequence[Line]) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)[
            0
        ]
        with closing(socket.socket(family, kind, protocol)) as link:
            link.settimeout(TIMEOUT_SECONDS)
            link.connect(address)  # so that a port that nobody listens on is told to the next datagram
            for line in lines:
                whole = framed(line, line.text)
                link.send(whole if len(whole) <= MOST_OF_A_DATAGRAM else framed(line, line.short))


@dataclass(frozen=True)
class Tcp:
    """A syslog server behind a stream, each event with its length before it (RFC 6587, octet counting).

    Syslog has no answers. A batch has arrived when the server, told that no more follows, ends the connection in
    order: by then it has read all of it. What was only on its way when the server died is sent again.
    """

    host: str
    port: int

    def deliver(self, lines: Sequence[Line]) -> None:
        with socket.create_connection((self.host, self.port), timeout=TIMEOUT_SECONDS) as link:
            link.sendall(counted(framed(line, line.text) for line in lines))
            link.shutdown(socket.SHUT_WR)
            while link.recv(1024):
                pass  # a server that has something to say is let finish


def framed(line: Line, text: str) -> bytes:
    """Return a message of RFC 5424, from the facility "log audit"."""
    priority = LOG_AUDIT * 8 + (NOTICE if line.amiss else INFORMATIONAL)
    host = "".join(mark for mark in socket.gethostname() if "!" <= mark <= "~")[:255] or "-"
    name = line.action[:MOST_OF_A_NAME]
    return f"<{priority}>1 {line.at.isoformat()} {host} portal - {name} - {text}".encode()


def counted(messages: Iterable[bytes]) -> bytes:
    return b"".join(f"{len(message)} ".encode() + message for message in messages)
