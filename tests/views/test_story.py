"""One request's whole story: what people, workers and Zoom did, in one time line, for those who may read the trail."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from tests.views.test_audit import happened
from trunks import audit, context
from trunks.actions import Action
from trunks.models import Attempt, MasterTrunk, Role, TrunkRequest, User, ZoomCall
from trunks.views import story
from trunks.workflow import filing

WITH_LINES = (Action.REQUEST_FILED, Action.PROVISIONING_INTENDED)


@pytest.fixture
def told(trunk_request: TrunkRequest, supervisor: User, estate: cast.Estate) -> TrunkRequest:
    """Return a request that was approved, sent, answered and settled, with its two calls."""
    cast.approved(trunk_request, supervisor)
    with context.bound(context.Context("task-0000-0001", "", "")):
        happened(
            trunk_request,
            None,
            Action.PROVISIONING_INTENDED,
            after={"sip_trunks": [{"trunk": "268", "dnis": "18888123", "outbound_caller_id": ""}]},
        )
        attempt = Attempt.objects.create(trunk_request=trunk_request, fence=1, started_at=timezone.now())
        _call(attempt, "POST", 201, {"sip_trunks": [{"dnis": "18888123"}]})
        happened(
            trunk_request,
            None,
            Action.PROVISIONING_ANSWERED,
            comment="Zoom said yes.",
            tracking_id="v=2.0;rid=WEB_1",
        )
        _call(attempt, "GET", 200, None)
        happened(estate.master, None, Action.CIRCUIT_CLOSED)
        happened(trunk_request, None, Action.PROVISIONING_SETTLED)
    return trunk_request


def _call(attempt: Attempt, method: str, status: int, sent: object) -> None:
    ZoomCall.objects.create(
        attempt=attempt,
        method=method,
        path="/accounts/x/sip_trunk/trunks",
        started_at=timezone.now(),
        duration_ms=12,
        status=status,
        sent=sent,
        answer="{}",
    )


@pytest.fixture
def client(manager: User, signed_in: SignedIn) -> Client:
    return signed_in(manager)


def test_who_asked_who_approved_and_what_zoom_answered_is_said_at_the_top(
    client: Client, told: TrunkRequest
) -> None:
    answer = client.get(f"/requests/{told.reference}/story/")
    short = dict(answer.context["answers"])
    assert str(short["Who asked"].actor) == "Stella Staff"
    assert str(short["Who decided"].actor) == "Sam Supervisor"
    assert short["What Zoom answered"].comment == "Zoom said yes."
    page = answer.content.decode()
    for words in ("Assign 18888123 of trunk 268", "v=2.0;rid=WEB_1", "Adatum Logistics"):
        assert words in page


def test_trunks_are_named_beside_the_ids_that_events_hold(
    client: Client, told: TrunkRequest, estate: cast.Estate, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    named = f"{estate.trunk.zoom_id} (now “{estate.trunk.name}”)"
    address = f"/requests/{told.reference}/story/"
    page = client.get(address).content.decode()
    assert page.count(f"Assign 18888123 of trunk {named}, no caller ID.") == 2
    filed, intended = audit.history(told).filter(action__in=WITH_LINES)
    for event in (filed, intended):
        assert named in client.get(f"/audit/{event.pk}/").content.decode()
    with CaptureQueriesContext(connection) as asked:
        client.get(address)
    own = intended.after["sip_trunks"][0]
    other = intended.after | {"sip_trunks": [own, own | {"trunk": estate.other_trunk.zoom_id}]}
    for _ in range(10):
        happened(told, None, Action.PROVISIONING_INTENDED, after=other)
    with django_assert_num_queries(len(asked) + 1):  # of trunks that are not the request's own: one, for all
        page = client.get(address).content.decode()
    assert f"{estate.other_trunk.zoom_id} (now “{estate.other_trunk.name}”)" in page


def test_of_another_master_account_no_trunk_is_named_and_what_has_no_name_keeps_its_id(
    client: Client, told: TrunkRequest, estate: cast.Estate
) -> None:
    MasterTrunk.objects.filter(pk=estate.trunk.pk).update(master=estate.foreign_master, zoom_id="268")
    MasterTrunk.objects.filter(pk=estate.other_trunk.pk).update(zoom_id="268", name="")
    page = client.get(f"/requests/{told.reference}/story/").content.decode()
    assert "Assign 18888123 of trunk 268, no caller ID." in page
    assert "(now “" not in page


def test_events_and_calls_follow_each_other_as_they_happened(client: Client, told: TrunkRequest) -> None:
    moments = client.get(f"/requests/{told.reference}/story/").context["moments"]
    seen = [moment.event.action if moment.event else moment.call.method for moment in moments]
    assert seen == [
        Action.REQUEST_FILED,
        Action.REQUEST_APPROVED,
        Action.PROVISIONING_INTENDED,
        "POST",
        Action.PROVISIONING_ANSWERED,
        "GET",
        # Of another object, by the same task.
        Action.CIRCUIT_CLOSED,
        Action.PROVISIONING_SETTLED,
    ]
    assert [moment.is_reading for moment in moments if moment.call] == [False, True]


def test_a_request_that_nobody_decided_on_says_so(client: Client, trunk_request: TrunkRequest) -> None:
    answer = client.get(f"/requests/{trunk_request.reference}/story/")
    assert dict(answer.context["answers"])["Who decided"] is None
    assert "Nothing yet" in answer.content.decode()


@pytest.mark.parametrize("who", ["staff", "supervisor"])
def test_who_may_not_read_the_trail_is_refused_its_story(
    who: str, told: TrunkRequest, signed_in: SignedIn, request: pytest.FixtureRequest
) -> None:
    client = signed_in(request.getfixturevalue(who))
    assert client.get(f"/requests/{told.reference}/story/").status_code == 403
    assert "The whole story" not in client.get(f"/requests/{told.reference}/").content.decode()


def test_the_request_leads_to_it(client: Client, told: TrunkRequest) -> None:
    assert f"/requests/{told.reference}/story/" in client.get(f"/requests/{told.reference}/").content.decode()


def test_what_belongs_to_another_master_account_does_not_exist(
    told: TrunkRequest, estate: cast.Estate, signed_in: SignedIn
) -> None:
    client = signed_in(cast.person("Fred Foreign", Role.MANAGER, master=estate.foreign_master))
    assert client.get(f"/requests/{told.reference}/story/").status_code == 404


def test_nothing_can_be_posted_to_it(client: Client, told: TrunkRequest) -> None:
    assert client.post(f"/requests/{told.reference}/story/").status_code == 405


def test_the_answers_at_the_top_are_of_this_request_and_not_of_one_decided_with_it(
    client: Client, trunk_request: TrunkRequest, supervisor: User, estate: cast.Estate, staff: User
) -> None:
    other = filing.file(cast.draft(estate.other_sub, estate.trunk, "18888999"), actor=staff)
    with context.bound(context.Context("web-request-0001", "", "")):
        cast.approved(trunk_request, supervisor)
        cast.approved(other, supervisor)
        for one in (trunk_request, other):  # as workers go on under that id
            happened(one, None, Action.PROVISIONING_SETTLED)
    answer = client.get(f"/requests/{trunk_request.reference}/story/")
    told = {event.object_label for _, event in answer.context["answers"] if event}
    assert told == {trunk_request.reference}
    seen = [moment.event for moment in answer.context["moments"] if moment.event]
    # Beside it, and said to be of another; but not what became of that one.
    assert [event.action for event in seen if event.object_label == other.reference] == ["request.approved"]
    assert seen[-1].action == "provisioning.settled"


def waited(trunk_request: TrunkRequest, times: int) -> None:
    """Let the request be tried so often: two events and a call each time, some minutes apart."""
    begun = timezone.now() - timedelta(days=30)
    for number in range(times):
        for action in (Action.PROVISIONING_UNCONFIRMED, Action.PROVISIONING_SETTLED):
            happened(trunk_request, None, action)
        at = begun + timedelta(minutes=5 * number)
        attempt = Attempt.objects.create(trunk_request=trunk_request, fence=number + 2, started_at=at)
        _call(attempt, "GET", 500, None)
        ZoomCall.objects.filter(attempt=attempt).update(started_at=at)


def test_of_a_request_that_waited_for_weeks_the_middle_is_left_out(
    client: Client, told: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "EVENTS", (4, 6))
    monkeypatch.setattr(story, "CALLS", (2, 3))
    assert "left out here" not in client.get(f"/requests/{told.reference}/story/").content.decode()
    waited(told, 20)
    answer = client.get(f"/requests/{told.reference}/story/")
    page = answer.content.decode()
    shown = answer.context["moments"]
    own = [moment.event for moment in shown if moment.event and moment.event.object_type == "trunkrequest"]
    everything = list(audit.history(told))
    assert own == [*everything[:4], *everything[-6:]]
    assert f"{len(everything) - 10} events and what was said to Zoom meanwhile are left out here." in page
    assert f'href="/audit/?object_type=trunkrequest&amp;object_id={told.pk}"' in page
    assert len([moment for moment in shown if moment.call]) <= 5
    assert f'href="/requests/{told.reference}/attempts/"' in page
    assert [moment.at for moment in shown] == sorted(moment.at for moment in shown)
    # The answers at the top are looked for among all events.
    newest = {question: event and event.action for question, event in answer.context["answers"]}
    assert newest["What was sent"] == Action.PROVISIONING_INTENDED
    assert newest["Who decided"] == Action.REQUEST_APPROVED


def test_calls_alone_can_be_too_many(
    client: Client, told: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "CALLS", (1, 2))
    attempt = told.attempts.get()
    for _ in range(4):
        _call(attempt, "GET", 200, None)
    page = client.get(f"/requests/{told.reference}/story/").content.decode()
    assert "3 calls to Zoom are left out here." in page
    assert page.count("Read from Zoom") + page.count("Written to Zoom") == 3


def test_a_long_story_costs_what_a_short_one_costs(
    client: Client, told: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "EVENTS", (4, 6))
    monkeypatch.setattr(story, "CALLS", (2, 3))
    sizes = []
    for times in (20, 20):
        waited(told, times)
        with CaptureQueriesContext(connection) as asked:
            page = client.get(f"/requests/{told.reference}/story/").content
        sizes.append((len(asked), len(page) // 500))
    assert sizes[0] == sizes[1]
