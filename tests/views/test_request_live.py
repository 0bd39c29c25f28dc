"""The parts of the request page that are asked for again and again while it is worked on."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from tests.views.test_request_page import address, forced, shown
from trunks import audit
from trunks.actions import Action
from trunks.models import Attempt, Heartbeat, State, TrunkRequest, User, ZoomCall, clock
from trunks.workflow import filing, stopping


@pytest.mark.parametrize("state", State)
def test_it_polls_while_it_is_worked_on_and_only_then(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest, state: State
) -> None:
    working = state in (State.APPROVED, State.APPLYING, State.UNCONFIRMED)
    content = shown(signed_in(staff), forced(trunk_request, state))
    assert ('hx-trigger="every 2s"' in content) is working


def seen_by(client: Client, trunk_request: TrunkRequest) -> dict[str, str]:
    """Return what the page would send when it looks again."""
    context = client.get(address(trunk_request)).context
    return {"seen": context["seen"], "state": trunk_request.state, "version": str(trunk_request.version)}


def test_looking_again_without_a_change_answers_nothing(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest
) -> None:
    client = signed_in(staff)
    response = client.get(address(trunk_request, "live/"), seen_by(client, trunk_request))
    assert response.status_code == 204


@pytest.mark.parametrize("state", [State.APPROVED, State.APPLYING, State.UNCONFIRMED])
def test_an_open_page_says_that_there_is_no_worker_and_when_there_is_one_again(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest, state: State
) -> None:
    client = signed_in(staff)
    Heartbeat.objects.create(name=Heartbeat.WORKER, at=clock.now())
    watching = seen_by(client, forced(trunk_request, state))
    assert client.get(address(trunk_request, "live/"), watching).status_code == 204
    Heartbeat.objects.update(at=clock.after(-3600))
    content = client.get(address(trunk_request, "live/"), watching).content.decode()
    assert "No worker has been seen lately. The request goes on by itself" in content
    assert "A worker takes it up next." not in content
    watching = seen_by(client, trunk_request)
    assert client.get(address(trunk_request, "live/"), watching).status_code == 204
    Heartbeat.objects.update(at=clock.now())
    assert "No worker" not in client.get(address(trunk_request, "live/"), watching).content.decode()


def test_an_open_page_says_that_writing_was_stopped(
    signed_in: SignedIn, staff: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    client = signed_in(staff)
    watching = seen_by(client, forced(trunk_request, State.APPROVED))
    stopping.stop(actor=supervisor, reason="Wrong trunks")
    content = client.get(address(trunk_request, "live/"), watching).content.decode()
    assert "Nothing is sent until two supervisors start writing again." in content


def test_a_request_that_waits_for_its_change_window_does_not_wait_for_a_worker(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest
) -> None:
    forced(trunk_request, State.APPROVED)
    TrunkRequest.objects.update(not_before=timezone.now() + timedelta(days=1))
    assert 'id="held-up"' not in signed_in(staff).get(address(trunk_request)).content.decode()


def test_a_change_of_state_swaps_the_parts_and_is_announced_once(
    signed_in: SignedIn, staff: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    client = signed_in(staff)
    seen = seen_by(client, trunk_request)
    cast.approved(trunk_request, supervisor)
    content = client.get(address(trunk_request, "live/"), seen).content.decode()
    assert content.count('hx-swap-oob="true"') == 2
    assert "is now: Approved, not yet at Zoom." in content
    assert "<html" not in content
    attempt = Attempt.objects.create(trunk_request=trunk_request, fence=1, started_at=timezone.now())
    again = client.get(address(trunk_request, "live/"), seen_by(client, trunk_request) | {"seen": "old"})
    assert "is now:" not in again.content.decode()
    assert 'id="actions"' not in again.content.decode()
    assert f'id="attempt-{attempt.pk}"' in again.content.decode()


@pytest.mark.parametrize("count", [1, 20])
def test_the_number_of_queries_is_fixed(
    signed_in: SignedIn,
    supervisor: User,
    staff: User,
    estate: cast.Estate,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
) -> None:
    numbers = [str(18888200 + number) for number in range(count)]
    trunk_request = filing.file(cast.draft(estate.sub, estate.trunk, *numbers), actor=staff)
    for fence in range(count):
        attempt = Attempt.objects.create(trunk_request=trunk_request, fence=fence, started_at=timezone.now())
        ZoomCall.objects.create(
            attempt=attempt, method="GET", path="/x", started_at=timezone.now(), duration_ms=1
        )
    client = signed_in(supervisor)
    # Two note, at the first look, that this supervisor has seen this version; one asks who was in this browser.
    with django_assert_num_queries(28):
        client.get(address(trunk_request))
    with django_assert_num_queries(12):
        client.get(address(trunk_request, "live/"), seen_by_version(trunk_request))


def test_of_a_very_long_history_the_page_shows_its_beginning_and_the_newest(
    signed_in: SignedIn, manager: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    """A request that waits for credentials is tried every five minutes, and each try is two events."""
    with audit.change():
        for number in range(300):
            words = f"Try {number} of 300."
            released = Action.PROVISIONING_RELEASED
            audit.record(released, actor=None, why="provisioning", on=trunk_request, comment=words)
    client = signed_in(supervisor)
    content = shown(client, trunk_request)
    assert "filed the request" in content
    assert "Try 299 of 300." in content
    assert content.count(" of 300.") == 99
    assert "201 events between are left out here" in content
    assert "whole story" not in content
    assert "the whole story leads to them" in shown(signed_in(manager), trunk_request)
    watching = seen_by(signed_in(supervisor), forced(trunk_request, State.APPLYING))
    client = signed_in(supervisor)
    assert client.get(address(trunk_request, "live/"), watching).status_code == 204
    with audit.change():
        audit.record(Action.REQUEST_CHECKED, actor=supervisor, on=trunk_request)
    assert client.get(address(trunk_request, "live/"), watching).status_code == 200


def seen_by_version(trunk_request: TrunkRequest) -> dict[str, str]:
    return {"seen": "x", "state": trunk_request.state, "version": str(trunk_request.version)}


def test_a_page_that_watched_it_end_reads_zoom_once_more(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest
) -> None:
    client = signed_in(staff)
    watching = seen_by(client, forced(trunk_request, State.APPLYING))
    moved = client.get(address(trunk_request, "live/"), watching | {"seen": "old"}).content.decode()
    assert 'id="zoom-card"' not in moved
    forced(trunk_request, State.DONE)
    content = client.get(address(trunk_request, "live/"), watching | {"seen": "old"}).content.decode()
    card = content.split('id="zoom-card"')[1].split("</section>")[0]
    assert 'hx-swap-oob="true"' in card
    assert 'hx-trigger="load"' in card
    assert 'hx-trigger="load"' not in shown(client, trunk_request)
