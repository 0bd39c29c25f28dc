"""The default hooks around a client's calls: each does nothing, at once."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from trunks.zoom.errors import RateLimited, ZoomError
from trunks.zoom.types import Call, Label

Result = TypeVar("Result")


class Patience(Protocol):
    """How one page of a list is read: at once, or again where Zoom asks for time."""

    def __call__(self, read: Callable[[], Result], /) -> Result: ...


def at_once(read: Callable[[], Result]) -> Result:
    """Read, and let every error end the list."""
    return read()


def no_wait(label: Label) -> None:
    """Wait for nothing."""


def no_record(call: Call) -> None:
    """Record nothing."""


def no_brake(label: Label, error: RateLimited) -> None:
    """Slow nobody down."""


def no_objection() -> None:
    """Let every write leave."""


def no_verdict(error: ZoomError | None) -> None:
    """Take no notice of how a call ended."""
