"""The estates in their turn, by the clock: each once in an interval, and to its end though workers are killed."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.db.models import F
from pytest_django import Settings

from tests import cast
from trunks import audit, dispatch, tasks
from trunks.models import MasterAccount, SubAccount, clock
from trunks.sandbox.estate import CONTOSO
from trunks.sandbox.server import Sandbox
from trunks.workflow import estate, listing

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

NEXT = (dispatch.SYNC_ALL, 0)
LISTS = r"/accounts/(?!me/).+/sip_trunk/trunks$"


class Killed(BaseException):
    """The worker died here."""


@pytest.fixture
def master(db: None, sandbox: Sandbox) -> MasterAccount:
    return cast.master_account(CONTOSO.name, CONTOSO.account_id, (CONTOSO.client_id, CONTOSO.client_secret))


@pytest.fixture
def other(master: MasterAccount) -> MasterAccount:
    """Return a master account that cannot be read: Zoom does not know it."""
    return cast.master_account("Fabrikam", "nobody-there", ("x", "y"))


def readings(master: MasterAccount) -> list[str]:
    return [event.action for event in audit.history(master)]


def an_interval_later(settings: Settings) -> None:
    passed = timedelta(seconds=settings.SYNC_SECONDS)
    MasterAccount.objects.update(
        sync_started_at=F("sync_started_at") - passed, sync_until=F("sync_until") - passed
    )


def killed_after(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Have a worker be killed when it has read so many lists of sub accounts."""
    real, read = listing.read_account, count()

    def reading(*args: Any, **more: Any) -> bool:
        if next(read) == number:
            raise Killed
        return real(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(estate, "read_account", reading)
        with pytest.raises(Killed):
            tasks.sync_all()


def test_who_is_rung_twice_reads_once(
    master: MasterAccount, settings: Settings, rung: list[tuple[str, int]]
) -> None:
    for _ in range(2):
        tasks.sync_all()
    assert readings(master) == ["sync.finished"]
    an_interval_later(settings)
    tasks.sync_all()
    assert readings(master) == ["sync.finished"] * 2
    assert rung == []


def test_each_estate_has_a_task_to_itself_the_one_read_longest_ago_first(
    master: MasterAccount, other: MasterAccount, settings: Settings, rung: list[tuple[str, int]]
) -> None:
    MasterAccount.objects.filter(pk=master.pk).update(sync_started_at=cast.LONG_AGO)
    tasks.sync_all()
    assert (readings(master), readings(other), rung) == ([], ["sync.failed"], [NEXT])
    tasks.sync_all()
    assert (readings(master), readings(other), rung) == (["sync.finished"], ["sync.failed"], [NEXT])


def test_a_fault_with_one_estate_does_not_keep_the_others_from_being_read(
    master: MasterAccount,
    other: MasterAccount,
    rung: list[tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    MasterAccount.objects.filter(pk=master.pk).update(sync_started_at=cast.LONG_AGO)
    with monkeypatch.context() as patch:
        patch.setattr(estate, "_read_all", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tasks.sync_all()
    assert rung == [NEXT]
    tasks.sync_all()
    assert (readings(master), readings(other)) == (["sync.finished"], [])


def test_an_estate_that_is_being_read_is_passed_over(
    master: MasterAccount, rung: list[tuple[str, int]]
) -> None:
    MasterAccount.objects.update(sync_started_at=cast.LONG_AGO, sync_until=clock.after(60))
    tasks.sync_all()
    assert (readings(master), rung) == ([], [])


def test_a_reading_that_was_cut_off_is_gone_on_with(
    master: MasterAccount, sandbox: Sandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        killed_after(monkeypatch, 5)
        an_interval_later(settings)
    read = SubAccount.objects.exclude(trunks_read_at=None)
    assert read.count() == 10
    tasks.sync_all()
    assert readings(master) == ["sync.finished"]
    assert (read.count(), len(sandbox.calls_of("GET", LISTS))) == (12, 12)
    master.refresh_from_db()
    assert (master.sync_done, master.sync_total) == (12, 12)
    an_interval_later(settings)
    tasks.sync_all()
    assert len(sandbox.calls_of("GET", LISTS)) == 24


def test_who_asks_for_a_reading_gets_a_whole_one(
    master: MasterAccount, sandbox: Sandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_after(monkeypatch, 5)
    an_interval_later(settings)
    tasks.sync_master(master.pk)
    assert len(sandbox.calls_of("GET", LISTS)) == 17


def test_what_was_cut_off_too_long_ago_is_read_from_the_beginning(
    master: MasterAccount, sandbox: Sandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_after(monkeypatch, 5)
    for _ in range(3):
        an_interval_later(settings)
    tasks.sync_all()
    assert len(sandbox.calls_of("GET", LISTS)) == 17
