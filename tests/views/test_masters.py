"""The page of the master accounts: how they stand, reading them again, connecting one."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from tests import cast
from tests.conftest import SignedIn
from trunks import audit, dispatch
from trunks.actions import Action
from trunks.models import MasterAccount, Role, User
from trunks.workflow import connecting as verbs

HTMX = {"HX-Request": "true"}
FORM = {
    "name": "Fabrikam",
    "account_id": "fabrikam-account-id",
    "client_id": "fabrikam-client",
    "client_secret": "V3ry-s3cret-indeed",
    "rate_plan": "pro",
}


@pytest.fixture
def client(administrator: User, signed_in: SignedIn) -> Client:
    return signed_in(administrator)


@pytest.fixture
def zoom_is_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Zoom accept whatever credentials are tried."""
    monkeypatch.setattr(verbs, "_try_out", lambda *_: None)


def test_the_list_shows_how_each_master_stands(client: Client, estate: cast.Estate) -> None:
    MasterAccount.objects.filter(pk=estate.foreign_master.pk).update(
        sync_problem="Zoom refused the <b>credentials</b>."
    )
    page = client.get("/masters/").content.decode()
    assert "Northwind" in page
    assert "never" in page
    assert "Zoom refused the &lt;b&gt;credentials&lt;/b&gt;." in page
    assert 'hx-trigger="every' not in page


def test_a_reading_in_progress_is_shown_and_followed(client: Client, estate: cast.Estate) -> None:
    now = timezone.now()
    MasterAccount.objects.filter(pk=estate.master.pk).update(
        sync_started_at=now, sync_until=now + timedelta(minutes=1), sync_done=40, sync_total=300
    )
    page = client.get("/masters/").content.decode()
    assert "40 of 300 sub accounts read" in page
    assert 'hx-trigger="every 2s"' in page
    part = client.get("/masters/", headers=HTMX).content.decode()
    assert part.lstrip().startswith('<div id="masters"')
    assert "<html" not in part


def test_a_reading_whose_lease_ran_out_is_no_longer_shown_as_running(
    client: Client, estate: cast.Estate
) -> None:
    MasterAccount.objects.update(sync_until=timezone.now() - timedelta(seconds=1))
    assert 'data-sync="running"' not in client.get("/masters/").content.decode()


@pytest.mark.parametrize("ahead", [-3600, 3600])
def test_what_is_being_read_is_told_by_the_databases_clock(
    client: Client, estate: cast.Estate, ahead: int
) -> None:
    """As for the workers: a web process whose clock is wrong must not say otherwise."""
    lease = timezone.now() + timedelta(seconds=60)
    running, over = MasterAccount.objects.order_by("name")
    MasterAccount.objects.filter(pk=running.pk).update(sync_until=lease)
    MasterAccount.objects.filter(pk=over.pk).update(sync_until=lease - timedelta(seconds=120))
    with time_machine.travel(timezone.now() + timedelta(seconds=ahead)):
        shown = client.get("/masters/").context["running"]
    assert shown == {running.pk}


