"""The sub accounts that a form offers to choose from."""

from __future__ import annotations

from django.db.models import QuerySet

from trunks import access
from trunks.models import MasterAccount, SubAccount, User

MAX_OPTIONS = 200  # what a person can scroll through; the search field finds the others


def offered_sub_accounts(user: User, master: MasterAccount | None, q: str) -> QuerySet[SubAccount]:
    """Return the first sub accounts to choose from, one more than a page offers so that it can say so."""
    found = access.search_sub_accounts(user, q).filter(master=master, gone_at=None)
    return found.order_by("name", "pk")[: MAX_OPTIONS + 1]


def sub_account_label(row: SubAccount) -> str:
    return f"{row} ({row.zoom_id})" if row.name else row.zoom_id
