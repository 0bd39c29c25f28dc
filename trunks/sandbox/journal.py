"""What was called: one entry per call for tests, one line per call for people; never a secret."""

import dataclasses
import logging
import re
import secrets
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from trunks.sandbox.clock import Clock, iso
from trunks.sandbox.exchange import Call

logger = logging.getLogger("trunks.sandbox")
MAX_ENTRIES = 20_000
_SHOWN_BODY = 4096
_SHOWN_QUERY = {"page_size", "page_number", "next_page_token", "sub_reseller_id", "phone_number", "email"}


@dataclass
class Entry:
    """One call.

    `result` is what the operation answered (None: it was not run), `status` what was sent (None: still under
    way, 0: the connection was closed without an answer), `applied` how many assignments took effect.
    """

    number: int
    time: str
    method: str
    path: str
    query: str
    tracking_id: str
    body: Any = None
    operation: str = ""
    account_id: str = ""
    client_id: str = ""
    fault: str = ""
    switches: str = ""
    result: int | None = None
    status: int | None = None
    applied: int = 0
    milliseconds: float = 0.0


class Journal:
    """The last calls, oldest first."""

    def __init__(self, clock: Clock) -> None:
        """Begin empty."""
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self._lock = threading.Lock()
        self._number = 0

    def open(self, call: Call, switches: str) -> Entry:
        """Enter a call before it is answered, so that one that hangs can be seen."""
        with self._lock:
            self._number += 1
            entry = Entry(
                number=self._number,
                time=iso(self._clock.now()),
                method=call.method,
                path=call.path,
                query=_query(call),
                tracking_id=tracking_id(),
                body=_body(call),
                switches=switches,
            )
            self._entries.append(entry)
            return entry

    def entries(self) -> list[Entry]:
        """Return the calls as they stand now."""
        with self._lock:
            return list(self._entries)

    def matching(self, method: str = "", path: str = "") -> list[Entry]:
        """Return the calls of a method whose path contains a match of the expression `path`."""
        found = re.compile(path)
        return [
            entry
            for entry in self.entries()
            if (not method or entry.method == method.upper()) and found.search(entry.path)
        ]

    def clear(self) -> None:
        """Forget all calls; the numbers go on."""
        with self._lock:
            self._entries.clear()

    def log(self, entry: Entry) -> None:
        """Write one line; the query is left out, it may carry what it should not."""
        # Escaped, or a path with control characters could forge a line or colour a terminal.
        path = entry.path.encode("unicode_escape").decode()
        marks = " ".join(mark for mark in (entry.fault, entry.switches) if mark) or "-"
        logger.info(
            "%s %s %s %s %s applied=%d %s",
            entry.time,
            entry.method,
            path,
            entry.status,
            entry.tracking_id,
            entry.applied,
            marks,
        )


def tracking_id() -> str:
    """Return a tracking id of the form Zoom sends."""
    return f"v=2.0;clid=us02;rid=WEB_{secrets.token_hex(16)}"


def as_dict(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON-ready data."""
    return dataclasses.asdict(entry)


def _query(call: Call) -> str:
    # Values of parameters no operation has are left out: somebody may have put a credential there.
    return urlencode({name: value if name in _SHOWN_QUERY else "…" for name, value in call.query.items()})


def _body(call: Call) -> Any:
    # Only JSON bodies: the form body of the token endpoint is where secrets may be.
    return call.json_value() if len(call.body) <= _SHOWN_BODY else None
