"""Approving several requests at once: each shown as asked, and each approved by the same verb."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from tests import cast
from tests.conftest import SignedIn
from tests.together import together
from trunks import audit, step_up
from trunks.models import Decision, Heartbeat, Look, Permit, State, TrunkRequest, User, clock
from trunks.workflow import delegating, filing, preview, review, stopping

pytestmark = pytest.mark.sqlite

URL = "/approvals/together/"
COMMENT = "Seen & agreed: 100 % “right”"
Answer = Any  # django-stubs has no public name for what the test client returns


@pytest.fixture
def three(estate: cast.Estate, staff: User) -> list[TrunkRequest]:
    """Return three pending requests of somebody else, of which each has a DNIS of its own."""
    numbers = ("18888001", "18888002", "18888003")
    return [
        filing.file(cast.draft(estate.sub, estate.trunk, dnis, reason=f"Site {dnis}"), actor=staff)
        for dnis in numbers
    ]


@pytest.fixture
def client(signed_in: SignedIn, supervisor: User) -> Client:
    return signed_in(supervisor)


def tick(trunk_request: TrunkRequest) -> str:
    """Return what the page would post of the request as it is now."""
    return f"{trunk_request.reference}.{trunk_request.version}.{trunk_request.base_digest}"


def approve(client: Client, *rows: TrunkRequest | str, comment: str = COMMENT) -> Answer:
    chosen = [row if isinstance(row, str) else tick(row) for row in rows]
    shown = [one.partition(".")[0] for one in chosen]
    return client.post(URL, {"chosen": chosen, "shown": shown, "comment": comment})


def look(client: Client, *rows: TrunkRequest) -> str:
    return client.get(URL, {"chosen": [row.reference for row in rows]}).content.decode()


def loaded(trunk_request: TrunkRequest) -> TrunkRequest:
    return TrunkRequest.objects.get(pk=trunk_request.pk)


def states(rows: list[TrunkRequest]) -> list[str]:
    return [loaded(row).state for row in rows]


def results(answer: Answer) -> dict[str, bool]:
    """Return for each request of the answer page whether it was approved."""
    found = re.findall(r'data-result="([^"]+)" data-done="(yes|no)"', answer.content.decode())
    return {name: done == "yes" for name, done in found}


def said_of(answer: Answer, trunk_request: TrunkRequest) -> str:
    """Return what the answer page says of one request."""
    page = answer.content.decode()
    return str(page.split(f'data-result="{trunk_request.reference}"')[1].split("</li>")[0])


def test_each_is_shown_as_asked_and_beside_what_zoom_has(client: Client, three: list[TrunkRequest]) -> None:
    page = look(client, *three[:2])
    assert re.findall(r'data-one="([^"]+)"', page) == [row.reference for row in three[:2]]
    for text in ("Site 18888001", "When requested", "Now at Zoom", "After approval", "through HQ trunk."):
        assert text in page
    assert tick(three[0]) in page
    assert three[2].reference not in page
    assert states(three) == [State.PENDING] * 3


def test_several_are_approved_with_one_comment(
    client: Client, three: list[TrunkRequest], supervisor: User, rung: list[tuple[str, int]]
) -> None:
    answer = approve(client, *three)
    assert (answer.status_code, results(answer)) == (200, {row.reference: True for row in three})
    assert "You approved 3 of 3" in answer.content.decode()
    assert states(three) == [State.APPROVED] * 3
    for row in three:
        decision = row.decisions.get()
        assert (decision.decided_by, decision.comment) == (supervisor, COMMENT)
        assert decision.content_digest == row.content_digest
        event = audit.history(row).last()
        assert event is not None
        assert (event.action, event.actor, event.comment) == ("request.approved", supervisor, COMMENT)
    assert Permit.objects.count() == 3


def test_what_a_worker_has_done_by_then_is_not_spoken_of_as_lines_below(
    client: Client, three: list[TrunkRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def approved_words(trunk_request: TrunkRequest) -> str:
        trunk_request.lines.update(state="assigned")
        return "approved."

    monkeypatch.setattr("trunks.views.together.approved_words", approved_words)
    Heartbeat.objects.create(name=Heartbeat.WORKER, at=clock.now())
    said = said_of(approve(client, three[0]), three[0])
    assert "A worker takes it up next." in said
    assert "below" not in said
    assert "Nothing has been done" not in said


def test_it_says_so_when_nothing_is_sent_now(
    client: Client, three: list[TrunkRequest], second_supervisor: User
) -> None:
    stopping.stop(actor=second_supervisor, reason="Wrong trunks")
    said = said_of(approve(client, three[0]), three[0])
    assert "Nothing is sent until two supervisors start writing again." in said
    assert "takes it up next" not in said


def test_only_what_is_ticked_is_approved(client: Client, three: list[TrunkRequest]) -> None:
    approve(client, three[0], three[2])
    assert states(three) == [State.APPROVED, State.PENDING, State.APPROVED]


def test_of_two_approvals_each_gets_one_and_the_page_says_how_many_are_missing(
    client: Client, three: list[TrunkRequest], estate: cast.Estate
) -> None:
    cast.policy(estate.master, approvals=2)
    assert "0 of 2 approvals" in look(client, *three)
    answer = approve(client, *three)
    assert "has 1 of 2 approvals now. It waits for 1 more." in said_of(answer, three[0])
    assert states(three) == [State.PENDING] * 3


def test_sent_twice_it_is_done_once_and_the_second_answer_says_who_did_it(
    client: Client, three: list[TrunkRequest]
) -> None:
    ticks = [tick(row) for row in three]
    assert approve(client, *ticks).status_code == 200
    again = approve(client, *ticks)
    assert (again.status_code, set(results(again).values())) == (409, {False})
    assert "Sam Supervisor" in said_of(again, three[0])
    assert (Decision.objects.count(), Permit.objects.count()) == (3, 3)


def test_the_same_request_twice_in_one_post_is_one(client: Client, three: list[TrunkRequest]) -> None:
    answer = approve(client, three[0], three[0], f"{three[0].reference}.7.")
    assert results(answer) == {three[0].reference: True}


@pytest.mark.django_db(transaction=True)
def test_two_supervisors_with_the_same_list_at_once_approve_each_request_once(
    signed_in: SignedIn, three: list[TrunkRequest], supervisor: User, second_supervisor: User
) -> None:
    clients = [signed_in(supervisor), signed_in(second_supervisor)]
    ticks = [tick(row) for row in three]
    first, second = together(*(lambda client=client: approve(client, *ticks) for client in clients))
    done = [sum(results(answer).values()) for answer in (first, second)]
    assert sum(done) == 3
    assert states(three) == [State.APPROVED] * 3
    assert (Decision.objects.count(), Permit.objects.count()) == (3, 3)


def test_nothing_that_one_may_see_leads_back_to_the_list(client: Client, three: list[TrunkRequest]) -> None:
    for query in ({}, {"chosen": "TR-999999"}, {"chosen": "everything"}, {"chosen": "TR-" + "9" * 30}):
        answer = client.get(URL, query, follow=True)
        assert answer.redirect_chain == [("/approvals/", 302)]
        assert "Tick the requests that you want to look at together." in answer.content.decode()


def test_of_more_than_a_page_the_first_are_shown_and_it_says_so(
    client: Client, estate: cast.Estate, staff: User
) -> None:
    rows = [
        filing.file(cast.draft(estate.sub, estate.trunk, str(18888100 + number)), actor=staff)
        for number in range(26)
    ]
    page = look(client, *rows)
    assert page.count("data-one=") == 25
    assert "At most 25 at once" in page


@pytest.mark.parametrize("role", ["staff", "manager", "administrator", "stranger"])
def test_it_is_for_supervisors(
    signed_in: SignedIn, request: pytest.FixtureRequest, three: list[TrunkRequest], role: str
) -> None:
    client = signed_in(request.getfixturevalue(role))
    assert client.get(URL, {"chosen": three[0].reference}).status_code == 403
    assert approve(client, *three).status_code == 403
    assert client.get(f"{URL}{three[0].reference}/").status_code == 403
    assert not Decision.objects.exists()


def test_what_one_cannot_approve_cannot_be_ticked_and_says_why(
    client: Client, supervisor: User, three: list[TrunkRequest], estate: cast.Estate
) -> None:
    cast.policy(estate.master, approvals=2)
    own, given, free = three
    own.revisions.update(author=supervisor)
    review.approve(given, actor=supervisor, version=1)
    page = look(client, *three)
    assert "You filed or amended this request, so somebody else decides on it." in page
    assert "You have already approved it; another supervisor has to give the next approval." in page
    assert re.findall(r'name="chosen" value="(TR-\d+)', page) == [free.reference]


def test_with_nothing_to_approve_there_is_no_button(
    client: Client, second_supervisor: User, three: list[TrunkRequest]
) -> None:
    review.deny(three[0], actor=second_supervisor, version=1, comment="No.")
    page = look(client, three[0])
    assert "None of these can be approved here" in page
    assert "Approve those that are ticked" not in page
    assert "The request&#x27;s state does not allow it: denied." in page


def test_a_proof_in_the_middle_keeps_ticks_and_comment(
    client: Client, three: list[TrunkRequest], settings: Settings
) -> None:
    settings.REQUIRE_MFA = frozenset()
    session = client.session
    session[step_up.KEY] = time.time() - 901
    session.save()
    answer = approve(client, *three[:2])
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert states(three) == [State.PENDING] * 3
    proved = client.post("/accounts/reauthenticate/", {"password": cast.PASSWORD, "next": URL})
    assert results(proved) == {row.reference: True for row in three[:2]}
    assert states(three) == [State.APPROVED, State.APPROVED, State.PENDING]
    assert {decision.comment for decision in Decision.objects.all()} == {COMMENT}


def test_who_stands_in_decides_in_the_right_of_the_supervisor(
    signed_in: SignedIn, three: list[TrunkRequest], supervisor: User, second_staff: User
) -> None:
    day = timezone.now().date()
    delegating.make(delegating.Terms(second_staff, day, day + timedelta(days=1), "Holiday"), actor=supervisor)
    client = signed_in(second_staff)
    assert look(client, *three).count("You approve it on behalf of <strong>Sam Supervisor</strong>") == 3
    answer = approve(client, *three)
    assert set(results(answer).values()) == {True}
    assert {decision.on_behalf_of for decision in Decision.objects.all()} == {supervisor}


def test_what_changed_since_one_last_looked_is_shown_and_the_look_is_noted(
    client: Client, three: list[TrunkRequest], estate: cast.Estate, staff: User, supervisor: User
) -> None:
    look(client, three[0])
    assert Look.objects.get().user == supervisor
    filing.amend(three[0], cast.draft(estate.sub, estate.trunk, "18888009"), actor=staff, version=1)
    page = look(client, three[0])
    assert "Changed since you last looked" in page
    assert "Line 18888001 (removed)" in page


def test_each_more_costs_a_fixed_number_of_queries(client: Client, three: list[TrunkRequest]) -> None:
    look(client, *three)
    counts = []
    for number in (1, 2, 3):
        with CaptureQueriesContext(connection) as queries:
            look(client, *three[:number])
        counts.append(len(queries))
    assert counts[2] - counts[1] == counts[1] - counts[0]
    assert counts[1] - counts[0] <= 20


def test_the_page_of_a_moved_estate_asks_no_call_of_zoom(
    client: Client, three: list[TrunkRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("Zoom was asked")

    monkeypatch.setattr(preview, "read_anew", never)
    look(client, *three)
    approve(client, *three)
    assert states(three) == [State.APPROVED] * 3
