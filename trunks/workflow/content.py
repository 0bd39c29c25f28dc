"""What a request asks for, in the one form that digests, revisions and approvals are made of."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from trunks.models import Line, TrunkRequest
from trunks.models.trunk_request import lines_with_trunks
from trunks.workflow.waiting import window_content


def lines_of(trunk_request: TrunkRequest) -> list[Line]:
    """Return the lines in order with their trunks, as the database has them now."""
    lines = lines_with_trunks(trunk_request.pk)
    for line in lines:
        line.trunk_request = trunk_request
    return lines


def lines_at_hand(trunk_request: TrunkRequest) -> list[Line]:
    """Return the lines with their trunks, without asking again where they have just been loaded."""
    loaded = getattr(trunk_request, "_prefetched_objects_cache", {}).get("lines")
    return list(loaded) if loaded is not None else lines_of(trunk_request)


def content_of(trunk_request: TrunkRequest, lines: Sequence[Line] | None = None) -> dict[str, Any]:
    """Return everything that would be carried out, as the database has it: account, kind, lines in order.

    `lines` are for who has just read them.
    """
    lines = lines_of(trunk_request) if lines is None else lines
    return {
        "master": trunk_request.master.zoom_id,
        "sub_account": trunk_request.sub_account.zoom_id,
        "kind": trunk_request.kind,
        "lines": [line.content() for line in lines],
        **window_content(trunk_request.not_before),
    }


def digest_of(content: dict[str, Any]) -> str:
    """Return the SHA-256 of `content` in canonical JSON, in hexadecimal."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
