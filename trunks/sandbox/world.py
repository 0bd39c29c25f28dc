"""The state of the sandbox: the estate, what lists show of it, tokens and counters, under one lock."""

import copy
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from trunks.sandbox.clock import Clock
from trunks.sandbox.records import Account, Estate
from trunks.sandbox.store import Store
from trunks.sandbox.switches import Switches

FIRST_OWN_ID = 50_001
Application = tuple[str, str, str]


@dataclass
class Token:
    """An access token as handed out; `expires` is the clock's monotonic time.

    It has the `scopes` that its app had then: Zoom says that a changed scope needs a new token.
    """

    client_id: str
    expires: float
    scopes: list[str]


@dataclass
class World:
    """What every operation reads and changes; take `lock` around both."""

    estate: Estate
    switches: Switches
    store: Store
    clock: Clock = field(default_factory=Clock)
    lock: threading.RLock = field(default_factory=threading.RLock)
    tokens: dict[str, Token] = field(default_factory=dict)
    applications: Counter[Application] = field(default_factory=Counter)
    next_id: int = FIRST_OWN_ID
    # Per account: (until when, what lists show until then), oldest first.
    _hidden: dict[str, deque[tuple[float, Account]]] = field(default_factory=dict)

    @contextmanager
    def changing(self, account: Account) -> Iterator[Account]:
        """Hold the lock while an account is changed, then save; lists show the change after `list_delay`."""
        with self.lock:
            before = copy.deepcopy(account) if self.switches.list_delay else None
            yield account
            if before is not None:
                until = self.clock.monotonic() + self.switches.list_delay
                self._hidden.setdefault(account.id, deque()).append((until, before))
            self.save(account.id)

    def seen(self, account: Account) -> Account:
        """Return the account as lists show it now."""
        with self.lock:
            waiting = self._hidden.get(account.id, deque())
            while waiting and waiting[0][0] <= self.clock.monotonic():
                waiting.popleft()
            return waiting[0][1] if waiting else account

    def new_id(self) -> str:
        """Return an id no trunk or number had before."""
        with self.lock:
            self.next_id += 1
            return str(self.next_id - 1)

    def applied(self, account_id: str, trunk_id: str, dnis: str) -> None:
        """Count one assignment that took effect."""
        self.applications[(account_id, trunk_id, dnis)] += 1

    def save(self, account_id: str | None = None) -> None:
        """Write the state to disk, when a file was asked for; without an id every account is written anew."""
        with self.lock:
            self.store.write(self.estate, self.applications, self.next_id, account_id)

    def load(self) -> bool:
        """Take over the state on disk; False when there is none."""
        stored = self.store.read()
        if stored is None:
            return False
        self.estate, self.next_id = stored.estate, stored.next_id
        self.applications = stored.applications
        return True

    def replace(self, estate: Estate) -> None:
        """Start over with another estate: no tokens, no counters, nothing hidden from lists."""
        with self.lock:
            self.estate = estate
            self.tokens.clear()
            self.applications.clear()
            self._hidden.clear()
            self.next_id = FIRST_OWN_ID
            self.save()
