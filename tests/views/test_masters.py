"""The page of the master accounts: how they stand, and reading them again."""

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

HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(administrator: User, signed_in: SignedIn) -> Client:
    return signed_in(administrator)


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
