"""Reading an estate that takes longer than a task may run: in pieces, by one worker after the other, never two."""

from collections.abc import Callable

import pytest
from pytest_django import Settings

from tests.workflow import test_syncing
from tests.workflow.test_syncing import OF_SUB_ACCOUNTS
from trunks import audit, dispatch, tasks
from trunks.models import MasterAccount, SubAccount, clock
from trunks.sandbox.server import Sandbox
from trunks.workflow import estate, listing
from trunks.zoom import errors
from trunks.zoom.client import ZoomClient

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
master = test_syncing.master


def readings(sandbox: Sandbox) -> list[str]:
    return [call.path for call in sandbox.calls_of("GET", OF_SUB_ACCOUNTS)]


def test_what_takes_longer_than_a_task_may_run_is_read_in_pieces(
    master: MasterAccount, sandbox: Sandbox, rung: list[tuple[str, int]]
) -> None:
    for piece in range(11):
        assert not estate.sync(master.pk, seconds=0, go_on=True)
        master.refresh_from_db()
        assert (master.sync_done, master.sync_until, master.synced_at) == (piece + 1, None, None)
    assert rung == [(dispatch.SYNC_REST, master.pk)] * 11
    assert audit.history(master).count() == 0
    tasks.sync_rest(master.pk)
    paths = readings(sandbox)
    assert len(paths) == len(set(paths)) == 12
    event = audit.history(master).get()
    assert (event.action, event.actor_name) == (
        "sync.finished",
        "System (a reading that was not finished goes on)",
    )
    assert estate.sync(master.pk)
    assert len(readings(sandbox)) == 24


def test_who_asks_between_two_pieces_leaves_the_reading_that_is_under_way(
    master: MasterAccount, sandbox: Sandbox, rung: list[tuple[str, int]], settings: Settings
) -> None:
    """It began anew: of a large estate the end was not seen while somebody was looking and asking."""
    assert not estate.sync(master.pk, seconds=0)
    tasks.sync_master(master.pk)
    assert len(set(readings(sandbox))) == len(readings(sandbox)) == 12
    assert audit.history(master).get().action == "sync.finished"
    tasks.sync_rest(master.pk)  # rung for by the first piece


def test_what_was_left_off_a_while_ago_and_never_gone_on_with_is_begun_anew_for_who_asks(
    master: MasterAccount, sandbox: Sandbox, rung: list[tuple[str, int]]
) -> None:
    assert not estate.sync(master.pk, seconds=0)
    MasterAccount.objects.update(sync_started_at=clock.after(-MasterAccount.BETWEEN_PIECES_SECONDS - 1))
    tasks.sync_master(master.pk)
    assert len(readings(sandbox)) == 13


def test_where_a_worker_was_lost_the_next_goes_on(
    master: MasterAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def read_account(account: SubAccount, client: ZoomClient, *, may_fail: bool) -> bool:
        if len(readings(sandbox)) == 5:
            raise Killed
        return listing.read_account(account, client, may_fail=may_fail)

    with monkeypatch.context() as patched:
        patched.setattr(estate, "read_account", read_account)
        with pytest.raises(Killed):
            estate.sync(master.pk)
    MasterAccount.objects.filter(pk=master.pk).update(sync_until=clock.after(-1))
    assert estate.sync(master.pk, go_on=True)
    assert len(set(readings(sandbox))) == len(readings(sandbox)) == 12


def test_nobody_else_begins_while_a_long_list_of_accounts_is_read(
    master: MasterAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[bool] = []

    def slowly(read: Callable[[], object]) -> object:
        others.append(estate.sync(master.pk))
        MasterAccount.objects.filter(pk=master.pk).update(sync_until=clock.after(-1))
        return read()

    monkeypatch.setattr(estate, "through_limits", slowly)
    assert estate.sync(master.pk)
    assert others == [False, False]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seconds", [100, 0])
def test_a_worker_that_stood_still_leaves_the_estate_to_who_has_begun_meanwhile(
    seconds: int,
    master: MasterAccount,
    sandbox: Sandbox,
    rung: list[tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process that was stopped, or whose machine slept, counted on and let go of what another was reading."""

    def read_account(account: SubAccount, client: ZoomClient, *, may_fail: bool) -> bool:
        another_begins(master)
        return listing.read_account(account, client, may_fail=may_fail)

    told: list[str] = []
    monkeypatch.setattr(estate, "read_account", read_account)
    assert not estate.sync(master.pk, seconds=seconds, progress=told.append)
    assert told[-1] == "Somebody else is reading this estate already."
    assert (len(readings(sandbox)), rung, audit.history(master).count()) == (1, [], 0)
    master.refresh_from_db()
    assert master.sync_done == 0
    assert master.sync_until is not None


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_stood_still_makes_nothing_gone_by_an_old_list(
    master: MasterAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(read: Callable[[], object]) -> object:
        rows = read()
        another_begins(master)
        return rows

    monkeypatch.setattr(estate, "patiently", slowly)
    assert not estate.sync(master.pk)
    assert not master.trunks.exists()


@pytest.mark.django_db(transaction=True)
def test_nor_does_it_tell_how_its_reading_ended(
    master: MasterAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(_: Callable[[], object]) -> object:
        another_begins(master)
        raise errors.NotEnrolled

    monkeypatch.setattr(estate, "patiently", slowly)
    assert not estate.sync(master.pk)
    assert audit.history(master).count() == 0
    master.refresh_from_db()
    assert (master.sync_problem, master.sync_until is not None) == ("", True)


def another_begins(master: MasterAccount) -> None:
    MasterAccount.objects.filter(pk=master.pk).update(sync_until=clock.after(-1))
    assert estate._begin(master.pk, go_on=True)
