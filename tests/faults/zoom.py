"""Zoom for fault schedules: the sandbox's world without its sockets, where a write may land after its time-out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.moments import QUIET, VirtualTime
from tests.faults.refusing import REFUSED, Refusing
from trunks.sandbox import console
from trunks.sandbox.engine import Engine
from trunks.sandbox.exchange import Answer, Call
from trunks.sandbox.journal import Entry
from trunks.sandbox.limits import Limits
from trunks.sandbox.records import Account, App, AssignedTrunk, Estate, MasterTrunk
from trunks.sandbox.store import Store
from trunks.sandbox.switches import CHOICES, Switches
from trunks.sandbox.world import Token, World

TRUNKS = (("268", "18888", "192.0.2.1"), ("281", "90001", "192.0.2.34"))
WRITE, READ = "write", "read"
EFFECTS = ("before", "late", "never")
# How the sandbox's faults look from inside; every one of them leaves a write in doubt, but the last.
DOUBTFUL = ("500", "502", "503", "504", "html", "broken_json", "half_body", "drop", "hang", "408", "302")
BELIED = ("empty_object",)
HARMLESS = ("429", "401", "400", "not_sent", "stale")
KINDS = (*DOUBTFUL, *BELIED * 4, *HARMLESS)
LATEST = 0.9 * QUIET  # how long after a call has left it may still take effect, its list delay included
HTML = b"<html><body><h1>We'll be back soon</h1></body></html>"
Key = tuple[int, str]


@dataclass
class Fault:
    """What happens to the next call that writes, or reads: how it looks, whether it takes effect, and how late."""

    kind: str
    hits: str = WRITE
    effect: str = "never"
    seconds: float = 0.0


@dataclass
class Flight:
    """A write that Zoom has taken in and will carry out later, whether or not anybody still listens."""

    lands_at: float
    account_id: str
    origin: int
    call: Call


class TruthfulWorld(World):
    """The sandbox's world, which tells of each assignment that takes effect."""

    told: Callable[[str, str, str], None]

    def applied(self, account_id: str, trunk_id: str, dnis: str) -> None:
        super().applied(account_id, trunk_id, dnis)
        self.told(account_id, trunk_id, dnis)


