"""Reading the estate: everything there is, what vanished marked gone, and nothing believed that was half read."""

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests import cast
from tests.together import together
from trunks import audit, dispatch, tasks
from trunks.models import Hold, ListedTrunk, MasterAccount, MasterTrunk, SubAccount, TrunkRequest, User, clock
from trunks.sandbox.console import act
from trunks.sandbox.estate import CONTOSO, big_estate
from trunks.sandbox.server import Sandbox
from trunks.workflow import estate, filing, listing, mirroring, patience
from trunks.workflow.errors import Refused
from trunks.zoom import errors, types
from trunks.zoom.client import ZoomClient
from trunks.zoom.hooks import Patience

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

OF_SUB_ACCOUNTS = r"/accounts/(?!me/).+/sip_trunk/trunks$"


@pytest.fixture
def master(db: None, sandbox: Sandbox) -> MasterAccount:
    """Return the smaller of the sandbox's master accounts, connected and not read yet."""
    made = cast.master_account(CONTOSO.name, CONTOSO.account_id, (CONTOSO.client_id, CONTOSO.client_secret))
    made.rate_plan = "business"
    made.save()
    return made


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


def test_trunks_sub_accounts_and_their_trunks_are_read(master: MasterAccount, sandbox: Sandbox) -> None:
    one = next(sandbox.estate.sub_accounts(CONTOSO.account_id))
    act(sandbox.world, {"action": "put_trunk", "account_id": one.id, "trunk_id": "501", "dnis": "70003555"})
    told: list[str] = []
    assert estate.sync(master.pk, progress=told.append)
    assert {trunk.zoom_id: trunk.prefix for trunk in master.trunks.all()} == {"501": "70003", "502": "70003"}
    assert master.sub_accounts.count() == 12
    [row] = ListedTrunk.objects.all()
    assert (row.dnis, row.sub_account.zoom_id, row.outbound_caller_id) == ("70003555", one.id, None)
    master.refresh_from_db()
    assert (master.sync_done, master.sync_total, master.sync_until) == (12, 12, None)
    assert master.synced_at is not None
    event = audit.history(master).get()
    assert (event.action, event.actor_name) == ("sync.finished", "System (schedule)")
    assert event.after == {"trunks": 2, "sub_accounts": 12, "trunks_gone": 0, "sub_accounts_gone": 0}
    assert told[-1] == "Trunks of 12 of 12 sub accounts read."


def test_what_vanished_is_gone_and_what_came_back_is_there(master: MasterAccount, sandbox: Sandbox) -> None:
    assert estate.sync(master.pk)
    sub = SubAccount.objects.filter(master=master).order_by("pk")[0]
    trunk = MasterTrunk.objects.get(zoom_id="502")
    with sandbox.world.lock:
        account = sandbox.estate.accounts.pop(sub.zoom_id)
        lost = sandbox.estate.accounts[CONTOSO.account_id].trunks.pop()
    assert estate.sync(master.pk)
    sub.refresh_from_db()
    trunk.refresh_from_db()
    assert (sub.gone_at is not None, trunk.gone_at is not None) == (True, True)
    event = audit.history(master).last()
    assert event is not None
    assert (event.after["trunks_gone"], event.after["sub_accounts_gone"]) == (1, 1)
    with sandbox.world.lock:
        account.name = "A new name"
        sandbox.estate.add(account)
        sandbox.estate.accounts[CONTOSO.account_id].trunks.append(lost)
    first_seen = sub.first_seen_at
    assert estate.sync(master.pk)
    sub.refresh_from_db()
    trunk.refresh_from_db()
    assert (sub.gone_at, trunk.gone_at, sub.name) == (None, None, "A new name")
    assert sub.first_seen_at == first_seen


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


