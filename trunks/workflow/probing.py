"""Trying whether Zoom is back for a master account whose circuit is open."""

from __future__ import annotations

import logging

from django.db.models import F, Q

from trunks import dispatch
from trunks.models import WORKING_STATES, Circuit, TrunkRequest, clock
from trunks.models.stops import CircuitQuerySet
from trunks.workflow import circuits, speaking
from trunks.zoom.errors import ZoomError

logger = logging.getLogger(__name__)


def ring_probes() -> None:
    """Ring a worker for each open circuit whose next probe is due."""
    for pk in _due().values_list("master", flat=True):
        dispatch.ring_now(dispatch.PROBE, pk)


def probe(master_pk: int) -> None:
    """Read a list, once for all who are rung; the client counts the answer and closes the circuit.

    By turns the master's own trunks and what waits: one list that fails for good must not hold up those that do not.
    """
    circuit = _due().filter(master=master_pk).select_related("master").first()
    if circuit is None:
        return
    taken = _due().filter(pk=circuit.pk, probes=circuit.probes)
    pause = clock.after(circuits.interval(circuit.probes + 1))
    if not taken.update(probes=F("probes") + 1, next_probe_at=pause):
        return
    try:
        with speaking.client_for(circuit.master) as client:
            client.list_trunks(_whose(circuit))
    except ZoomError as error:
        logger.info("%s: Zoom is not back yet: %s", circuit.master, error)


def _whose(circuit: Circuit) -> str:
    """Return the account to ask about: the master, or each second time the sub account of what has waited longest."""
    waiting = TrunkRequest.objects.filter(master=circuit.master_id, state__in=WORKING_STATES).order_by("pk")
    accounts = waiting.values_list("sub_account__zoom_id", flat=True)
    return (circuit.probes % 2 and accounts.first()) or "me"


def _due() -> CircuitQuerySet:
    # Further ahead than any probe is planned: the database's clock was set back.
    set_back = Q(next_probe_at__gt=clock.after(2 * circuits.LONGEST_INTERVAL))
    return Circuit.objects.open().filter(Q(next_probe_at__lte=clock.now()) | set_back)
