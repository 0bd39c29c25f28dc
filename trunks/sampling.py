"""How the sample of a month is drawn: a pure function of the trail, which an auditor can draw anew.

    seed     = SHA-256 of "portal-review-1|<month>|<hash of the last event before the month's end>"
    ticket i = SHA-256 of "<seed>|<key>|<i>", for i = 1 … weight
    lot      = the lowest of a candidate's tickets, as hexadecimal text
    sample   = the candidates with the lowest lots

The key is TR-000042 for a request and event-123 for an event. A candidate of weight 8 has eight tickets, and with them
eight times the chance of one of weight 1 to come first. The hash is that of the chain: whoever would choose the sample
would have to choose what happened, and the daily digests have put the hash where nobody can take it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

SIZE = 15
VERSION = "portal-review-1"


@dataclass(frozen=True)
class Ground:
    """Why something is drawn more often: by how many tickets, in words."""

    weight: int
    words: str


GROUNDS: dict[str, Ground] = {
    "ended": Ground(1, "a request that ended"),
    "own": Ground(8, "somebody tried to decide on their own request"),
    "given_up": Ground(6, "given up: nobody knows what Zoom did"),
    "stop": Ground(5, "writing to Zoom was stopped or started"),
    "browser": Ground(5, "decided in a browser in which an author had been signed in"),
    "keys": Ground(4, "credentials or keys were changed"),
    "quick": Ground(4, "decided within seconds of its filing"),
    "refused": Ground(3, "somebody was refused something"),
    "partial": Ground(3, "ended with lines that are not in place"),
    "change": Ground(3, "a change: the customer had no trunk in between"),
    "unassign": Ground(3, "a trunk was taken away"),
    "first": Ground(2, "the first request of its sub account"),
    "hours": Ground(2, "decided outside working hours"),
    "sign_in": Ground(1, "somebody could not sign in, counted once a day for each person"),
    "people": Ground(2, "roles, people or delegations were changed"),
}


@dataclass(frozen=True)
class Candidate:
    """Something that can be drawn: its key, why, who acted in it, and the number of the event it stands for."""

    key: str
    grounds: tuple[str, ...]
    event: int
    people: tuple[int, ...] = field(default=())
    trunk_request: int | None = None

    @property
    def weight(self) -> int:
        return sum(GROUNDS[ground].weight for ground in self.grounds)

    def told(self) -> dict[str, Any]:
        """Return it as the review keeps it and the auditor gets it."""
        return {"key": self.key, "weight": self.weight, "grounds": list(self.grounds), "event": self.event}


def seed_of(month: str, head: str) -> str:
    return _hash(f"{VERSION}|{month}|{head}")


def lot(seed: str, key: str, weight: int) -> str:
    """Return the lowest of a candidate's tickets."""
    return min(_hash(f"{seed}|{key}|{number}") for number in range(1, weight + 1))


def draw(seed: str, weights: Mapping[str, int], size: int = SIZE) -> list[str]:
    """Return the keys of the sample, in the order in which they are drawn; all of them when there are few."""
    return sorted(weights, key=lambda key: (lot(seed, key, weights[key]), key))[:size]


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
