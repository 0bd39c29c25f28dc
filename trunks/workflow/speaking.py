"""Making Zoom clients for the workflow: they do not write while writing is stopped, and they count failed calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from trunks import connections
from trunks.models import MasterAccount
from trunks.turns import WORK, Urgency
from trunks.workflow import circuits, stopping, unknown
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import HeldBack, ZoomError
from trunks.zoom.hooks import no_record
from trunks.zoom.types import Call


def _never() -> bool:
    return False


def client_for(
    master: MasterAccount,
    *,
    urgency: Urgency = WORK,
    observe: Callable[[Call], None] = no_record,
    before_sending: Callable[[], None] = connections.always,
    calm: Callable[[], bool] = _never,
    about_to_write: bool = False,
) -> ZoomClient:
    """Return a client that speaks for `master`; see `connections.client_for`. Its writes may raise Halted.

    `calm` says whether a call that ends well is known to change nothing for the circuit, so that need not be asked. Who
    is `about_to_write` tells the circuit that Zoom has accepted the credentials when a write was: lists do not tell.
    """
    return connections.client_for(
        master,
        urgency=urgency,
        observe=observe,
        before_sending=before_sending,
        before_write=stopping.look,
        ended=partial(_ended, master, calm, about_to_write),
    )


def _ended(
    master: MasterAccount, calm: Callable[[], bool], about_to_write: bool, error: ZoomError | None
) -> None:
    if isinstance(error, HeldBack):
        return  # Zoom was not asked
    if error is None and calm():
        return
    circuits.note(master, error, forgives=not about_to_write)
    if error is not None:
        unknown.note(master, error)
