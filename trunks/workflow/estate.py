"""Connecting a master account, and reading what exists at Zoom into the portal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf
from time import monotonic
from typing import Any, NoReturn, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, When

from trunks import access, audit, connections, dispatch
from trunks.actions import Action
from trunks.models import Line, MasterAccount, RatePlan, Role, SubAccount, User, clock
from trunks.turns import BATCH
from trunks.workflow import circuits, speaking, sweeping
from trunks.workflow.errors import Refused
from trunks.workflow.listing import read_account
from trunks.workflow.mirroring import mirror_accounts, mirror_trunks, read_accounts
from trunks.workflow.patience import patiently, through_limits
from trunks.workflow.words import sentence
from trunks.zoom import errors, types
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import ZoomError

# After so many accounts in a row of which Zoom could not be asked, it is Zoom that fails, and the reading ends.
FAILING_IN_A_ROW = 3
NAME_MAX_LENGTH = 120
# What the trail is told of a master account: everything but the secret.
TOLD = ("name", "client_id", "rate_plan", "rate_share")
# How long a task reads, so that it keeps no worker long from what people have approved; where the lists alone took
# that, half of it again for the sub accounts. Far below `task_time_limit`.
TASK_SECONDS = 120.0
TAKEN = "Somebody else is reading this estate already."
Progress = Callable[[str], None]
Result = TypeVar("Result")
WRITE_SCOPES = ("sip_trunk:master", "sip_connected_audio:write:trunks:master")


class _LeftOff(Exception):
    """Somebody else continues this reading: its time is up, or this process was stopped until its lease ran out."""


class CannotConnect(Exception):
    """The credentials are not enough; `findings` says in plain words what is missing. Nothing was stored."""

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__(" ".join(findings))
        self.findings = list(findings)

    @property
    def reason(self) -> str:
        return str(self)


def quietly(_: str) -> None:
    """Report progress to nobody."""


def connect(
    *,
    name: str,
    account_id: str,
    client_id: str,
    client_secret: str,
    rate_plan: str = RatePlan.PRO,
    rate_share: int | None = None,
    actor: User | None,
    why: str = "",
    progress: Progress = quietly,
) -> MasterAccount:
    """Try the credentials at Zoom and store them; an account that is known already gets the new ones.

    `rate_share` is the percentage of Zoom's rate limit that the portal may use: 100 unless given, and kept when new
    credentials are stored without it.
    The estate is not read yet: call `sync` or `request_sync` next. Raises CannotConnect with everything found missing
    (nothing is stored then), and Refused for a person who is not administrator of all masters.
    """
    if actor is not None and not access.for_all_masters(actor, Role.ADMINISTRATOR):
        _refuse("connect", "Only an administrator for all master accounts can connect one.", actor, on=actor)
    try:
        if not 0 < len(name.strip()) <= NAME_MAX_LENGTH:
            raise CannotConnect([f"The name has 1 to {NAME_MAX_LENGTH} characters."])
        progress("Trying the credentials at Zoom …")
        _try_out(account_id, client_id, client_secret)
        other = MasterAccount.objects.filter(name=name).exclude(zoom_id=account_id).first()
        if other:
            raise CannotConnect([f"Another master account ({other.zoom_id}) has the name {name} already."])
    except CannotConnect as error:
        _note(error, name=name, account_id=account_id, client_id=client_id, actor=actor, why=why)
        raise
    values = {
        "name": name,
        "client_id": client_id,
        "client_secret": client_secret,
        "rate_plan": rate_plan,
        **({} if rate_share is None else {"rate_share": rate_share}),
        "sync_problem": "",
    }
    master = _store(account_id, values, actor=actor, why=why)
    circuits.forgive(master)
    sweeping.wake(master)
    return master


def _note(
    error: CannotConnect, *, name: str, account_id: str, client_id: str, actor: User | None, why: str
) -> None:
    """Write down that an account could not be connected: about itself when it is known, else about its name alone."""
    told = {"name": name, "account_id": account_id, "client_id": client_id}
    told = {key: _storable(text) for key, text in told.items()}
    known = MasterAccount.objects.filter(zoom_id=told["account_id"]).first()
    on = known or MasterAccount(pk=0, name=told["name"])
    with audit.change():
        after = told | {"findings": error.findings}
        audit.record(Action.MASTER_NOT_CONNECTED, actor=actor, why=why, on=on, after=after)


def _storable(text: str) -> str:
    """Return text from a command line, which may be of another encoding, as a database takes it."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def _store(account_id: str, values: dict[str, Any], *, actor: User | None, why: str) -> MasterAccount:
    """Write `values` to the master account, new or known, and let go of the token of the credentials before."""
    with audit.change():
        master, created = MasterAccount.objects.update_or_create(
            zoom_id=account_id, defaults=values, create_defaults=values | {"connected_at": clock.now()}
        )
        connections.forget_token(master)
        told = {name: values[name] for name in TOLD if name in values}
        audit.record(
            Action.MASTER_CONNECTED if created else Action.MASTER_CREDENTIALS_CHANGED,
            actor=actor,
            why=why,
            on=master,
            master=master,
            after={"account_id": account_id, **told},
        )
    return master


def _try_out(account_id: str, client_id: str, client_secret: str) -> None:
    """Make the calls that the portal lives by, and raise CannotConnect with everything that is missing."""
    findings: list[str] = []
    with connections.client_of(account_id, client_id, client_secret) as client:
        trials: tuple[Callable[[], str], ...] = (
            lambda: _token_finding(client),
            lambda: "" if client.list_trunks() else sentence(errors.NoTrunkConfigs()),
            lambda: _first(client.list_sub_accounts()),
        )
        for trial in trials:
            try:
                findings.append(patiently(trial))
            except errors.CredentialsRefused as error:
                raise CannotConnect([sentence(error)]) from error
            except ZoomError as error:
                findings.append(sentence(error, trying=True))
            except ValueError as error:
                # Text that cannot be encoded, such as a byte of another encoding on the command line.
                findings.append(f"The credentials cannot be sent: {error}.")
    found = list(dict.fromkeys(finding for finding in findings if finding))
    if found:
        raise CannotConnect(found)


def _token_finding(client: ZoomClient) -> str:
    """Return what the token's own list of scopes lacks; the calls tried cannot show whether writing is allowed."""
    scopes = client.scopes()
    if not scopes or any(scope in scopes for scope in WRITE_SCOPES):
        return ""
    return sentence(errors.ScopeMissing(scopes=(" or ".join(WRITE_SCOPES),)))


def _first(accounts: Iterable[types.SubAccount]) -> str:
    next(iter(accounts), None)
    return ""


def _refuse(what: str, reason: str, actor: User, *, on: models.Model) -> NoReturn:
    """Write the refusal down, in a transaction of its own, and raise it."""
    with audit.change():
        refused = {"action": what, "reason": reason}
        audit.record(Action.MASTER_ACTION_REFUSED, actor=actor, on=on, after=refused)
    raise Refused(reason, who="an administrator")


def request_sync(master: MasterAccount, *, actor: User) -> None:
    """Have a worker read the estate of `master` again. Raises Refused."""
    if not actor.holds(Role.ADMINISTRATOR, master.pk):
        _refuse(
            "sync", f"Only an administrator for {master} can have its estate read again.", actor, on=master
        )
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

    trunks = patiently(lambda: client.list_trunks("me", through_limits))
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
