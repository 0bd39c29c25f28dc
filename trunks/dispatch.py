"""Ringing a worker: after the commit, by task name, with an id and nothing else.

The database is the queue. A ring that is lost costs the time until the next sweep and nothing more, which is why a
broker that is down is logged here and never shown to the person whose change has been saved.
"""

import logging
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

PROVISION = "trunks.tasks.provision"
SETTLE = "trunks.tasks.settle"
SYNC = "trunks.tasks.sync_master"
SYNC_REST = "trunks.tasks.sync_rest"
SYNC_ALL = "trunks.tasks.sync_all"
SYNC_AGAIN = "trunks.tasks.sync_again"
ALIVE = "trunks.tasks.alive"
PROBE = "trunks.tasks.probe_master"
SPREAD = "trunks.tasks.spread"
SPREAD_DUE = "trunks.tasks.spread_due"
LETTERS = "trunks.tasks.send_letters"
DELIVERIES = "trunks.tasks.send_deliveries"
SEAL = "trunks.tasks.keep_audit"
VERIFY = "trunks.tasks.verify_audit"
STREAM = "trunks.tasks.stream_audit"
PREPARE = "trunks.tasks.prepare_file"
TASK_NAMES = (
    PROVISION,
    SETTLE,
    SYNC,
    SYNC_REST,
    SYNC_ALL,
    SYNC_AGAIN,
    ALIVE,
    PROBE,
    SPREAD,
    SPREAD_DUE,
    LETTERS,
    DELIVERIES,
    SEAL,
    VERIFY,
    STREAM,
    PREPARE,
)
# What tells of things that have happened: it may wait until what people have asked for is carried out.
UNHURRIED = (SPREAD, SPREAD_DUE, LETTERS, DELIVERIES, SEAL, VERIFY, STREAM, PREPARE)

logger = logging.getLogger(__name__)


def ring(task: str, pk: int) -> None:
    """Send `task` for the row `pk` once the transaction around the caller has been committed."""
    transaction.on_commit(partial(ring_now, task, pk), robust=False)


def ring_now(task: str, pk: int) -> bool:
    """Send `task` now. Says whether the broker took it; a broker that is down is no error (see above)."""
    try:
        # signature().delay() and not send_task(): only the former respects task_always_eager.
        current_app.signature(task, args=[pk]).delay()
    except (OperationalError, OSError) as error:
        logger.warning(
            "No worker could be rung for %s %s: %s. The sweep will find it.", task, pk, type(error).__name__
        )
        return False
    return True


def broker_reachable(timeout: float = 1.0) -> bool:
    """Say whether the broker answers within about `timeout` seconds, and takes what is put there.

    One that is full, or may not write, still answers, and nobody can be rung.
    """
    try:
        with current_app.connection_for_read(connect_timeout=timeout) as link:
            link.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=int(timeout))
            channel: Any = link.default_channel  # of one of portal's two transports
            channel.try_out()
    except (OperationalError, OSError):
        return False
    return True
