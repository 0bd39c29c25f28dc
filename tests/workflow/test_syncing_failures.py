"""Reading the estate while Zoom fails or limits calls: slower where that passes, ended where it does not."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_django import Settings

from tests import cast
from tests.workflow import test_syncing
from tests.workflow.test_syncing import OF_SUB_ACCOUNTS
from trunks import audit
from trunks.models import ListedTrunk, MasterAccount, MasterTrunk, SubAccount
from trunks.sandbox.console import act
from trunks.sandbox.estate import CONTOSO, big_estate
from trunks.sandbox.server import Sandbox
from trunks.workflow import estate, listing, patience
from trunks.zoom import errors, types
from trunks.zoom.client import ZoomClient
from trunks.zoom.hooks import Patience

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
master = test_syncing.master


@pytest.fixture
def slept(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return how long it was waited before each new try; no time is spent on it."""
    pauses: list[float] = []
    monkeypatch.setattr(patience, "time", SimpleNamespace(sleep=pauses.append))
    return pauses


def last_event(master: MasterAccount) -> tuple[str, str]:
    event = audit.history(master).last()
    assert event is not None
    return event.action, event.comment


@pytest.mark.parametrize("kind", ["500", "html", "broken_json", "empty_object", "half_body", "drop"])
@pytest.mark.parametrize("path", [r"/accounts/me/sip_trunk/trunks$", r"/v2/accounts$"])
def test_a_list_that_was_not_read_makes_nothing_gone(
    kind: str, path: str, master: MasterAccount, sandbox: Sandbox
) -> None:
    sub = cast.sub_account(master, "not-in-the-sandbox", "Was there")
    trunk = cast.master_trunk(master, "999", "Was there", "70003999", "")
    sandbox.fault(kind, path=path, times=0)
    told: list[str] = []
    assert not estate.sync(master.pk, progress=told.append)
    sub.refresh_from_db()
    assert sub.gone_at is None
    if "me" in path:
        trunk.refresh_from_db()
        assert trunk.gone_at is None
    master.refresh_from_db()
    assert (master.sync_until, master.synced_at) == (None, None)
    assert master.sync_problem == told[-1] != ""
    assert last_event(master) == ("sync.failed", master.sync_problem)


def test_a_list_that_was_read_to_half_makes_nothing_gone(master: MasterAccount, settings: Settings) -> None:
    sub = cast.sub_account(master, "not-in-the-sandbox", "Was there")
    big = big_estate(310)
    for account in big.accounts.values():
        if account.name.startswith("Customer"):
            account.master_id = CONTOSO.account_id
    with Sandbox(big, rate_limits=False) as sandbox:
        settings.ZOOM_API_URL, settings.ZOOM_OAUTH_URL = sandbox.api_url, sandbox.oauth_url
        sandbox.fault("503", path=r"/v2/accounts$", skip=1, times=0)
        assert not estate.sync(master.pk)
        assert len(sandbox.calls_of("GET", r"/v2/accounts$")) >= 2
    assert list(SubAccount.objects.filter(master=master)) == [sub]
    sub.refresh_from_db()
    assert sub.gone_at is None


def test_a_sub_account_that_is_not_enrolled_does_not_stop_the_others(
    master: MasterAccount, sandbox: Sandbox
) -> None:
    accounts = list(sandbox.estate.sub_accounts(CONTOSO.account_id))
    accounts[3].sip_plan = False
    assert estate.sync(master.pk)
    [odd] = SubAccount.objects.exclude(trunks_problem="")
    assert odd.zoom_id == accounts[3].id
    assert "not enrolled" in odd.trunks_problem
    assert odd.trunks_read_at is None
    assert SubAccount.objects.filter(trunks_read_at__isnull=False).count() == 11
    accounts[3].sip_plan = True
    assert estate.sync(master.pk)
    assert not SubAccount.objects.exclude(trunks_problem="").exists()


def test_a_sub_account_of_which_zoom_fails_does_not_stop_the_others(
    master: MasterAccount, sandbox: Sandbox
) -> None:
    bad = [account.id for account in sandbox.estate.sub_accounts(CONTOSO.account_id)][3]
    sandbox.fault("500", path=f"/{bad}/sip_trunk/trunks$", times=0)
    assert estate.sync(master.pk)
    [odd] = SubAccount.objects.exclude(trunks_problem="")
    assert odd.zoom_id == bad
    assert "internal problem" in odd.trunks_problem


def test_a_call_that_fails_now_and_then_makes_the_reading_slower_and_not_fail(
    master: MasterAccount, sandbox: Sandbox, slept: list[float], settings: Settings
) -> None:
    sandbox.fault("503", path=r"/v2/accounts$", times=patience.SECOND_TRIES)
    sandbox.fault("html", path=OF_SUB_ACCOUNTS, times=patience.SECOND_TRIES)
    assert estate.sync(master.pk)
    assert slept == [settings.HTTP_DEADLINE_SECONDS / 20] * 2 * patience.SECOND_TRIES
    assert not SubAccount.objects.exclude(trunks_problem="").exists()


