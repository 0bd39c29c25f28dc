"""Reading the estate: everything there is, and what vanished marked gone."""

import threading
from collections.abc import Iterator

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests import cast
from tests.together import together
from trunks import audit, dispatch
from trunks.models import Hold, ListedTrunk, MasterAccount, MasterTrunk, SubAccount, TrunkRequest, User, clock
from trunks.sandbox.console import act
from trunks.sandbox.estate import CONTOSO
from trunks.sandbox.server import Sandbox
from trunks.workflow import estate, filing, mirroring
from trunks.workflow.errors import Refused
from trunks.zoom import types
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