@dataclass
class Zoom:
    """What is true at Zoom, who made it so, and what is still under way."""

    moments: VirtualTime
    master_id: str
    accounts: Sequence[str]
    refusing: Refusing
    faults: list[Fault] = field(default_factory=list)
    flights: list[Flight] = field(default_factory=list)
    # By request and DNIS: whether the portal's assignment stands, and how often it was made while it stood.
    standing: dict[Key, bool] = field(default_factory=dict)
    doubled: list[Key] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    removed: set[Key] = field(default_factory=set)
    _origin: int = 0

    def __post_init__(self) -> None:
        estate = Estate()
        trunks = [MasterTrunk(id_, f"Trunk {id_}", address, dnis) for id_, dnis, address in TRUNKS]
        estate.add(Account(self.master_id, "Master", 1, is_master=True, trunks=trunks))
        estate.add(*(Account(id_, id_, 2, master_id=self.master_id) for id_ in self.accounts))
        scopes = ["sip_trunk:master", "account:master"]
        estate.add_app(App("app", "secret", self.master_id, scopes))
        self.world = TruthfulWorld(estate, Switches(), Store(None), clock=self.moments)
        self.world.told = self._applied
        self.world.tokens["token"] = Token("app", float("inf"), scopes)
        self._engine = Engine(self.world, Limits(self.moments, enabled=False))
        self._stale: dict[str, Answer] = {}

    def switch(self, name: str, choice: int) -> None:
        """Set one undocumented behaviour; `choice` counts through its values."""
        if name == "list_delay":
            self.world.switches.set(name, ("0", "2", "12", "30")[choice % 4])
        else:
            self.world.switches.set(name, CHOICES[name][choice % len(CHOICES[name])])

    def answer(self, method: str, path: str, body: Any, origin: int) -> Answer | None:
        """Let a call arrive for request `origin` and return its answer, or None: nobody hears one."""
        if away := self.refusing.answer():
            return away
        fault = self._pick(method)
        call = _call(method, path, body)
        if fault is None:
            return self._honest(call, origin)
        if fault.kind == "429":
            return self.refusing.limited()
        if fault.kind == "stale":
            return self._stale.pop(path, None) or self._honest(call, origin)
        return self._faulty(fault, call, origin)

    def begin_with(self, account_id: str, trunk_id: str, dnis: str) -> None:
        """Let a sub account have a trunk from the beginning."""
        order = {"action": "put_trunk", "account_id": account_id, "trunk_id": trunk_id, "dnis": dnis}
        console.act(self.world, order)

    def refuses_connections(self, method: str) -> bool:
        """Say whether the next call of `method` finds nobody listening."""
        waiting = self._waiting(method)
        if waiting is None or waiting.kind != "not_sent":
            return False
        self.faults.remove(waiting)
        return True

    def land(self) -> None:
        """Carry out the writes whose moment has come."""
        for flight in [flight for flight in self.flights if flight.lands_at <= self.moments.seconds]:
            self.flights.remove(flight)
            self._honest(flight.call, flight.origin)

    def by_hand(self, action: str, account_id: str, **order: str) -> None:
        """Have somebody change something in Zoom's own console; an impossible change changes nothing."""
        self.touched.add(order.get("dnis", ""))
        try:
            console.act(self.world, {"action": action, "account_id": account_id, **order})
        except ValueError:
            return
        self._look_around()

    def rows(self, account_id: str) -> list[AssignedTrunk]:
        account = self.world.estate.accounts.get(account_id)
        return account.assigned if account else []

    def _pick(self, method: str) -> Fault | None:
        waiting = self._waiting(method)
        if waiting:
            self.faults.remove(waiting)
        return waiting

    def _waiting(self, method: str) -> Fault | None:
        hits = READ if method == "GET" else WRITE
        return next((fault for fault in self.faults if fault.hits == hits), None)

    def _faulty(self, fault: Fault, call: Call, origin: int) -> Answer | None:
        honest = None
        if fault.kind not in HARMLESS and (call.method == "GET" or fault.effect == "before"):
            honest = self._honest(call, origin)
        elif fault.kind not in HARMLESS and fault.effect == "late":
            delay = min(fault.seconds, LATEST - self.world.switches.list_delay)
            account_id = call.path.split("/")[3]
            self.flights.append(Flight(self.moments.seconds + delay, account_id, origin, call))
        return _spoilt(fault.kind, honest or Answer(201, b'{"sip_trunks": []}'))

    def _honest(self, call: Call, origin: int) -> Answer:
        self._origin = origin
        entry = Entry(0, "", call.method, call.path, "", "track")
        if call.method == "GET":
            return self._engine.answer(call, entry)
        reading = call.path.removeprefix("/v2")
        self._stale[reading] = self._engine.answer(_call("GET", reading, None), entry)
        before = self._all_dnis()
        answer = self._engine.answer(call, entry)
        if call.method == "DELETE":
            self.removed |= {(origin, dnis) for dnis in before - self._all_dnis()}
        self._look_around()
        return answer

    def _all_dnis(self) -> set[str]:
        return {row.dnis for account in self.world.estate.accounts.values() for row in account.assigned}

    def _applied(self, account_id: str, trunk_id: str, dnis: str) -> None:
        key = (self._origin, dnis)
        if self.standing.get(key):
            self.doubled.append(key)
        self.standing[key] = True

    def _look_around(self) -> None:
        """Note which of the portal's assignments were taken away or displaced."""
        there = self._all_dnis()
        for key, stands in self.standing.items():
            self.standing[key] = stands and key[1] in there


def _call(method: str, path: str, body: Any) -> Call:
    headers = {"authorization": "Bearer token", "content-type": "application/json"}
    return Call(
        method, f"/v2{path}", headers=headers, body=b"" if body is None else json.dumps(body).encode()
    )


def _spoilt(kind: str, honest: Answer) -> Answer | None:
    """Return what of the honest answer reaches the portal."""
    body = honest.body or b'{"sip_trunks": []}'
    if kind in ("hang", "drop"):
        return None
    if kind == "400":
        return Answer(400, b'{"code": 300, "message": "Invalid parameter: sip_trunks."}')
    if kind == "401":
        return Answer(401, REFUSED)
    if kind == "html":
        return Answer(honest.status, HTML)
    if kind == "empty_object":
        return Answer(honest.status, b"{}")
    if kind in ("broken_json", "half_body"):
        return Answer(200 if honest.status == 204 else honest.status, body[: len(body) // 2])
    if kind == "302":
        return Answer(302, b"", {"Location": "https://elsewhere.example/"})
    return Answer(int(kind), HTML)
