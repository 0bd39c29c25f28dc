"""The state file: one JSON document, replaced as a whole: a kill leaves the old state or the new one."""

import dataclasses
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from trunks.sandbox.records import Account, App, Estate


@dataclass
class Stored:
    """What a state file holds."""

    estate: Estate
    applications: Counter[tuple[str, str, str]]
    next_id: int


class Store:
    """Keeps the state in a file, or nowhere when there is no path."""

    def __init__(self, path: Path | None) -> None:
        """Remember where; nothing is read or written yet."""
        self._path = path
        # Each account's JSON, so that one change among thousands of accounts costs one account's encoding.
        self._encoded: dict[str, str] = {}

    def read(self) -> Stored | None:
        """Return the stored state, None without a file; raises ValueError when it is none."""
        if self._path is None or not self._path.exists():
            return None
        try:
            raw = json.loads(self._path.read_text(encoding="utf-8"))
            counts = Counter({(a, t, d): n for a, t, d, n in raw["applications"]})
            return Stored(Estate.from_dict(raw), counts, int(raw["next_id"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{self._path} is not a state file of the sandbox: {error}") from error

    def write(
        self,
        estate: Estate,
        applications: Counter[tuple[str, str, str]],
        next_id: int,
        changed: str | None,
    ) -> None:
        """Replace the file; `changed` names the only account that differs from the last write."""
        if self._path is None:
            return
        if changed is None:
            self._encoded.clear()
        else:
            self._encoded.pop(changed, None)
        accounts = ",\n".join(self._account(account) for account in estate.accounts.values())
        apps = json.dumps([_app(app) for app in estate.apps.values()])
        counts = json.dumps([[*key, count] for key, count in applications.items()])
        head = f'"next_id": {next_id},\n"applications": {counts},\n"apps": {apps}'
        self._replace(f'{{{head},\n"accounts": [\n{accounts}\n]}}\n')

    def _account(self, account: Account) -> str:
        if account.id not in self._encoded:
            self._encoded[account.id] = json.dumps(dataclasses.asdict(account))
        return self._encoded[account.id]

    def _replace(self, text: str) -> None:
        assert self._path is not None  # noqa: S101 - write() has looked
        draft = self._path.with_name(self._path.name + ".new")
        draft.write_text(text, encoding="utf-8")
        draft.replace(self._path)


def _app(app: App) -> dict[str, object]:
    return dataclasses.asdict(app)
