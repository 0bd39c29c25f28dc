"""The portal with one of its rules removed: what the schedules must notice, or they prove nothing.

Each is a patch of the running code that only tests can apply; none has a switch in the portal itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from django.test import override_settings

from trunks.models import Line, LineState, TrunkRequest
from trunks.workflow import approved, quorum, review, sending, settling, sweeping
from trunks.workflow.claims import Claim
from trunks.workflow.transitions import mark, move


@contextmanager
def no_intent() -> Iterator[None]:
    """Nothing is written down before the call: a worker that dies leaves no sign that it may have sent."""

    def intend(claim: Claim, group: list[Line]) -> None:
        """Write nothing."""

    with patch.object(sending, "_intend", intend):
        yield


@contextmanager
def no_read_back() -> Iterator[None]:
    """Zoom's answer is believed: a success assigned every line of the call, whatever its list shows."""

    def believe(claim: Claim, client: Any, group: list[Line]) -> bool:
        mark(group, LineState.ASSIGNED)
        return True

    with patch.object(sending, "_read_back", believe):
        yield


@contextmanager
def no_quiet_period() -> Iterator[None]:
    """Absence is believed at once, though the write can still land."""
    with override_settings(QUIET_SECONDS=0.0):
        yield


@contextmanager
def no_fencing() -> Iterator[None]:
    """A worker writes without naming its fence, whoever holds the claim meanwhile."""

    def write(claim: Claim, **changes: Any) -> None:
        TrunkRequest.objects.filter(pk=claim.trunk_request.pk).update(**changes)

    def unfenced(trunk_request: TrunkRequest, *args: Any, **more: Any) -> None:
        move(trunk_request, *args, **more | {"fence": None})

    with patch.object(Claim, "write", write), patch.object(settling, "move", unfenced):
        yield


@contextmanager
def no_lease_check() -> Iterator[None]:
    """A worker does not ask before it sends whether its lease outlives the call."""
    with patch.object(Claim, "be_sure", lambda _: None):
        yield


@contextmanager
def no_sweep() -> Iterator[None]:
    """Nobody looks for lost rings and abandoned claims."""
    with patch.object(sweeping, "sweep", lambda: 0):
        yield


@contextmanager
def no_quorum() -> Iterator[None]:
    """One approval suffices, whatever the policy says."""
    real = quorum.of
    with patch.object(quorum, "of", lambda trunk_request: replace(real(trunk_request), needed=1)):
        yield


class _Anything(str):
    """The digest of whatever it is compared with."""

    __slots__ = ()

    def __new__(cls, _: object) -> _Anything:
        return super().__new__(cls)

    __hash__ = str.__hash__

    def __eq__(self, _: object) -> bool:
        return True

    def __ne__(self, _: object) -> bool:
        return False


@contextmanager
def no_digests() -> Iterator[None]:
    """Nobody looks, before something is sent, whether it is what was approved."""
    with patch.object(approved, "digest_of", _Anything), patch.object(review, "digest_of", _Anything):
        yield


RULES: dict[str, Callable[[], Any]] = {
    "intent": no_intent,
    "read-back": no_read_back,
    "quiet period": no_quiet_period,
    "fencing": no_fencing,
    "lease check": no_lease_check,
    "sweep": no_sweep,
    "quorum": no_quorum,
    "digests": no_digests,
}
