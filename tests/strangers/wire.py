"""HTTP as the stranger speaks it: whole answers in many wrappings, or something that is no answer."""

from __future__ import annotations

import gzip
import socket
import socketserver
import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.strangers.habits import Habits

HTML = b"<html><body><h1>We'll be back soon</h1></body></html>"


@dataclass
class Asked:
    """A request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """An answer; `spoilt` says what becomes of it on the way."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    spoilt: str = ""


class Server(socketserver.ThreadingTCPServer):
    """Answers every request with what `answer` says, as `habits` have it; ends with the context."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, habits: Habits, answer: Callable[[Asked], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.habits, self.reply = habits, answer
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who hangs up in the middle is a part of the play."""


class _Connection(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        while asked := self._read():
            reply = self.server.reply(asked)
            if not self._write(reply):
                return

    def _read(self) -> Asked | None:
        words = self.rfile.readline().decode("latin-1").split()
        if len(words) != 3:
            return None
        headers = {}
        while line := self.rfile.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Asked(words[0], words[1], headers, self.rfile.read(int(headers.get("content-length", 0))))

    def _write(self, reply: Reply) -> bool:
        """Send `reply`, and say whether the connection goes on."""
        if reply.spoilt in ("reset", "hang"):
            return self._end(reply)
        head, body = _wrapped(self.server.habits, reply)
        if reply.spoilt == "reset after headers":
            self.wfile.write(head)
            return self._end(reply)
        if reply.spoilt == "half":
            body = body[: max(1, len(body) // 2)]
        self.wfile.write(head + body)
        return not reply.spoilt and b"\r\nconnection: close" not in head.lower()

    def _end(self, reply: Reply) -> bool:
        if reply.spoilt == "hang":
            self.connection.settimeout(20)
            self.connection.recv(1)
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False


def _wrapped(habits: Habits, reply: Reply) -> tuple[bytes, bytes]:
    """Return the head and the body of `reply` as bytes."""
    version, body = habits["version"], reply.body
    headers = {"Content-Type": habits["content_type"], "x-zm-trackingid": f"v=2.0;rid=WEB_{habits.seed:x}"}
    headers |= reply.headers
    if body and habits["compression"] != "none":
        headers["Content-Encoding"] = habits["compression"]
        body = gzip.compress(body) if habits["compression"] == "gzip" else zlib.compress(body)
    framing = habits["framing"] if version == "HTTP/1.1" or habits["framing"] != "chunked" else "close"
    if reply.status == 204:
        framing = "none"
    if framing == "chunked":
        headers["Transfer-Encoding"] = "chunked"
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in _pieces(body)) + b"0\r\n\r\n"
    elif framing == "length":
        headers["Content-Length"] = str(len(body))
    if framing == "close" or habits["connection"] == "closed" or version == "HTTP/1.0":
        headers["Connection"] = "close"
    lines = [f"{_cased(habits, name)}: {value}" for name, value in headers.items() if value]
    text = "\r\n".join([f"{version} {reply.status} Reason", *lines, "", ""])
    return _interim(habits) + text.encode(), body


def _interim(habits: Habits) -> bytes:
    if habits["interim"] == "none" or habits["version"] == "HTTP/1.0":
        return b""
    return f"HTTP/1.1 {habits['interim']} Wait\r\nLink: </x>; rel=preload\r\n\r\n".encode()


def _cased(habits: Habits, name: str) -> str:
    return {"lower": name.lower(), "UPPER": name.upper()}.get(habits["header_case"], name)


def _pieces(body: bytes) -> list[bytes]:
    return [body[start : start + 37] for start in range(0, len(body), 37)]
