"""Reading what exists at Zoom into the portal: a master account's trunks, its sub accounts, and what those have."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Case, F, Q, When

from trunks import audit, dispatch
from trunks.actions import Action
from trunks.models import Line, MasterAccount, Role, SubAccount, User, clock
from trunks.turns import BATCH
from trunks.workflow import refusals, speaking
from trunks.workflow.connecting import Progress, quietly
from trunks.workflow.listing import read_account
from trunks.workflow.mirroring import mirror_accounts, mirror_trunks, read_accounts, read_trunks
from trunks.workflow.patience import patiently, through_limits
from trunks.workflow.words import sentence
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import ZoomError

# After so many accounts in a row of which Zoom could not be asked, it is Zoom that fails, and the reading ends.
FAILING_IN_A_ROW = 3
# How long a task reads, so that it keeps no worker long from what people have approved; where the lists alone took
# that, half of it again for the sub accounts. Far below `task_time_limit`.
TASK_SECONDS = 120.0
TAKEN = "Somebody else is reading this estate already."
Result = TypeVar("Result")


class _LeftOff(Exception):
    """Somebody else continues this reading: its time is up, or this process was stopped until its lease ran out."""


def request_sync(master: MasterAccount, *, actor: User) -> None:
    """Have a worker read the estate of `master` again. Raises Refused."""
    if not actor.holds(Role.ADMINISTRATOR, master.pk):
        reason = f"Only an administrator for {master} can have its estate read again."
        action = Action.MASTER_ACTION_REFUSED
        refusals.refuse(action, "sync", reason, who="an administrator", actor=actor, on=master)
    with audit.change():
        audit.record(Action.SYNC_REQUESTED, actor=actor, on=master, master=master)
        dispatch.ring(dispatch.SYNC, master.pk)


def sync(
    master_pk: int,
    *,
    progress: Progress = quietly,
    why: str = "schedule",
    seconds: float = inf,
    go_on: bool = False,
) -> bool:
    """Read the master's trunks, its sub accounts and the trunks of each from Zoom; say whether that succeeded.

    What vanished at Zoom is marked gone, never deleted, and only after a list was read to its end. Does nothing while
    somebody else reads the same estate. After `seconds` it stops, and a worker is rung to continue. With `go_on`, sub
    accounts are skipped that an unfinished reading covered within the last two intervals; otherwise an estate that
    takes longer than one task may run would never be read to its end.
    """
    ends = monotonic() + seconds
    master = _begin(master_pk, go_on=go_on)
    if master is None:
        progress(TAKEN)
        return False
    why = "a reading that was not finished goes on" if master.sync_done else why
    try:
        with speaking.client_for(master, urgency=BATCH) as client:
            counts = _read_all(master, client, progress, ends, seconds / 2)
    except _LeftOff as left:
        progress(str(left))
        return False
    except ZoomError as error:
        _end(master, Action.SYNC_FAILED, why, {}, problem=sentence(error))
        progress(sentence(error))
        return False
    return _end(master, Action.SYNC_FINISHED, why, counts)


def _begin(master_pk: int, *, go_on: bool) -> MasterAccount | None:
    # Who asks between two pieces of a reading has the next one read, and not all of it anew.
    left_off = (
        MasterAccount.unfinished(2 * settings.SYNC_SECONDS) if go_on else MasterAccount.between_pieces()
    )
    begun = MasterAccount.objects.filter(MasterAccount.unread(), pk=master_pk).update(
        sync_started_at=clock.read(),  # a value, so that it can be told from a later one: see `as_begun`
        sync_until=MasterAccount.lease(),
        sync_done=Case(When(left_off, then=F("sync_done")), default=0),
        sync_total=Case(When(left_off, then=F("sync_total")), default=0),
        sync_problem="",
    )
    return MasterAccount.objects.get(pk=master_pk) if begun else None


def _hold(master: MasterAccount, **values: Any) -> None:
    """Write `values`, and that the estate is being read for a while longer. Raises _LeftOff."""
    if not master.as_begun().update(**{"sync_until": MasterAccount.lease()} | values):
        raise _LeftOff(TAKEN)


def _end(
    master: MasterAccount, action: Action, why: str, counts: dict[str, Any], *, problem: str = ""
) -> bool:
    done = {} if problem else {"synced_at": clock.now(), "sync_done": F("sync_total")}
    with audit.change():
        if not master.as_begun().update(sync_until=None, sync_problem=problem, **done):
            return False
        audit.record(action, actor=None, why=why, on=master, master=master, after=counts, comment=problem)
    return True


def _read_all(
    master: MasterAccount, client: ZoomClient, progress: Progress, ends: float, least: float
) -> dict[str, Any]:
    """Read everything, or raise _LeftOff, such as when it is `ends` and the sub accounts have had `least` seconds."""

    def page(read: Callable[[], Result]) -> Result:
        _hold(master)
        return through_limits(read)

    trunks = read_trunks(master, lambda: patiently(lambda: client.list_trunks("me", through_limits)))
    _hold(master)
    progress(f"{len(trunks)} trunks of {master}.")
    gone_trunks = mirror_trunks(master, trunks)
    listed = read_accounts(master, lambda: patiently(lambda: list(client.list_sub_accounts(page))))
    accounts = [account for account in listed if account.id != master.zoom_id]
    _hold(master, sync_total=len(accounts))
    progress(f"{len(accounts)} sub accounts.")
    gone_accounts = mirror_accounts(master, accounts)
    # A sub account that is gone is asked for as long as nobody knows what it got: its DNIS would stay taken for ever.
    doubtful = Line.objects.doubtful().filter(master=master).values("trunk_request__sub_account")
    to_read = Q(gone_at=None) | Q(pk__in=doubtful)
    # Should one have gone meanwhile, the next is left out this time.
    present = SubAccount.objects.filter(to_read, master=master).order_by("pk")
    failing, begun, ends = 0, master.sync_done, max(ends, monotonic() + least)
    for done, account in enumerate(present[begun:].iterator(chunk_size=200), start=begun + 1):
        answered = read_account(account, client, may_fail=failing < FAILING_IN_A_ROW - 1)
        failing = 0 if answered else failing + 1
        _hold(master, sync_done=F("sync_done") + 1)
        if done % 50 == 0 or done == len(accounts):
            progress(f"Trunks of {done} of {len(accounts)} sub accounts read.")
        if monotonic() >= ends and done < len(accounts):
            _hold(master, sync_until=None)
            dispatch.ring_now(dispatch.SYNC_REST, master.pk)
            raise _LeftOff("A worker reads the rest.")
    counts = {"trunks": len(trunks), "sub_accounts": len(accounts)}
    return counts | {"trunks_gone": gone_trunks, "sub_accounts_gone": gone_accounts}
