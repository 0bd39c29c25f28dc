"""What workers do when rung: a task gets an id, reads the row again, and leaves quietly when there is nothing to do."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from celery import shared_task
from django.conf import settings

from trunks import audit, context
from trunks.models import Heartbeat
from trunks.workflow import (
    checks,
    delivering,
    estate,
    forgetting,
    mailing,
    preparing,
    probing,
    provisioning,
    reconcile,
    rounds,
    sealing,
    spreading,
    streaming,
    sweeping,
    upkeep,
)


@contextmanager
def _as_task() -> Iterator[None]:
    """Give everything that the task does one request id, in the log and in the audit trail."""
    with context.bound(context.Context(request_id=uuid.uuid4().hex)), context.marking_errors():
        yield


@shared_task
def provision(pk: int) -> None:
    with _as_task():
        provisioning.provision(pk)


@shared_task
def settle(pk: int) -> None:
    with _as_task():
        reconcile.settle(pk)


@shared_task
def spread(pk: int) -> None:
    with _as_task():
        spreading.spread(pk)


@shared_task(expires=settings.SWEEP_SECONDS * 4)
def spread_due(_: int) -> None:
    """Spread what was not; the table of occasions and not the message says what."""
    with _as_task():
        spreading.spread_due()


@shared_task(expires=settings.SWEEP_SECONDS * 4)
def send_letters(_: int) -> None:
    """Send the letters that are due; the outbox and not the message says which."""
    with _as_task():
        mailing.send_due()


@shared_task(expires=settings.SWEEP_SECONDS * 4)
def send_deliveries(_: int) -> None:
    """Send the webhooks' deliveries that are due, as the letters."""
    with _as_task():
        delivering.send_due()


@shared_task
def sync_master(pk: int) -> None:
    with _as_task():
        estate.sync(pk, why="asked for in the portal", seconds=estate.TASK_SECONDS)


@shared_task
def sync_rest(pk: int) -> None:
    """Go on with a reading that was left off, as it takes longer than a task may run."""
    with _as_task():
        estate.sync(pk, seconds=estate.TASK_SECONDS, go_on=True)


@shared_task
def sync_again(pk: int) -> None:
    with _as_task():
        estate.sync(pk, why="Zoom answers again", seconds=estate.TASK_SECONDS)


@shared_task
def probe_master(pk: int) -> None:
    with _as_task():
        probing.probe(pk)


@shared_task
def sync_all(_: int = 0) -> None:
    """Read the estate that was read longest ago, and ring for the next; a beat that rings twice reads each once."""
    with _as_task():
        rounds.read_next()


@shared_task
def keep_audit(_: int) -> None:
    """Make the digests of the days that are over, and ask for the checks that are due."""
    with _as_task():
        Heartbeat.write(upkeep.AUDIT)
        sealing.make_due()
        checks.schedule()


@shared_task
def verify_audit(pk: int) -> None:
    with _as_task():
        checks.run(pk)


@shared_task
def prepare_file(pk: int) -> None:
    with _as_task():
        preparing.prepare(pk)


@shared_task(expires=settings.SWEEP_SECONDS * 4)
def stream_audit(_: int) -> None:
    """Send the events of the audit trail that have not arrived at AUDIT_STREAM."""
    streaming.stream()


@shared_task(expires=settings.SWEEP_SECONDS * 4)
def sweep() -> None:
    with _as_task():
        Heartbeat.write(Heartbeat.WORKER)
        Heartbeat.write("beat")
        sweeping.sweep_in_turn()
        upkeep.do()


@shared_task
def make_audit_months() -> None:
    """Have the tables of the coming months' audit events ready before their first."""
    audit.make_coming_months()


@shared_task
def forget_ended(_: int) -> None:
    """Delete letters and deliveries that ended more than OUTBOX_DAYS ago."""
    with _as_task():
        forgetting.forget_ended()


@shared_task(expires=settings.SWEEP_SECONDS * 4)
def alive(_: int) -> None:
    """Show that a worker takes messages."""
    with _as_task():
        Heartbeat.write(Heartbeat.WORKER)
        upkeep.do_if_late()
