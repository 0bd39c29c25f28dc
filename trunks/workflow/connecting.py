"""Connecting a master account: its credentials are tried at Zoom, and stored only when they are enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from trunks import access, audit, connections
from trunks.actions import Action
from trunks.models import MasterAccount, RatePlan, Role, User, clock
from trunks.workflow import circuits, refusals, sweeping
from trunks.workflow.patience import patiently
from trunks.workflow.words import sentence
from trunks.zoom import errors, types
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import ZoomError

NAME_MAX_LENGTH = 120
# What the trail is told of a master account: everything but the secret.
TOLD = ("name", "client_id", "rate_plan", "rate_share")
Progress = Callable[[str], None]
WRITE_SCOPES = ("sip_trunk:master", "sip_connected_audio:write:trunks:master")


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
        reason = "Only an administrator for all master accounts can connect one."
        action = Action.MASTER_ACTION_REFUSED
        refusals.refuse(action, "connect", reason, who="an administrator", actor=actor, on=actor)
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
            lambda: patiently(lambda: _token_finding(client)),
            # Page by page: a limit that is met on the way must not send it back to the first.
            lambda: "" if client.list_trunks("me", patiently) else sentence(errors.NoTrunkConfigs()),
            lambda: patiently(lambda: _first(client.list_sub_accounts())),
        )
        for trial in trials:
            try:
                findings.append(trial())
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
