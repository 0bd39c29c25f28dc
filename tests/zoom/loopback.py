"""A server on 127.0.0.1 that answers what it is told to, byte by byte, well-behaved or not."""

import json
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Script = bytes | Callable[[socket.socket], None]


def answer(status: int, body: object = None, **headers: str) -> bytes:
    """Return a whole HTTP answer; a body that is neither bytes nor None becomes JSON."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in ({"Content-Length": str(len(content))} | named).items()]
    return "\r\n".join([f"HTTP/1.1 {status} Whatever", *lines, "", ""]).encode() + content


def reset(connection: socket.socket) -> None:
    """Drop the connection with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang_up(connection: socket.socket) -> None:
    """Close the connection without a word."""
    connection.close()


class Loopback:
    """Serves scripts in the order of the requests that arrive; without scripts it closes the connection."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.requests: list[bytes] = []
        self.connections = 0
        self.over = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all threads and connections."""
        self.over.set()
        for sock in [self._listener, *self._open]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
            finally:
                sock.close()
        for thread in self._threads:
            thread.join()

    def drip(self, first: bytes = b"", then: bytes = b"x", pause: float = 0.02) -> Script:
        """Return a script that sends `first`, and then the same bytes again and again."""

        def script(connection: socket.socket) -> None:
            connection.sendall(first)
            while not self.over.wait(pause):
                connection.sendall(then)

        return script

    def wrap(self, connection: socket.socket) -> socket.socket:
        """Return the connection as the server speaks on it."""
        return connection

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection = self.wrap(connection)
            self._open.append(connection)
            while request := _read(connection):
                self.requests.append(request)
                script = self.scripts.pop(0) if self.scripts else hang_up
                if callable(script):
                    script(connection)
                else:
                    connection.sendall(script)
        except OSError:
            return
        finally:
            connection.close()


def _read(connection: socket.socket) -> bytes:
    """Read one request: its headers, and as much body as they announce."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (piece := connection.recv(65_536)):
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0].split(b":")[1]) - len(body) if lengths else 0
    while missing > 0:
        piece = connection.recv(missing)
        data, missing = data + piece, missing - len(piece)
    return data
