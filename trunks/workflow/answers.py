"""What a rule answers to somebody who wants to do something."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """Whether a verb is allowed; if not, the rule in plain words and who could do it.

    `by_state` says that only the request's state stands in the way: somebody, or the portal, was first. `by_time` says
    that it is the clock, before anybody has written it down; `by_zoom`, that Zoom is not what the request was filed on.
    `note` is what somebody who may is to know beforehand.
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
