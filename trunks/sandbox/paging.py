"""Pages of a list: `page_size`, and a `next_page_token` that expires and belongs to its parameters."""

import base64
import hashlib
import hmac
import secrets
import struct
from collections.abc import Mapping, Sequence
from typing import TypeVar

from trunks.sandbox import errors
from trunks.sandbox.clock import Clock

T = TypeVar("T")
DEFAULT_PAGE_SIZE = 30
MAX_PAGE_SIZE = 300
TOKEN_SECONDS = 15 * 60
_KEY = secrets.token_bytes(32)
_HEAD = struct.Struct(">Id")


def page(
    rows: Sequence[T], query: Mapping[str, str], binding: str, clock: Clock, offset: int = 0
) -> tuple[Sequence[T], str]:
    """Return one page and the token of the next one, an empty string at the end.

    A token used with other parameters, or after 15 minutes, raises 300.
    """
    size = page_size(query)
    parameters = {
        name: value for name, value in query.items() if name not in {"next_page_token", "page_number"}
    }
    bound = f"{binding}?{sorted(parameters.items())}".encode()
    if query.get("next_page_token"):
        offset = _open(query["next_page_token"], bound, clock)
    end = offset + size
    return rows[offset:end], _seal(end, bound, clock) if end < len(rows) else ""


def page_size(query: Mapping[str, str]) -> int:
    """Return the page size asked for; raises 300 outside 1 to 300."""
    return whole_number(query, "page_size", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def whole_number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Return a whole number from the query, from 1 to `most`; raises 300 for anything else."""
    text = query.get(name, "") or str(default)
    # At most nine digits, so that no number is too long to be read.
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise errors.invalid_fields(name)
    return int(text)


def _seal(offset: int, bound: bytes, clock: Clock) -> str:
    head = _HEAD.pack(offset, clock.monotonic() + TOKEN_SECONDS)
    return base64.urlsafe_b64encode(head + _signature(head, bound)).decode()


def _open(token: str, bound: bytes, clock: Clock) -> int:
    try:
        raw = base64.urlsafe_b64decode(token.encode())
        head, signature = raw[: _HEAD.size], raw[_HEAD.size :]
        offset, expires = _HEAD.unpack(head)
    except (ValueError, struct.error):
        raise errors.bad_request(errors.BAD_PAGE_TOKEN) from None
    if not hmac.compare_digest(signature, _signature(head, bound)) or expires <= clock.monotonic():
        raise errors.bad_request(errors.BAD_PAGE_TOKEN)
    return int(offset)


def _signature(head: bytes, bound: bytes) -> bytes:
    return hmac.digest(_KEY, head + bound, hashlib.sha256)[:12]