def test_the_master_is_no_sub_account_though_zoom_lists_it(
    master: MasterAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ZoomClient.list_sub_accounts

    def listing(client: ZoomClient, _: Patience) -> Iterator[types.SubAccount]:
        yield types.SubAccount(master.zoom_id, "Itself", "1", "", "", "")
        yield from real(client)

    monkeypatch.setattr(ZoomClient, "list_sub_accounts", listing)
    assert estate.sync(master.pk)
    assert master.sub_accounts.count() == 12


def test_a_name_that_a_customer_has_chosen_turns_no_sentence_round(master: MasterAccount) -> None:
    """It stands in what a supervisor approves: "2 trunks for Acme", and in the trail."""
    odd = {"1": "Ac\N{RIGHT-TO-LEFT OVERRIDE}me\n2", "2": "\N{ZERO WIDTH SPACE}"}
    rows = [types.SubAccount(pk, name, "", "", "", "") for pk, name in odd.items()]
    mirroring.mirror_accounts(master, rows)
    mirroring.mirror_trunks(master, [types.Trunk("1", "To\N{RIGHT-TO-LEFT EMBEDDING}kyo", "", "", "", None)])
    accounts = SubAccount.objects.filter(master=master, gone_at=None).order_by("zoom_id")
    assert [str(account) for account in accounts] == ["Ac me 2", "2"]
    assert MasterTrunk.objects.get(master=master, gone_at=None).name == "To kyo"


def test_a_master_trunk_without_an_id_is_left_out(
    master: MasterAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ZoomClient.list_trunks
    nameless = types.Trunk("", "", "", "70003999", "0", None)
    monkeypatch.setattr(ZoomClient, "list_trunks", lambda *who: [*real(*who), nameless])
    assert estate.sync(master.pk)
    assert set(master.trunks.values_list("zoom_id", flat=True)) == {"501", "502"}


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


def test_an_estate_that_is_being_read_is_left_alone(master: MasterAccount, sandbox: Sandbox) -> None:
    MasterAccount.objects.filter(pk=master.pk).update(sync_until=clock.after(60))
    told: list[str] = []
    assert not estate.sync(master.pk, progress=told.append)
    assert told == ["Somebody else is reading this estate already."]
    assert sandbox.calls == []
    MasterAccount.objects.filter(pk=master.pk).update(sync_until=clock.after(-60))
    assert estate.sync(master.pk)


def test_an_account_that_is_not_connected_is_not_read(db: None) -> None:
    assert not estate.sync(10**9)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_read_at_once_one_reads(master: MasterAccount, sandbox: Sandbox) -> None:
    # Whoever is first goes on when the other has seen that somebody reads.
    other_ended = threading.Event()

    def read() -> bool:
        def told(progress: str) -> None:
            if "already" not in progress:
                other_ended.wait(10)

        read_it = estate.sync(master.pk, progress=told)
        other_ended.set()
        return read_it

    assert sorted(together(read, read)) == [False, True]  # type: ignore[type-var]
    assert len(sandbox.calls_of("GET", r"/v2/accounts$")) == 1
    assert len(sandbox.calls_of("POST", r"/oauth/token$")) == 1


def test_asking_for_a_reading_rings_a_worker_and_is_recorded(
    master: MasterAccount,
    administrator: User,
    rung: list[tuple[str, int]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        estate.request_sync(master, actor=administrator)
        assert rung == []
    assert rung == [(dispatch.SYNC, master.pk)]
    event = audit.history(master).get()
    assert (event.action, event.actor) == ("sync.requested", administrator)


@pytest.mark.parametrize("who", ["staff", "supervisor", "manager", "superuser", "stranger", "other_staff"])
def test_only_administrators_ask_for_a_reading(
    who: str, estate_rows: cast.Estate, rung: list[tuple[str, int]], request: pytest.FixtureRequest
) -> None:
    with pytest.raises(Refused, match="Only an administrator for Northwind"):
        estate.request_sync(estate_rows.master, actor=request.getfixturevalue(who))
    assert rung == []


@pytest.fixture
def estate_rows(estate: cast.Estate) -> cast.Estate:
    return estate


def test_a_dnis_that_vanished_long_ago_is_let_go(
    master: MasterAccount, sandbox: Sandbox, staff: User
) -> None:
    assert estate.sync(master.pk)
    sub = SubAccount.objects.filter(master=master).order_by("pk")[0]
    trunk = MasterTrunk.objects.get(zoom_id="501")
    made = filing.file(cast.draft(sub, trunk, "70003555"), actor=staff)
    made.lines.update(hold=Hold.ASSIGNED)
    for last_seen, gone in ((timezone.now(), False), (cast.LONG_AGO, True)):
        ListedTrunk.objects.update_or_create(
            sub_account=sub,
            zoom_id="4711",
            dnis="70003555",
            defaults={"master": master, "first_seen_at": cast.LONG_AGO, "last_seen_at": last_seen},
        )
        assert estate.sync(master.pk)
        assert (ListedTrunk.objects.get().gone_at is not None) is gone
        assert [line.hold for line in TrunkRequest.objects.get().lines.all()] == ["" if gone else "assigned"]


def test_where_zoom_fails_for_one_sub_account_after_the_other_the_reading_ends(
    master: MasterAccount, sandbox: Sandbox
) -> None:
    sandbox.fault("500", path=OF_SUB_ACCOUNTS, times=0)
    assert not estate.sync(master.pk)
    assert SubAccount.objects.exclude(trunks_problem="").count() == estate.FAILING_IN_A_ROW - 1


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
