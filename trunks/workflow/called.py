"""Finding a master account's sub accounts and trunks by what people call them in a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from django.db.models import Q

from trunks import numbers
from trunks.models import MasterAccount, MasterTrunk, SubAccount
from trunks.models.estate import Mirrored

Found = TypeVar("Found", bound=Mirrored)


class Accounts:
    """The sub accounts of a master account that a table may mean, read once."""

    def __init__(self, master: MasterAccount, wanted: set[str]) -> None:
        self.master = master
        wanted = {text for text in wanted if text}
        asked = Q(zoom_id__in=wanted) | Q(number__in=wanted) | Q(name__in=wanted)
        self.rows = list(SubAccount.objects.filter(asked, master=master).select_related("master"))

    def called(self, text: str) -> SubAccount | str:
        """Return the one sub account with that Zoom id, account number or name, or in a sentence why there is none."""
        if not text:
            return "Enter the sub account: its Zoom id, account number or name."
        found = _called(text, self.rows, "zoom_id", "number", "name")
        if len(found) == 1:
            return found[0]
        if found:
            return f"{len(found)} sub accounts are called {text}: write the Zoom id."
        return f"{self.master} has no sub account with the Zoom id, account number or name {text[:100]}."


class Trunks:
    """The trunks of a master account, read once."""

    def __init__(self, master: MasterAccount) -> None:
        self.master = master
        self.rows = list(MasterTrunk.objects.filter(master=master).select_related("master"))

    def meant(self, text: str, dnis: str) -> MasterTrunk | str:
        """Return the one trunk with that Zoom id or name, or where `text` is empty with the DNIS's prefix.

        Where there is none, or more than one, return that in a sentence; without a DNIS either, an empty one.
        """
        if not text:
            return self._of_prefix(dnis)
        found = _called(text, self.rows, "zoom_id", "name")
        if len(found) == 1:
            return found[0]
        if found:
            return f"{len(found)} trunks are called {text}: write the Zoom id."
        return f"{self.master} has no trunk with the Zoom id or name {text[:100]}."

    def _of_prefix(self, dnis: str) -> MasterTrunk | str:
        found = _present_first([row for row in self.rows if row.prefix and dnis.startswith(row.prefix)])
        if len(found) == 1:
            return found[0]
        if not dnis:
            return ""  # that it is missing is said beside it
        if found:
            names = ", ".join(str(row) for row in found[:3]) + (" …" if len(found) > 3 else "")
            return (
                f"{len(found)} trunks of {self.master} have the prefix {found[0].prefix}: name one ({names})."
            )
        if not numbers.is_digits(dnis):
            return ""  # and so is that it is no number
        words = f"No trunk of {self.master} has a prefix with which {dnis[:40]} begins."
        if any(row.prefix and f"0{dnis}".startswith(row.prefix) for row in self.rows):
            words += " With a 0 before it one has: spreadsheet programs take leading zeros away."
        return words


def _called(text: str, rows: Sequence[Found], *names: str) -> Sequence[Found]:
    """Return the rows that have `text` in the first of the fields in which any has it."""
    matches = (_present_first([row for row in rows if getattr(row, name) == text]) for name in names)
    return next(filter(None, matches), [])


def _present_first(rows: Sequence[Found]) -> Sequence[Found]:
    """Return those that are at Zoom, or else those that were: the workflow says then that they are gone."""
    return [row for row in rows if not row.gone_at] or rows
