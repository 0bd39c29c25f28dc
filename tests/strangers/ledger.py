"""What is true at the stranger: which sub account has which trunk, since when, and how often it was given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.strangers.habits import Habits

MASTER = "q6gBJVO5TzexKYTb_I2rpg"
TRUNKS = {"268": ("18888123", "192.0.2.1"), "281": ("90001258", "sip.example")}
BAD_ENDING = "9"  # a DNIS that ends so is refused, and nobody says why
Change = tuple[float, list["Row"]]


@dataclass
class Row:
    """One trunk of a sub account."""

    own_id: str
    trunk_id: str
    dnis: str
    caller_id: str = ""


@dataclass
class Ledger:
    """The sub accounts and their trunks; `told` holds what a list shows, which may be behind."""

    habits: Habits
    now: Callable[[], float]
    accounts: dict[str, list[Row]] = field(default_factory=dict)
    told: dict[str, list[Change]] = field(default_factory=dict)
    given: Counter[tuple[str, str]] = field(default_factory=Counter)
    doubled: list[tuple[str, str]] = field(default_factory=list)
    _last_id: int = 700_000

    def open_account(self, account_id: str) -> None:
        self.accounts[account_id] = []
        self.told[account_id] = [(-1e9, [])]

    def shown(self, account_id: str) -> list[Row]:
        """Return what a list shows now: the state of `list_delay` seconds ago."""
        seen = self.now() - float(self.habits["list_delay"])
        return [rows for at, rows in self.told[account_id] if at <= seen][-1]

    def assign(self, account_id: str, items: list[dict[str, str]], at: float) -> str:
        """Assign what can be assigned, at the moment `at`; return "" or the words of the refusal."""
        bad = [item for item in items if self._refuses(account_id, item)]
        if bad and self.habits["partial"] == "no":
            return "Invalid parameter: sip_trunks."
        if self.habits["second_post"] == "replaces":
            self.accounts[account_id] = []
        for item in items:
            if item not in bad:
                self._give(account_id, item)
        self._note(account_id, at)
        return "Invalid parameter: sip_trunks." if bad and self.habits["partial"] == "then 300" else ""

    def remove(self, account_id: str, trunk_id: str, at: float) -> bool:
        """Remove by the id that the list shows, at the moment `at`; say whether there was anything to remove."""
        rows = self.accounts[account_id]
        gone = [row for row in rows if self.shown_id(row) == trunk_id]
        self.accounts[account_id] = [row for row in rows if row not in gone]
        self._note(account_id, at)
        return bool(gone)

    def shown_id(self, row: Row) -> str:
        return row.own_id if self.habits["row_id"] == "own" else row.trunk_id

    def _refuses(self, account_id: str, item: dict[str, str]) -> bool:
        master_dnis, _ = TRUNKS.get(item.get("id", ""), ("", ""))
        dnis = item.get("dnis", "")
        fits = bool(master_dnis) and dnis[:5] == master_dnis[:5] and 5 <= len(dnis) <= 8
        elsewhere = any(
            row.dnis == dnis for id_, rows in self.accounts.items() for row in rows if id_ != account_id
        )
        here = any(row.dnis == dnis for row in self.accounts[account_id])
        again = here and self.habits["again"] == "refused"
        return not fits or dnis.endswith(BAD_ENDING) or elsewhere or again

    def _give(self, account_id: str, item: dict[str, str]) -> None:
        rows, dnis = self.accounts[account_id], item["dnis"]
        if any(row.dnis == dnis for row in rows):
            self.doubled.append((account_id, dnis))
            if self.habits["again"] == "ignored":
                return
        self._last_id += 1
        self.given[account_id, dnis] += 1
        rows.append(Row(str(self._last_id), item["id"], dnis, item.get("outbound_caller_id", "")))

    def _note(self, account_id: str, at: float) -> None:
        self.told[account_id].append((at, list(self.accounts[account_id])))
