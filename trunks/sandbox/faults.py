"""Faults to inject: which call each one hits, and how often."""

import dataclasses
import random
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trunks.sandbox.exchange import Call

# Per kind: the values of `apply` it knows, its default first. Empty: the call never takes effect.
APPLY: dict[str, tuple[str, ...]] = {
    "429": (),
    "500": ("never", "before"),
    "502": ("never", "before"),
    "503": ("never", "before"),
    "504": ("never", "before"),
    "html": ("before", "never"),
    "broken_json": ("before", "never"),
    "empty_object": ("before", "never"),
    "drop": ("never", "before"),
    "half_body": ("before", "never"),
    "hang": ("never", "before", "after"),
    "slow": ("before",),
    "unauthorized": ("never", "before"),
    "latency": ("before",),
}
# What each is, for the help.
ABOUT = {
    "429": "too many calls; with seconds, limit, headers and retry_after",
    "500": "Zoom's own error",
    "502": "a gateway's page: bad gateway",
    "503": "a gateway's page: no service",
    "504": "a gateway's page: time-out",
    "html": "a page where JSON should be",
    "broken_json": "half of the JSON, as if it were whole",
    "empty_object": "{} where more should be",
    "drop": "the connection is closed without an answer",
    "half_body": "the connection is closed in the middle of the body",
    "hang": "no answer for so many seconds",
    "slow": "the body in drips, over so many seconds",
    "unauthorized": "401, the token is refused",
    "latency": "the answer comes so many seconds later; for ever unless times says how often",
}
SECONDS = {"hang": 5.0, "slow": 2.0, "latency": 0.1, "429": 1.0}
RETRY_AFTER = ("", "seconds", "http-date", "iso", "absent", "absurd")
LIMITS = ("qps", "daily", "concurrent")
# Of a 429: as Zoom's old page has them, as callers have seen them (the account's quota only), or none, as today's has.
HEADERS = ("all", "quota", "none")
MAX_SECONDS = 600.0


@dataclass
class Fault:
    """A rule: hit `times` calls (0: for ever) that match, after letting `skip` of them pass.

    `apply` says whether the call takes effect `before` the fault, `after` it (hang only: late, although the
    client has gone), or `never`. `seconds` is the length of hang and slow, the latency, or
    the wait a 429 asks for.
    """

    kind: str
    method: str = ""
    path: str = ""
    times: int = 1
    skip: int = 0
    apply: str = ""
    seconds: float = -1.0
    jitter: float = 0.0
    probability: float = 1.0
    retry_after: str = ""
    limit: str = "qps"
    headers: str = "all"
    status: int = 0
    id: int = 0
    seen: int = 0
    fired: int = 0
    _path: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Fill in what the kind implies; raises ValueError that names what is wrong."""
        self.kind = str(self.kind)
        if self.kind not in APPLY:
            raise ValueError(f"no fault {self.kind!r}; there are {', '.join(APPLY)}")
        known = APPLY[self.kind] or ("never",)
        self.apply = self.apply or known[0]
        self.seconds = SECONDS.get(self.kind, 0.0) if self.seconds == -1 else float(self.seconds)
        self.method = self.method.upper()
        self._path = _expression(self.path)
        _require(self.apply in known, f"{self.kind}: apply is one of {', '.join(known)}")
        _require(0 <= self.seconds <= MAX_SECONDS, f"seconds is 0 to {MAX_SECONDS:g}")
        _require(0 <= self.jitter <= MAX_SECONDS, f"jitter is 0 to {MAX_SECONDS:g}")
        _require(0 < self.probability <= 1, "probability is above 0 and at most 1")
        _require(self.times >= 0 and self.skip >= 0, "times and skip are 0 or more")
        _require(self.retry_after in RETRY_AFTER, f"retry_after is one of {', '.join(RETRY_AFTER[1:])}")
        _require(self.limit in LIMITS, f"limit is one of {', '.join(LIMITS)}")
        _require(self.headers in HEADERS, f"headers is one of {', '.join(HEADERS)}")
        _require(self.status == 0 or 200 <= self.status <= 599, "status is 200 to 599")

    def matches(self, call: Call) -> bool:
        """Return whether the rule is about this call at all."""
        return (not self.method or self.method == call.method) and bool(self._path.search(call.path))

    @property
    def spent(self) -> bool:
        """Return whether the rule has hit as often as it may."""
        return self.times > 0 and self.fired >= self.times

    def as_dict(self) -> dict[str, Any]:
        """Return the rule and its counters as JSON-ready data."""
        return {
            item.name: getattr(self, item.name) for item in dataclasses.fields(self) if item.name != "_path"
        }


# What a rule may say besides its kind; `nth` and `count` are `_build`'s.
KEYS = (
    *(
        item.name
        for item in dataclasses.fields(Fault)
        if item.name not in ("kind", "id", "seen", "fired", "_path")
    ),
    "nth",
    "count",
)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _expression(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"path is not a regular expression: {error}") from error


def build(options: Mapping[str, Any]) -> Fault:
    """Return a fault from JSON; `nth` (from 1) is short for `skip`, `count` for `times`."""
    try:
        return _build(dict(options))
    except (TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"not a fault: {error}") from error


def _build(given: dict[str, Any]) -> Fault:
    if "nth" in given:
        given["skip"] = int(given.pop("nth")) - 1
    if "count" in given:
        given["times"] = int(given.pop("count"))
    if given.get("kind") == "latency":
        given.setdefault("times", 0)
    counters = {"id", "seen", "fired"} & set(given)
    return Fault(**{name: value for name, value in given.items() if name not in counters})


class FaultBook:
    """The faults in force, in the order they were added; the first that hits wins, latencies add up."""

    def __init__(self, seed: int) -> None:
        """Draw chances from `seed`, so that a run can be repeated."""
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._last_id = 0

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force and give it an id."""
        with self._lock:
            self._last_id += 1
            fault.id = self._last_id
            self._faults.append(fault)
            return fault

    def remove(self, fault_id: int | None = None) -> int:
        """Take one fault out of force, or all; return how many were taken."""
        with self._lock:
            kept = [fault for fault in self._faults if fault_id is not None and fault.id != fault_id]
            removed = len(self._faults) - len(kept)
            self._faults = kept
            return removed

    def list(self) -> list[Fault]:
        """Return the faults in force, those that are spent included."""
        with self._lock:
            return list(self._faults)

    def pick(self, call: Call) -> tuple[Fault | None, float]:
        """Return the fault that hits this call, if any, and its latency in seconds."""
        with self._lock:
            latency, chosen = 0.0, None
            for fault in self._faults:
                if fault.kind == "latency" and self._hits(fault, call):
                    latency += fault.seconds + self._random.uniform(0, fault.jitter)
                elif fault.kind != "latency" and chosen is None and self._hits(fault, call):
                    chosen = fault
            return chosen, latency

    def _hits(self, fault: Fault, call: Call) -> bool:
        if not fault.matches(call):
            return False
        fault.seen += 1
        if fault.seen <= fault.skip or fault.spent:
            return False
        if fault.probability < 1 and self._random.random() >= fault.probability:
            return False
        fault.fired += 1
        return True
