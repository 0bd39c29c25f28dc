"""What a Zoom that nobody here has seen may be like: every answer of Zoom's that its documentation leaves open."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

# The first of each is the plain one.
HABITS: dict[str, tuple[str, ...]] = {
    # the token
    "token_body": ("full", "bare", "life as text", "life as float", "scopes with commas", "scopes as list"),
    "token_life": ("an hour", "two seconds"),
    "token_rule": ("many live", "the newest lives"),
    "token_dies": ("never", "now and then"),
    # the list of sub accounts
    "page_size": ("as asked", "one", "two"),
    "page_token": ("of its own", "always the same"),
    "empty_page": ("no", "yes"),
    "last_token": ("empty", "absent", "null"),
    "account_number": ("number", "text", "absent", "null", "float"),
    "account_row": ("plain", "sparse", "nulls", "odd"),
    "master_is_listed": ("no", "yes"),
    # the list of trunks
    "row_id": ("own", "the master's"),
    "id_type": ("text", "number"),
    "dnis_type": ("text", "number", "spaces"),
    "trunk_row": ("plain", "sparse", "nulls", "odd"),
    "caller_id": (
        "shown",
        "omitted",
        "null",
        "empty",
        "no plus",
        "double zero",
        "sometimes",
        "sip address",
        "another",
    ),
    "total": ("right", "wrong", "absent", "text"),
    "no_rows": ("empty list", "absent", "null"),
    "trunk_pages": ("none", "one each", "token ignored"),
    "order": ("oldest first", "newest first", "shuffled"),
    "list_delay": ("0", "1", "12", "40"),
    # writing
    "assign_answer": ("201 rows", "201 nothing", "204", "200 object", "200 code", "202 text"),
    "refusal": ("400", "200", "409", "422", "200 with a list"),
    "partial": ("no", "then 300", "then 201"),
    "again": ("refused", "added", "ignored"),
    "second_post": ("adds", "replaces"),
    "delete_answer": ("204", "200 body", "200", "202 text"),
    "delete_unknown": ("404", "204", "400"),
    # a proxy in between that repeats calls, and passes on what the second was answered
    "repeats": ("none", "removals", "all"),
    # a sub account that has no plan
    "no_plan": ("400/300", "404/2001", "400/2001", "401/124", "200/2001", "500", "403", "400/300 NP", "none"),
    # the wire
    "framing": ("length", "chunked", "close"),
    "version": ("HTTP/1.1", "HTTP/1.0"),
    "connection": ("kept", "closed"),
    "compression": ("none", "gzip", "deflate"),
    "header_case": ("Usual", "lower", "UPPER"),
    "interim": ("none", "100", "102", "103"),
    "content_type": ("application/json", "text/plain", "application/json;charset=UTF-8", ""),
    "encoding": ("plain", "mark", "escaped"),
    # limits
    "limit": ("none", "10", "6", "3"),
    "retry_after": ("absent", "2", "0", "1.5", "date", "iso", "iso local", "epoch", "epoch ms", "soon", "-1"),
}
DOUBTFUL = ("500", "502", "503", "504", "html", "reset", "reset after headers", "half", "hang", "nothing")
HARMLESS = ("429", "401")
EFFECTS = ("before", "late", "never")
TARGETS = ("GET", "POST", "DELETE", "token")


@dataclass
class Fault:
    """What happens to the next call with the method `hits`; of a write, whether and when it takes effect."""

    kind: str
    hits: str
    effect: str = "never"
    seconds: float = 0.0
    skip: int = 0


@dataclass
class Habits:
    """The habits of one stranger, and what goes wrong while somebody speaks with it."""

    seed: int
    kept: dict[str, str]
    drawn: tuple[Fault, ...] = ()
    faults: list[Fault] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.kept[name]

    def unusual(self) -> dict[str, str]:
        """Return what is not plain about the stranger, for the words of a failed test."""
        return {name: value for name, value in self.kept.items() if value != HABITS[name][0]}


def drawn(seed: int) -> Habits:
    """Return the habits that belong to `seed`."""
    chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
    share = chance.choice((0.1, 0.3, 0.6))
    kept = {
        name: chance.choice(values) if chance.random() < share else values[0]
        for name, values in HABITS.items()
    }
    faults = [_fault(chance) for _ in range(chance.choice((0, 0, 1, 2, 4)))]
    return Habits(seed, kept, tuple(faults), faults)


def _fault(chance: random.Random) -> Fault:
    kind = chance.choice(DOUBTFUL * 2 + HARMLESS)
    hits = chance.choices(TARGETS, (3, 5, 1, 1))[0]
    effect = chance.choice(EFFECTS)
    return Fault(kind, hits, effect, chance.choice((1.0, 20.0, 50.0)), chance.choice((0, 0, 1, 3, 8)))
