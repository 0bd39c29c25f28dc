"""The chain of the audit trail: how an event is turned into bytes, and how each hash takes the one before in.

Pure, without Django: the database's own trigger, the checks and the stand-alone verifier all follow this page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

LENGTH = 64  # of a hash, as it is written
GENESIS = "0" * LENGTH
# Named in every hash, so that another encoding one day cannot be taken for this one.
VERSION = "portal-audit-1"
# Everything that an event says, in the order in which it is hashed. `id` is its position: 1, 2, 3 without a gap.
FIELDS = (
    *("id", "at", "action", "outcome"),
    *("actor_id", "actor_email", "actor_name", "on_behalf_of_id", "on_behalf_of_name"),
    *("object_type", "object_id", "object_label"),
    *("master_id", "master_name", "sub_account_id", "sub_account_name", "dnis"),
    *("before", "after", "comment"),
    *("request_id", "tracking_id", "ip", "user_agent", "portal_version"),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def link(previous: str, values: Mapping[str, object]) -> str:
    """Return the SHA-256, in hexadecimal, of an event that follows the one whose hash is `previous`.

    `values` holds FIELDS: text, whole numbers, None, an aware datetime; `before` and `after` as the text that is
    stored. Raises KeyError for a missing one and TypeError for any other kind.
    """
    parts = [_field(values[name]) for name in FIELDS]
    return hashlib.sha256("".join((VERSION, _field(previous), *parts)).encode()).hexdigest()


def microseconds(at: datetime) -> int:
    """Return the moment as whole microseconds since 1970: the same in every time zone and date style."""
    return (at - _EPOCH) // _MICROSECOND


def _field(value: object) -> str:
    """Return a value with its length in bytes before it, so that none can run into the next; "-" is none at all."""
    if value is None:
        return "-"
    text = str(value) if isinstance(value, str) else _number(value)
    return f"{len(text) if text.isascii() else len(text.encode())}:{text}"


def _number(value: object) -> str:
    if isinstance(value, datetime):
        value = microseconds(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"an event holds no {type(value).__name__}")
    return str(value)