def test_the_list_takes_as_many_queries_for_60_masters_as_for_10(
    client: Client,
    estate: cast.Estate,
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(60):
        if number == 10:
            with django_assert_max_num_queries(8) as counted:
                client.get("/masters/")
        cast.master_account(f"M {number}", f"m-{number}")
    with django_assert_num_queries(len(counted)):
        client.get("/masters/")


def test_who_knows_of_no_master_is_told_who_can_help(
    stranger: User, signed_in: SignedIn, estate: cast.Estate
) -> None:
    page = signed_in(stranger).get("/masters/").content.decode()
    assert "An administrator connects master accounts" in page
    assert "Northwind" not in page


def test_staff_see_their_masters_without_the_means_to_change_them(
    other_staff: User, signed_in: SignedIn, estate: cast.Estate
) -> None:
    page = signed_in(other_staff).get("/masters/").content.decode()
    assert "Contoso" in page
    assert "Northwind" not in page
    assert "/sync/" not in page
    assert "/masters/connect/" not in page


def test_an_administrator_has_a_master_read_again(
    client: Client,
    administrator: User,
    estate: cast.Estate,
    rung: list[tuple[str, int]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(f"/masters/{estate.master.pk}/sync/")
    assert (answer.status_code, answer["Location"].split("=")[0]) == (302, "/masters/?asked")
    assert rung == [(dispatch.SYNC, estate.master.pk)]
    event = audit.history(estate.master).last()
    assert event is not None
    assert (event.action, event.actor_id) == (Action.SYNC_REQUESTED, administrator.pk)


@pytest.mark.parametrize("held", [True, False], ids=["within a piece", "between two"])
def test_of_a_reading_under_way_it_says_that_it_goes_on(
    client: Client, estate: cast.Estate, rung: list[tuple[str, int]], *, held: bool
) -> None:
    MasterAccount.objects.filter(pk=estate.master.pk).update(
        sync_started_at=timezone.now() - timedelta(seconds=100),
        sync_until=timezone.now() + timedelta(seconds=60) if held else None,
        sync_done=3,
        sync_total=7,
    )
    page = client.get("/masters/").content.decode()
    assert page.count('data-sync="running"') == 1
    assert "3 of 7 sub accounts read" in page
    page = client.post(f"/masters/{estate.master.pk}/sync/", follow=True).content.decode()
    assert "Northwind is being read already, and that goes on." in page
    assert "Asked for" not in page
    part = client.post(f"/masters/{estate.master.pk}/sync/", headers=HTMX).content.decode()
    assert 'data-sync="running"' in part
    MasterAccount.objects.update(sync_done=7, sync_until=None)
    assert 'data-sync="running"' not in client.get("/masters/").content.decode()


def test_htmx_gets_the_list_that_follows_the_reading(client: Client, estate: cast.Estate) -> None:
    part = client.post(f"/masters/{estate.master.pk}/sync/", headers=HTMX).content.decode()
    assert "A worker begins in a moment" in part
    assert 'hx-trigger="every 2s"' in part


def test_the_page_looks_until_a_worker_begins_and_not_for_ever(client: Client, estate: cast.Estate) -> None:
    page = client.post(f"/masters/{estate.master.pk}/sync/")["Location"]
    assert 'hx-trigger="every 2s"' in client.get(page).content.decode()
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert 'hx-trigger="every 2s"' not in client.get(page).content.decode()
    MasterAccount.objects.update(sync_started_at=timezone.now(), synced_at=timezone.now())
    assert 'hx-trigger="every 2s"' not in client.get(page).content.decode()


@pytest.mark.parametrize(
    "query", ["asked=x", "asked=1&at=soon", "asked=1&at=nan", "asked=1&at=1e999", "at=-1"]
)
def test_an_address_that_makes_no_sense_asks_for_nothing(
    client: Client, estate: cast.Estate, query: str
) -> None:
    assert 'hx-trigger="every' not in client.get(f"/masters/?{query}").content.decode()


@pytest.mark.parametrize("role", [Role.STAFF, Role.SUPERVISOR, Role.MANAGER])
def test_others_may_not_have_a_master_read(estate: cast.Estate, signed_in: SignedIn, role: Role) -> None:
    answer = signed_in(cast.person("Olga Other", role)).post(f"/masters/{estate.master.pk}/sync/")
    assert answer.status_code == 403
    assert "administrator" in answer.content.decode()
    assert not audit.history(estate.master).exists()


def test_an_administrator_of_another_master_is_told_nothing_of_this_one(
    estate: cast.Estate, signed_in: SignedIn
) -> None:
    foreign = cast.person("Fay Foreign", Role.ADMINISTRATOR, master=estate.foreign_master)
    client = signed_in(foreign)
    assert client.post(f"/masters/{estate.master.pk}/sync/").status_code == 404
    assert client.post(f"/masters/{estate.foreign_master.pk}/sync/").status_code == 302


def test_nothing_is_read_by_get(client: Client, estate: cast.Estate) -> None:
    assert client.get(f"/masters/{estate.master.pk}/sync/").status_code == 405
    assert client.post("/masters/").status_code == 405


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("role", [Role.STAFF, Role.SUPERVISOR, Role.MANAGER])
def test_only_administrators_connect_a_master(
    db: None, signed_in: SignedIn, role: Role, method: str, zoom_is_content: None
) -> None:
    answer = getattr(signed_in(cast.person("Olga Other", role)), method)("/masters/connect/", FORM)
    assert answer.status_code == 403
    assert not MasterAccount.objects.exists()


def test_an_administrator_of_one_master_connects_no_other(
    estate: cast.Estate, signed_in: SignedIn, zoom_is_content: None
) -> None:
    foreign = cast.person("Fay Foreign", Role.ADMINISTRATOR, master=estate.foreign_master)
    answer = signed_in(foreign).post("/masters/connect/", FORM)
    assert answer.status_code == 403
    assert "administrators of all master accounts" in answer.content.decode()


def test_a_master_is_connected_and_read_at_once(
    client: Client, administrator: User, zoom_is_content: None, rung: list[tuple[str, int]]
) -> None:
    answer = client.post("/masters/connect/", FORM, follow=True)
    assert "Fabrikam is connected" in answer.content.decode()
    master = MasterAccount.objects.get(name="Fabrikam")
    assert (master.zoom_id, master.client_secret) == ("fabrikam-account-id", FORM["client_secret"])
    assert [event.action for event in audit.history(master)] == [
        Action.MASTER_CONNECTED,
        Action.SYNC_REQUESTED,
    ]


def test_the_secret_is_in_no_page_and_no_event(client: Client, zoom_is_content: None, manager: User) -> None:
    pages = [
        client.post("/masters/connect/", FORM | {"name": ""}),
        client.post("/masters/connect/", FORM, follow=True),
        client.get("/audit/?action=master.connected"),
        client.get(f"/audit/{audit.search(manager).get(action=Action.MASTER_CONNECTED).pk}/"),
    ]
    assert all(FORM["client_secret"] not in page.content.decode() for page in pages)


def test_every_missing_field_is_named_and_the_typed_ones_are_kept(
    client: Client, zoom_is_content: None
) -> None:
    answer = client.post("/masters/connect/", FORM | {"name": "", "client_id": "", "rate_plan": "gold"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "<title>Error:" in page
    for anchor in ("#id_name", "#id_client_id", "#id_rate_plan"):
        assert f'href="{anchor}"' in page
    assert 'value="fabrikam-account-id"' in page
    assert not MasterAccount.objects.exists()


def test_a_page_posted_empty_is_answered(client: Client) -> None:
    assert client.post("/masters/connect/").status_code == 422


def test_zoom_out_of_reach_is_said_in_plain_words_and_stores_nothing(client: Client) -> None:
    answer = client.post("/masters/connect/", FORM)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "There is a problem" in page
    assert "Nothing was stored" in page
    assert FORM["client_secret"] not in page
    assert not MasterAccount.objects.exists()


def test_each_finding_stands_by_itself(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: str) -> None:
        raise verbs.CannotConnect(["The app lacks the scope <x>.", "The account has no trunk."])

    monkeypatch.setattr(verbs, "_try_out", refuse)
    page = client.post("/masters/connect/", FORM).content.decode()
    assert "<li>The app lacks the scope &lt;x&gt;.</li>" in page
    assert "<li>The account has no trunk.</li>" in page


def test_a_name_that_another_master_has_is_refused(
    client: Client, estate: cast.Estate, zoom_is_content: None
) -> None:
    answer = client.post("/masters/connect/", FORM | {"name": "Northwind"})
    assert answer.status_code == 422
    assert "has the name Northwind already" in answer.content.decode()


def test_connecting_a_known_account_again_changes_its_credentials(
    client: Client, estate: cast.Estate, zoom_is_content: None
) -> None:
    client.post("/masters/connect/", FORM | {"name": "Northwind", "account_id": estate.master.zoom_id})
    assert MasterAccount.objects.get(pk=estate.master.pk).client_secret == FORM["client_secret"]
    assert MasterAccount.objects.count() == 2


def test_new_credentials_begin_with_what_the_account_has(
    client: Client, estate: cast.Estate, zoom_is_content: None
) -> None:
    MasterAccount.objects.filter(pk=estate.master.pk).update(rate_plan="business")
    address = f"/masters/connect/?master={estate.master.pk}"
    assert f'href="{address}"' in client.get("/masters/").content.decode()
    page = client.get(address)
    content = page.content.decode()
    assert f"New credentials for {estate.master}" in content
    form = page.context["form"]
    assert form["account_id"].value() == estate.master.zoom_id
    assert form["rate_plan"].value() == "business"
    assert not form["client_secret"].value()
    kept = {name: form[name].value() or "" for name in form.fields}
    client.post(address, kept | {"client_secret": "n3w"})
    assert MasterAccount.objects.get(pk=estate.master.pk).client_secret == "n3w"
    assert MasterAccount.objects.get(pk=estate.master.pk).rate_plan == "business"


def test_new_credentials_for_an_account_that_is_not_there_are_not_found(client: Client) -> None:
    assert client.get("/masters/connect/?master=99").status_code == 404
    assert client.get("/masters/connect/?master=x").status_code == 200


def test_who_may_not_connect_is_not_offered_new_credentials(estate: cast.Estate, signed_in: SignedIn) -> None:
    one = cast.person("Ann Administrator", Role.ADMINISTRATOR, master=estate.master)
    assert "/masters/connect/" not in signed_in(one).get("/masters/").content.decode()
