"""What an explanation of an error is made of, and how a row of the table finds its errors."""

from __future__ import annotations

import re
from dataclasses import dataclass

from trunks.zoom.errors import ZoomError

UNKNOWN = "unknown"
ACCOUNT_MISSING = "account_missing"

ADMINISTRATOR = "an administrator"
NOBODY = "nobody has to"
PLANS = "whoever manages the plans at Zoom"
REQUESTER = "the requester"
ZOOM = "your contact at Zoom"

BY_ITSELF = "The portal does, by itself."
AFTERWARDS = "Yes, as soon as that is done."
NEVER = "No: the same call would be refused again."


@dataclass(frozen=True)
class Explanation:
    """One error for people: the cause, the next step, who can take it, and whether to try again."""

    key: str
    cause: str
    next_step: str
    who: str
    again: str

    @property
    def is_final(self) -> bool:
        """Say whether the same call would be refused again, so that a retry makes no sense."""
        return self.again == NEVER

    def __str__(self) -> str:
        return f"{self.cause} {self.next_step}".strip()


@dataclass(frozen=True)
class Row:
    """An explanation and the errors that it is for: those that have the kind, a code and the words that it names."""

    explanation: Explanation
    kind: type[ZoomError] = ZoomError
    codes: frozenset[int] = frozenset()
    words: re.Pattern[str] = re.compile("")

    def fits(self, error: ZoomError) -> bool:
        if self.codes and error.code not in self.codes:
            return False
        return isinstance(error, self.kind) and bool(self.words.search(error.message))


def row(
    key: str,
    cause: str,
    next_step: str,
    who: str,
    again: str,
    *,
    kind: type[ZoomError] = ZoomError,
    codes: tuple[int, ...] = (),
    words: str = "",
) -> Row:
    """Return a row for errors of `kind` with one of `codes`, if any are given, and `words` in their message."""
    explanation = Explanation(key, cause, next_step, who, again)
    return Row(explanation, kind, frozenset(codes), re.compile(words, re.IGNORECASE))
