"""What a sub account has at Zoom, as last read: offered where it is to be unassigned or changed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from trunks.models import ListedTrunk, MasterTrunk, SubAccount
from trunks.workflow.drafts import present_rows

MOST = 200  # what a page can show; the others can be typed


@dataclass(frozen=True)
class PresentTrunk:
    """One row of Zoom's list, and the master trunk it comes from where that is plain."""

    dnis: str
    caller_id: str | None
    trunk: MasterTrunk | None


@dataclass(frozen=True)
class Present:
    """What Zoom last listed for `account`; `more` is how many rows are left out."""

    account: SubAccount
    rows: list[PresentTrunk]
    more: int


def present_of(account: SubAccount, trunks: Collection[MasterTrunk]) -> Present:
    """Return what Zoom last listed for `account`, each row with its trunk of `trunks`."""
    siblings = [trunk for trunk in trunks if trunk.master_id == account.master_id]
    listed = present_rows(account)
    rows = [PresentTrunk(row.dnis, row.outbound_caller_id, _trunk_of(row, siblings)) for row in listed[:MOST]]
    return Present(account, rows, len(listed) - len(rows))


def _trunk_of(row: ListedTrunk, trunks: Collection[MasterTrunk]) -> MasterTrunk | None:
    """Return the trunk that a row comes from: the id may be the master trunk's or one of its own."""
    same_id = [trunk for trunk in trunks if trunk.zoom_id == row.zoom_id]
    same_server = [trunk for trunk in trunks if trunk.sip_server_address == row.sip_server_address]
    found = same_id or [trunk for trunk in same_server if row.sip_server_address]
    return found[0] if len(found) == 1 else None
