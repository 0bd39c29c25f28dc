"""Making the estate show a list of Zoom's: what is new or changed is written, what is missing marked gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import transaction

from trunks.models import MasterAccount, MasterTrunk, State, SubAccount, TrunkRequest, clock
from trunks.workflow.naming import seemly
from trunks.zoom.types import SubAccount as Account
from trunks.zoom.types import Trunk

Row = TypeVar("Row", Account, Trunk)


def mirror_trunks(master: MasterAccount, rows: Sequence[Trunk]) -> int:
    """Make the master's trunks those of `rows`, and return how many are newly gone."""
    fields = {
        row.id: {
            "name": seemly(row.name)[:255],
            "sip_server_address": row.sip_server_address[:255],
            "dnis": row.dnis[:64],
            "number_prefix": row.number_prefix[:64],
        }
        for row in rows
        if row.id  # what has no id cannot be assigned
    }
    return _mirror(MasterTrunk, master, fields)


def read_accounts(master: MasterAccount, read: Callable[[], Sequence[Account]]) -> list[Account]:
    """Return the master's sub accounts, read once more when one is missing: it may be there all the same.

    The list comes in pages. An account that is removed meanwhile moves another to a page that was read before.
    """
    return _read_twice(SubAccount, master, read)


def read_trunks(master: MasterAccount, read: Callable[[], Sequence[Trunk]]) -> list[Trunk]:
    """Return the master's trunks, read once more when one is missing.

    Of one that is gone every approved request would go back to its people.
    """
    return _read_twice(MasterTrunk, master, read)


def _read_twice(
    model: type[MasterTrunk] | type[SubAccount], master: MasterAccount, read: Callable[[], Sequence[Row]]
) -> list[Row]:
    found = {row.id: row for row in read()}
    present = model._default_manager.filter(master=master, gone_at=None).values_list("zoom_id", flat=True)
    if set(present) - set(found):
        found |= {row.id: row for row in read()}
    return list(found.values())


def mirror_accounts(master: MasterAccount, rows: Sequence[Account]) -> int:
    """Make the master's sub accounts those of `rows`, and return how many are newly gone."""
    fields = {
        row.id: {
            "name": seemly(row.name)[:255],
            "number": row.number[:64],
            "account_type": row.account_type[:64],
            "owner_email": row.owner_email[:255],
        }
        for row in rows
    }
    gone = SubAccount.objects.filter(master=master).exclude(gone_at=None).values_list("zoom_id", "pk")
    back = [pk for zoom_id, pk in gone if zoom_id in fields]
    newly_gone = _mirror(SubAccount, master, fields)
    # Of an account that was gone Zoom's list is asked for rarely.
    waiting = TrunkRequest.objects.put_off().filter(state=State.UNCONFIRMED, sub_account__in=back)
    waiting.update(next_attempt_at=clock.now())
    return newly_gone


def _mirror(
    model: type[MasterTrunk] | type[SubAccount], master: MasterAccount, fields: dict[str, dict[str, str]]
) -> int:
    """Make the rows of `model` show `fields`, by Zoom id, and return how many are newly gone."""
    now = clock.read()
    names = list(next(iter(fields.values()), {}))
    with transaction.atomic():
        rows: list[Any] = [
            model(master=master, zoom_id=zoom_id, first_seen_at=now, last_seen_at=now, **values)
            for zoom_id, values in fields.items()
        ]
        model._default_manager.bulk_create(
            rows,
            batch_size=500,
            update_conflicts=True,
            unique_fields=["master", "zoom_id"],
            update_fields=[*names, "last_seen_at", "gone_at"],
        )
        present = model._default_manager.filter(master=master, gone_at=None)
        gone = [pk for pk, zoom_id in present.values_list("pk", "zoom_id") if zoom_id not in fields]
        model._default_manager.filter(pk__in=gone).update(gone_at=now)
    return len(gone)
