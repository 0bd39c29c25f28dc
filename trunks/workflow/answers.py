"""What a rule answers to somebody who wants to do something."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """Whether a verb is allowed; if not, the rule in plain words and who could do it.

    `by_state`: only the request's state is in the way, because somebody or the portal was first. `by_time`: a deadline
    has passed, although nothing has recorded that yet. `by_zoom`: Zoom has changed since the request was filed. `note`
    is what a person who is allowed should know beforehand.
    """

    allowed: bool
    reason: str = ""
    who: str = ""
    by_state: bool = False
    by_time: bool = False
    by_zoom: bool = False
    note: str = ""

    def __bool__(self) -> bool:
        return self.allowed


YES = Answer(allowed=True)
