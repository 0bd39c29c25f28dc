"""The circuit of a master account: opened by failed calls in a row, closed by the first one that gets an answer.

It is counted in the database, by the one hook that every client of `speaking` has, so that all workers and processes
count together. While it is open no request of the account is taken up; a probe at growing intervals tries a call.
"""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from trunks import audit, dispatch
from trunks.actions import Action
from trunks.compiled import Found, Param
from trunks.models import Circuit, MasterAccount, TrunkRequest, clock
from trunks.workflow.ringing import ring_ready
from trunks.workflow.words import sentence
from trunks.zoom import errors
from trunks.zoom.errors import ZoomError

FAILURES = 5
LONGEST_INTERVAL = 300.0
# Nobody at Zoom has decided anything. A 4xx, on the other hand, is an answer: Zoom is there.
FAILED = (errors.NotSent, errors.NoAnswer, errors.ServerError, errors.Unreadable)
WHY = "calls to Zoom"


_TROUBLED = Found(lambda: Circuit.objects.troubled().filter(master=Param("master")))


def is_open(master_id: int) -> bool:
    return Circuit.objects.open().filter(master=master_id).exists()


def note(master: MasterAccount, error: ZoomError | None, *, forgives: bool = True) -> None:
    """Count how a call for `master` ended: `error`, or None for an answer as it should be, which usually `forgives`.

    Of an app that may read and not write Zoom says that its token is refused. Did the list that comes before each write
    forgive that, all requests that wait would wake each other, at once and for ever.
    """
    if isinstance(error, FAILED):
        _failed(master, error)
        return
    # Nearly every call is a good one after good ones: one question for all that it could change.
    if _TROUBLED(master=master.pk):
        _answered(master)
        if error is None and forgives:
            forgive(master)
    if isinstance(error, errors.CredentialsRefused):
        _refused(master, error)


def try_soon(master_id: int) -> bool:
    """Have an open circuit probed now, and at short intervals again; say whether it is open."""
    waiting = Circuit.objects.open().filter(master=master_id)
    return bool(waiting.update(probes=0, next_probe_at=clock.now()))


def forgive(master: MasterAccount) -> None:
    """Forget that Zoom refused the credentials: Zoom has accepted them since, or there are new ones.

    What waits for them is tried now: by itself it would be in up to an hour.
    """
    refused = Circuit.objects.filter(master=master, refused_at__isnull=False)
    if refused.update(refused_at=None, refusal=""):
        if TrunkRequest.objects.put_off().filter(master=master).update(next_attempt_at=clock.now()):
            transaction.on_commit(ring_ready)
        _read_again(master)


def interval(probes: int) -> float:
    """Return how many seconds to wait after `probes` probes: from one sweep's interval, doubling, to five minutes."""
    return float(min(settings.SWEEP_SECONDS * 2 ** min(probes, 20), LONGEST_INTERVAL))


def _failed(master: MasterAccount, error: ZoomError) -> None:
    Circuit.objects.get_or_create(master=master)
    row = Circuit.objects.filter(master=master)
    with audit.change():
        row.filter(failures=0).update(failing_since=clock.now())
        row.update(failures=F("failures") + 1, problem=sentence(error))
        first = clock.after(interval(0))
        enough = row.filter(failures__gte=FAILURES, opened_at=None)
        if enough.update(opened_at=clock.now(), probes=0, next_probe_at=first):
            _record(Action.CIRCUIT_OPENED, master, sentence(error), error.tracking_id)


def _answered(master: MasterAccount) -> None:
    failing = Circuit.objects.filter(Q(failures__gt=0) | Q(opened_at__isnull=False), master=master)
    if not failing.exists():
        return
    with audit.change():
        if failing.open().update(opened_at=None, next_probe_at=None):
            _record(Action.CIRCUIT_CLOSED, master, "", "")
            transaction.on_commit(ring_ready)
            _read_again(master)
        failing.update(failures=0, failing_since=None)


def _read_again(master: MasterAccount) -> None:
    """Have the estate read if it could not be meanwhile: its pages tell of the trouble until it is."""
    if MasterAccount.objects.filter(pk=master.pk).exclude(sync_problem="").exists():
        dispatch.ring(dispatch.SYNC_AGAIN, master.pk)


def _refused(master: MasterAccount, error: ZoomError) -> None:
    Circuit.objects.get_or_create(master=master)
    row = Circuit.objects.filter(master=master)
    row.filter(refused_at=None).update(refused_at=clock.now())
    row.update(refusal=sentence(error))


def _record(action: Action, master: MasterAccount, comment: str, tracking_id: str) -> None:
    audit.record(
        action, actor=None, why=WHY, on=master, master=master, comment=comment, tracking_id=tracking_id
    )
