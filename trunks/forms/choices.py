"""The sub accounts that a form offers to choose from."""

from __future__ import annotations

from django.db.models import QuerySet

from trunks import access
from trunks.models import MasterAccount, SubAccount, User

# The same words for what is not there, what is there no more, and what is not the person's to know of.
NOT_A_CHOICE = "This is not among the choices, or no longer. Choose again."
NO_CHOICE = {"invalid_choice": NOT_A_CHOICE}
MAX_OPTIONS = 200  # what a person can scroll through; the search field finds the others


def offered_sub_accounts(user: User, master: MasterAccount | None, q: str) -> QuerySet[SubAccount]:
    """Return the first sub accounts to choose from, one more than a page offers so that it can say so."""
    found = access.search_sub_accounts(user, q).filter(master=master, gone_at=None)
    return found.order_by("name", "pk")[: MAX_OPTIONS + 1]


def sub_account_label(row: SubAccount) -> str:
    return f"{row} ({row.zoom_id})" if row.name else row.zoom_id
