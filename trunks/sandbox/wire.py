"""The HTTP/1.1 layer: reads a call completely, hands it on, writes the answer or spoils it."""

import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from trunks.sandbox.exchange import Answer, Call, json_answer
from trunks.sandbox.journal import tracking_id
from trunks.sandbox.mischief import DRIPS, Pauses, Wire

API_BODY_BYTES = 1 << 20
CONTROL_BODY_BYTES = 64 << 20
IDLE_SECONDS = 60.0
MARK = "sip-trunk-portal"


class App(Protocol):
    """What stands behind the HTTP layer."""

    pauses: Pauses

    def serve(self, call: Call, wire: Wire, identify: Callable[[str], None]) -> None:
        """Answer a call on `wire`; `identify` sets the tracking id the answer will carry."""


class Server(ThreadingHTTPServer):
    """A thread per connection; threads never keep the process alive."""

    daemon_threads = True
    block_on_close = False
    # A burst of workers connects at once; the default backlog of 5 would make some of them wait a second.
    request_queue_size = 256

    def __init__(self, port: int, app: App) -> None:
        """Listen on the loopback interface only: this is no server for a network."""
        self.app = app
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and remember it."""
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        self._open.discard(request)
        super().shutdown_request(request)

    def finish(self) -> None:
        """End `serve_forever`, stop listening and hang up on everybody."""
        ending = threading.Thread(target=self.shutdown)
        ending.start()
        # The loop looks up only when somebody connects, or when its poll ends.
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.server_port), timeout=1).close()
        ending.join()
        self.server_close()
        self._close_connections()

    def _close_connections(self) -> None:
        # A sandbox that has stopped must not answer on connections kept alive.
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about clients that went away; everything else is a defect and is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "ZoomSandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    # Head and body leave in one packet; http.server's default is a packet per write.
    wbufsize = -1
    timeout = IDLE_SECONDS
    tracking = ""

    def end_headers(self) -> None:
        """Add what every answer carries, errors of the HTTP layer included."""
        self.send_header("x-zm-trackingid", self.tracking)
        self.send_header("X-Sandbox", MARK)
        super().end_headers()

    def version_string(self) -> str:
        """Return the Server header, without the version of Python."""
        return self.server_version

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Write nothing: the journal has a line of its own for each call."""

    def handle_one_request(self) -> None:
        """Serve one call, under a tracking id of its own; a client that goes away is no error."""
        self.tracking = tracking_id()
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _serve(self) -> None:
        body = self._read_body()
        if body is None:
            return
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, path, query, headers, body)
        self.server.app.serve(call, self, self._identify)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - http.server's names

    def _identify(self, tracking: str) -> None:
        self.tracking = tracking

    def _read_body(self) -> bytes | None:
        most = CONTROL_BODY_BYTES if self.path.startswith("/_sandbox/") else API_BODY_BYTES
        text = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            self._refuse(411, "Length Required")
            return None
        if not (text.isascii() and text.isdigit()):
            self._refuse(400, "Bad Content-Length")
            return None
        if len(text) > 12 or int(text) > most:
            self._refuse(413, "Request body is too large")
            return None
        body = self.rfile.read(int(text))
        if len(body) < int(text):
            self.close_connection = True
            return None
        return body

    def _refuse(self, status: int, message: str) -> None:
        # The body was not read, so the connection cannot carry another call.
        self.close_connection = True
        self.send(json_answer(status, {"code": status, "message": message}, {"Connection": "close"}))

    def _head(self, answer: Answer) -> bytes:
        body = answer.body or b""
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return b"" if self.command == "HEAD" or answer.status == 204 else body

    def send(self, answer: Answer) -> None:
        """Send an answer as it is."""
        body = self._head(answer)
        self.wfile.write(body)
        self.wfile.flush()

    def send_half(self, answer: Answer) -> None:
        """Announce the whole body, send half of it, close."""
        body = self._head(answer)
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        self.hang_up()

    def send_slowly(self, answer: Answer, seconds: float) -> None:
        """Send the head at once and the body in pieces spread over `seconds`."""
        body = self._head(answer)
        self.wfile.flush()
        step = max(1, -(-len(body) // DRIPS))
        pieces = [body[start : start + step] for start in range(0, len(body), step)]
        for piece in pieces:
            self.server.app.pauses.wait(seconds / len(pieces))
            self.wfile.write(piece)
            self.wfile.flush()

    def hang_up(self) -> None:
        """Close the connection without a further byte."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