def test_an_account_that_one_list_lacks_is_asked_for_once_more(
    master: MasterAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that is removed while the pages are read moves another to a page that was read before."""
    assert estate.sync(master.pk)
    account = SubAccount.objects.filter(master=master)[0]
    real, lacking = ZoomClient.list_sub_accounts, [account.zoom_id]

    def lists(*args: Any) -> Iterator[types.SubAccount]:
        gone = lacking.pop() if lacking else ""
        return (row for row in real(*args) if row.id != gone)

    monkeypatch.setattr(ZoomClient, "list_sub_accounts", lists)
    assert estate.sync(master.pk)
    assert not lacking
    account.refresh_from_db()
    assert account.gone_at is None


def lack_once(monkeypatch: pytest.MonkeyPatch, account_id: str) -> list[str]:
    """Have the next list of that account's trunks be empty; what is returned is empty after that."""
    real, lacking = ZoomClient.list_trunks, [account_id]

    def lists(client: ZoomClient, who: str, *more: Any) -> list[types.Trunk]:
        rows = real(client, who, *more)
        if who not in lacking:
            return rows
        lacking.remove(who)
        return []

    monkeypatch.setattr(ZoomClient, "list_trunks", lists)
    return lacking


def test_so_is_a_trunk_of_the_master_account(
    master: MasterAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One empty list had every approved request go back to its people: its trunk was not at Zoom any more."""
    assert estate.sync(master.pk)
    lacking = lack_once(monkeypatch, "me")
    assert estate.sync(master.pk)
    assert not lacking
    assert not MasterTrunk.objects.exclude(gone_at=None).exists()


# Within one transaction, PostgreSQL's clock stands still: no list would be later than the one before.
@pytest.mark.django_db(transaction=True)
def test_and_one_of_a_sub_account(
    master: MasterAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """One empty list had every DNIS of the customer offered to others."""
    settings.QUIET_SECONDS = 0
    one = next(sandbox.estate.sub_accounts(CONTOSO.account_id))
    act(sandbox.world, {"action": "put_trunk", "account_id": one.id, "trunk_id": "501", "dnis": "70003555"})
    assert estate.sync(master.pk)
    listed = ListedTrunk.objects.filter(master=master)
    lacking = lack_once(monkeypatch, listed[0].sub_account.zoom_id)
    assert estate.sync(master.pk)
    assert not lacking
    assert not listed.exclude(gone_at=None).exists()
    act(sandbox.world, {"action": "remove_trunk", "account_id": one.id, "dnis": "70003555"})
    assert estate.sync(master.pk)
    assert listed.get().gone_at


def test_a_list_that_lacks_another_each_time_is_not_read_for_ever(
    master: MasterAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = list[SubAccount]()

    def lacks(account: SubAccount, _: ZoomClient) -> bool:
        looks.append(account)
        return True

    monkeypatch.setattr(listing, "_lacks_anew", lacks)
    assert estate.sync(master.pk)
    assert len(looks) == listing.LOOKS * SubAccount.objects.filter(master=master).count()


def test_a_place_in_the_list_that_zoom_forgot_is_looked_for_from_the_beginning(
    master: MasterAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [errors.Refused("The next page token is invalid or expired.", retryable=True)]
    real = ZoomClient.list_sub_accounts

    def listing(client: ZoomClient, _: Patience) -> Iterator[types.SubAccount]:
        yield next(real(client))
        if lost:
            raise lost.pop()
        yield from real(client)

    monkeypatch.setattr(ZoomClient, "list_sub_accounts", listing)
    assert estate.sync(master.pk)
    assert master.sub_accounts.count() == 12


def test_a_rate_limit_makes_the_reading_slower_and_not_fail(
    master: MasterAccount,
    sandbox: Sandbox,
    slept: list[float],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trunks.turns.slow_down", lambda *_: None)
    sandbox.fault("429", path=OF_SUB_ACCOUNTS, times=patience.PATIENCE)
    assert estate.sync(master.pk)
    # Zoom asks for longer, and the next call has a turn to wait for as well.
    assert slept == [settings.HTTP_DEADLINE_SECONDS / 10] * patience.PATIENCE
    assert SubAccount.objects.filter(trunks_read_at__isnull=False).count() == 12


def test_a_rate_limit_without_end_ends_the_reading(
    master: MasterAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunks.turns.slow_down", lambda *_: None)
    sandbox.fault("429", path=OF_SUB_ACCOUNTS, times=0)
    assert not estate.sync(master.pk)
    assert "rate limit" in last_event(master)[1]


def test_zoom_that_is_down_is_told_and_the_next_reading_mends_it(
    master: MasterAccount, settings: Settings
) -> None:
    right, settings.ZOOM_OAUTH_URL = settings.ZOOM_OAUTH_URL, "http://127.0.0.1:9/oauth/token"
    assert not estate.sync(master.pk)
    master.refresh_from_db()
    assert "cannot be reached" in master.sync_problem
    settings.ZOOM_OAUTH_URL = right
    assert estate.sync(master.pk)
    master.refresh_from_db()
    assert master.sync_problem == ""


def test_where_zoom_fails_for_one_sub_account_after_the_other_the_reading_ends(
    master: MasterAccount, sandbox: Sandbox
) -> None:
    sandbox.fault("500", path=OF_SUB_ACCOUNTS, times=0)
    assert not estate.sync(master.pk)
    assert SubAccount.objects.exclude(trunks_problem="").count() == estate.FAILING_IN_A_ROW - 1
