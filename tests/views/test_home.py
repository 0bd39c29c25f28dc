"""The home page: each role finds what it comes for."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from trunks.models import Circuit, Heartbeat, MasterAccount, TrunkRequest, User, clock
from trunks.workflow import delegating, filing, review

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def page(client: Client) -> str:
    response = client.get("/")
    assert response.status_code == 200
    return response.content.decode()


def test_it_asks_who_you_are_first(db: None, client: Client) -> None:
    response = client.get("/")
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


def test_it_is_read_only(signed_in: SignedIn, staff: User) -> None:
    assert signed_in(staff).post("/").status_code == 405


def test_staff_see_their_open_requests(
    signed_in: SignedIn, staff: User, second_staff: User, trunk_request: TrunkRequest
) -> None:
    assert trunk_request.reference in page(signed_in(staff))
    others = page(signed_in(second_staff))
    assert trunk_request.reference not in others
    assert "None of your requests is open." in others


def test_supervisors_see_what_waits_for_them_and_not_what_they_filed(
    signed_in: SignedIn, supervisor: User, superuser: User, estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    own = filing.file(cast.draft(estate.sub, estate.trunk, "18888200"), actor=superuser)
    assert trunk_request.reference in page(signed_in(supervisor))
    waiting = page(signed_in(superuser)).split('id="mine-title"')[0]
    assert trunk_request.reference in waiting
    assert own.reference not in waiting


def waits_for(client: Client) -> list[str]:
    """Return what the home page says to wait for the person; it and the menu must say the same."""
    context = client.get("/").context
    count = next(item.count for item in context["nav"].items if item.title == "Approvals")
    found = [one.reference for one in context["waiting"]]
    assert count == len(found)
    return found


def test_what_one_has_approved_waits_for_others_only(
    signed_in: SignedIn,
    supervisor: User,
    second_supervisor: User,
    estate: cast.Estate,
    trunk_request: TrunkRequest,
) -> None:
    cast.policy(estate.master, approvals=2)
    assert waits_for(signed_in(supervisor)) == [trunk_request.reference]
    given = review.approve(trunk_request, actor=supervisor, version=1)
    assert waits_for(signed_in(supervisor)) == []
    assert waits_for(signed_in(second_supervisor)) == [trunk_request.reference]
    review.take_back(given, actor=supervisor, version=given.version)
    assert waits_for(signed_in(supervisor)) == [trunk_request.reference]


def test_who_stands_in_for_a_supervisor_sees_what_waits_for_them_but_cannot_stop_writing(
    signed_in: SignedIn, supervisor: User, second_staff: User, trunk_request: TrunkRequest
) -> None:
    Heartbeat.objects.create(name=Heartbeat.WORKER, at=clock.now())
    day = timezone.now().date()
    delegating.make(delegating.Terms(second_staff, day, day, "Holiday"), actor=supervisor)
    client = signed_in(second_staff)
    assert waits_for(client) == [trunk_request.reference]
    assert 'id="writing-page"' not in page(client)
    assert 'id="writing-page"' in page(signed_in(supervisor))


def test_a_person_without_a_role_is_told_who_gives_them(signed_in: SignedIn, stranger: User) -> None:
    content = page(signed_in(stranger))
    assert "You have no role yet." in content
    assert "/approvals/" not in content


def test_without_a_master_account_it_says_who_can_connect_one(
    signed_in: SignedIn, staff: User, administrator: User
) -> None:
    assert not MasterAccount.objects.exists()
    assert "An administrator can connect one." in page(signed_in(staff))
    assert "/masters/connect/" in page(signed_in(administrator))


def test_who_may_read_the_trail_sees_its_latest_events(
    signed_in: SignedIn, manager: User, staff: User, trunk_request: TrunkRequest
) -> None:
    content = page(signed_in(manager))
    assert "filed the request" in content
    assert trunk_request.reference in content
    assert "Latest in the audit trail" not in page(signed_in(staff))


def test_a_failed_sync_is_shown_with_its_reason(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    MasterAccount.objects.filter(pk=estate.master.pk).update(sync_problem="Zoom refuses <b>us</b>.")
    assert "Zoom refuses &lt;b&gt;us&lt;/b&gt;." in page(signed_in(staff))


def estate_of(client: Client, master: MasterAccount) -> str:
    """Return how the estate's card says that `master` is."""
    card = page(client).split('id="estate-title"')[1]
    return card.split(f'scope="row">{master}')[1].split("</tr>")[0]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"opened_at": NOW, "failing_since": NOW}, "Zoom does not answer since"),
        ({"refused_at": NOW}, "Zoom refused the credentials"),
    ],
    ids=["no-answer", "refused"],
)
def test_an_estate_whose_zoom_is_in_trouble_is_not_in_order(
    signed_in: SignedIn, staff: User, estate: cast.Estate, trouble: dict[str, datetime], words: str
) -> None:
    MasterAccount.objects.update(synced_at=clock.now())
    client = signed_in(staff)
    assert "In order" in estate_of(client, estate.master)
    Circuit.objects.create(master=estate.master, **trouble)
    told = estate_of(client, estate.master)
    assert words in told
    assert "In order" not in told
    assert "Unreadable list" not in told
    MasterAccount.objects.update(sync_problem="Unreadable list")
    told = estate_of(client, estate.master)
    assert words in told
    assert "Unreadable list" in told


def test_other_masters_are_not_mentioned(signed_in: SignedIn, other_staff: User, estate: cast.Estate) -> None:
    content = page(signed_in(other_staff))
    assert estate.foreign_master.name in content
    assert estate.master.name not in content


def test_the_banner_goes_when_a_worker_was_seen(signed_in: SignedIn, staff: User) -> None:
    assert "No worker has been seen lately." in page(signed_in(staff))
    Heartbeat.objects.create(name="worker", at=clock.now())
    assert "No worker has been seen lately." not in page(signed_in(staff))
    Heartbeat.objects.update(at=clock.after(-Heartbeat.patience().total_seconds() - 1))
    assert "Last seen just now" not in page(signed_in(staff)), "that would be lately"


@pytest.mark.parametrize("count", [1, 6])
def test_the_number_of_queries_does_not_grow(
    signed_in: SignedIn,
    superuser: User,
    staff: User,
    estate: cast.Estate,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
) -> None:
    for number in range(count):
        for actor, base in ((staff, 18888300), (superuser, 18888500)):
            filing.file(cast.draft(estate.sub, estate.trunk, str(base + number)), actor=actor)
    client = signed_in(superuser)
    with django_assert_num_queries(17):
        client.get("/")
