"""The request page, its polled part, and what it shows of Zoom."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from trunks import audit
from trunks.actions import Action
from trunks.models import Attempt, Line, LineState, RoleGrant, State, SubAccount, TrunkRequest, User, ZoomCall
from trunks.workflow import filing, preview, review, stopping
from trunks.workflow.preview import ZoomNow


def address(trunk_request: TrunkRequest, part: str = "") -> str:
    return f"/requests/{trunk_request.reference}/{part}"


def shown(client: Client, trunk_request: TrunkRequest) -> str:
    response = client.get(address(trunk_request))
    assert response.status_code == 200
    return response.content.decode()


def forced(trunk_request: TrunkRequest, state: State) -> TrunkRequest:
    """Return the request in `state`, whatever came before: this page only looks."""
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=state)
    trunk_request.refresh_from_db()
    return trunk_request


def test_an_open_request_says_that_who_filed_it_is_deactivated(
    signed_in: SignedIn, trunk_request: TrunkRequest, supervisor: User, staff: User
) -> None:
    client = signed_in(supervisor)
    assert "deactivated" not in shown(client, trunk_request)
    User.objects.filter(pk=staff.pk).update(is_active=False)
    content = shown(client, trunk_request)
    assert (
        "Stella Staff, who filed it, is deactivated. The request stays as it is, and others decide" in content
    )
    content = shown(client, forced(trunk_request, State.SENT_BACK))
    assert "Stella Staff, who filed it, is deactivated, so nobody can amend it." in content
    assert "others decide" not in content
    assert "Withdraw the request" in content
    content = shown(client, forced(trunk_request, State.APPROVED))
    assert "Stella Staff, who filed it, is deactivated. The request stays as it is.</p>" in content
    User.objects.filter(pk=staff.pk).update(is_active=True)
    RoleGrant.objects.filter(user=staff).delete()
    content = shown(client, forced(trunk_request, State.SENT_BACK))
    assert "who filed it, may no longer file for this master account, so nobody can amend it." in content
    assert "Withdraw the request" in content
    forced(trunk_request, State.PENDING)
    review.deny(trunk_request, actor=supervisor, version=1, comment="No.")
    assert 'id="filer-gone"' not in shown(client, trunk_request)


def test_what_waits_for_its_change_window_says_that_and_not_that_a_worker_is_next(
    signed_in: SignedIn, trunk_request: TrunkRequest, supervisor: User
) -> None:
    cast.approved(trunk_request, supervisor)
    client = signed_in(supervisor)
    assert "A worker takes it up next." in client.get(address(trunk_request)).content.decode()
    TrunkRequest.objects.update(not_before=timezone.now() + timedelta(days=1))
    content = client.get(address(trunk_request)).content.decode()
    assert "It waits for its change window." in content
    assert "A worker takes it up next." not in content


@pytest.mark.parametrize("state", ["assigned", "already_there", "unassigned"])
def test_what_is_done_in_part_does_not_say_that_nothing_has_been_done(
    signed_in: SignedIn, trunk_request: TrunkRequest, supervisor: User, state: str
) -> None:
    cast.approved(trunk_request, supervisor)
    client = signed_in(supervisor)
    assert "Nothing has been done at Zoom yet." in shown(client, trunk_request)
    trunk_request.lines.update(state=state)
    content = shown(client, trunk_request)
    assert "Nothing has been done at Zoom yet." not in content
    assert "A worker takes up next what is not done yet." in content
    stopping.stop(actor=supervisor, reason="Looking into it")
    content = shown(client, trunk_request)
    assert "Not all of it is done yet. The lines below say what is at Zoom already." in content
    assert "A worker takes up next" not in content


def test_a_retry_for_a_customer_without_a_trunk_does_not_say_that_nothing_has_been_done(
    signed_in: SignedIn, trunk_request: TrunkRequest, supervisor: User
) -> None:
    cast.approved(trunk_request, supervisor)
    TrunkRequest.objects.update(kind="change")
    trunk_request.lines.update(phase="remove", current_dnis="18888001", without_trunk=True)
    content = shown(signed_in(supervisor), trunk_request)
    assert "The customer is without a trunk:" in content
    assert "Nothing has been done at Zoom yet." not in content


def test_a_change_that_the_stop_has_caught_half_done_does_not_say_that_nothing_has_been_done(
    signed_in: SignedIn, trunk_request: TrunkRequest, supervisor: User
) -> None:
    cast.approved(trunk_request, supervisor)
    client = signed_in(supervisor)
    stopping.stop(actor=supervisor, reason="Looking into it")
    content = shown(client, trunk_request)
    assert "Nothing has been done at Zoom yet." in content
    TrunkRequest.objects.update(kind="change")
    trunk_request.lines.update(phase="assign", current_dnis="18888001")
    content = shown(client, trunk_request)
    assert "Nothing has been done at Zoom yet." not in content
    assert "The change is between its two steps" in content
    assert "Nothing is sent until two supervisors start writing again." in content


@pytest.mark.parametrize("part", ["", "live/", "zoom-now/"])
def test_it_is_read_only(signed_in: SignedIn, staff: User, trunk_request: TrunkRequest, part: str) -> None:
    assert signed_in(staff).post(address(trunk_request, part)).status_code == 405


@pytest.mark.parametrize("part", ["", "live/", "zoom-now/", "amend/"])
def test_who_may_not_know_of_it_gets_404(
    signed_in: SignedIn, other_staff: User, stranger: User, trunk_request: TrunkRequest, part: str
) -> None:
    for user in (other_staff, stranger):
        assert signed_in(user).get(address(trunk_request, part)).status_code == 404


@pytest.mark.parametrize("reference", ["TR-999999", "TR-999999999999999999", "TR-1", "tr-000001", "x"])
def test_an_unknown_reference_is_404(signed_in: SignedIn, staff: User, reference: str) -> None:
    assert signed_in(staff).get(f"/requests/{reference}/").status_code == 404


@pytest.mark.parametrize("state", State)
def test_the_first_mark_of_the_page_is_the_state(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest, state: State
) -> None:
    content = shown(signed_in(staff), forced(trunk_request, state))
    assert content.split('data-state="')[1].split('"')[0] == state
    assert state.label in content


@pytest.mark.parametrize("state", LineState)
def test_each_line_carries_its_own_mark(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest, state: LineState
) -> None:
    Line.objects.update(state=state, detail="Because of <b>this</b>.")
    content = shown(signed_in(staff), trunk_request)
    assert f'data-line-state="{state}"' in content
    assert "Because of &lt;b&gt;this&lt;/b&gt;." in content


def test_it_shows_what_is_asked_and_why(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest
) -> None:
    content = shown(signed_in(supervisor), trunk_request)
    for text in ("New customer", "CHG-1", "Adatum Logistics", "+14155550100", "HQ trunk"):
        assert text in content
    assert '<span class="dnis-prefix">18888</span>123' in content


def test_hostile_text_is_escaped_everywhere(
    signed_in: SignedIn, staff: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    hostile = "<script>alert('x')</script>"
    SubAccount.objects.update(name=hostile)
    TrunkRequest.objects.update(reason=hostile, ticket=hostile, waiting_for=hostile)
    User.objects.filter(pk=staff.pk).update(name=hostile)
    trunk_request.refresh_from_db()
    review.send_back(trunk_request, actor=supervisor, version=1, comment=hostile)
    assert "<script>alert" not in shown(signed_in(supervisor), trunk_request)


def test_what_was_sent_back_says_at_its_top_who_did_and_why(
    signed_in: SignedIn, supervisor: User, staff: User, trunk_request: TrunkRequest
) -> None:
    assert "why-sent-back" not in shown(signed_in(staff), trunk_request)
    review.send_back(trunk_request, actor=supervisor, version=1, comment="Which caller ID?")
    content = shown(signed_in(staff), trunk_request)
    assert (
        '<p class="quote" id="why-sent-back"><strong>Sam Supervisor:</strong> Which caller ID?</p>' in content
    )
    audit.record(
        Action.PROVISIONING_STOPPED,
        actor=None,
        why="approved request",
        on=trunk_request,
        comment="It is taken.",
    )
    content = shown(signed_in(staff), trunk_request)
    assert 'id="why-sent-back"><strong>The portal:</strong> It is taken.</p>' in content


@pytest.mark.parametrize(
    ("who", "sentence"),
    [
        ("staff", "You filed or amended this request, so somebody else decides on it."),
        ("manager", "Only a supervisor for Northwind can decide on this request."),
        ("administrator", "Only a supervisor for Northwind can decide on this request."),
    ],
)
def test_a_disabled_decision_says_why_and_who_could(
    signed_in: SignedIn,
    request: pytest.FixtureRequest,
    supervisor: User,
    trunk_request: TrunkRequest,
    who: str,
    sentence: str,
) -> None:
    content = shown(signed_in(request.getfixturevalue(who)), trunk_request)
    assert sentence in content
    assert "Sam Supervisor" in content
    assert "approve/" not in content
    assert 'disabled aria-describedby="why-decide"' in content


def test_a_supervisor_finds_each_decision_bound_to_the_version(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest
) -> None:
    content = shown(signed_in(supervisor), trunk_request)
    for verb in ("approve", "deny", "send-back"):
        form = content.split(f'action="{address(trunk_request, verb)}/"')[1].split("</form>")[0]
        assert f'name="version" value="{trunk_request.version}"' in form
        assert 'name="comment"' in form


@pytest.mark.parametrize(("lines", "text"), [(1, "Retry 1 failed line<"), (3, "Retry 3 failed lines<")])
def test_retry_says_how_many_lines(
    signed_in: SignedIn, staff: User, estate: cast.Estate, lines: int, text: str
) -> None:
    numbers = [str(18888200 + number) for number in range(lines)]
    trunk_request = filing.file(cast.draft(estate.sub, estate.trunk, *numbers), actor=staff)
    assert text in shown(signed_in(staff), forced(trunk_request, State.PARTIAL))


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


def test_attempts_show_each_call(signed_in: SignedIn, staff: User, trunk_request: TrunkRequest) -> None:
    now = timezone.now()
    attempt = Attempt.objects.create(
        trunk_request=trunk_request, fence=1, started_at=now - timedelta(minutes=2), ended_at=now
    )
    path = "/accounts/adatum-account-id/sip_trunk/trunks"
    ZoomCall.objects.create(
        attempt=attempt,
        method="POST",
        path=path,
        started_at=now,
        duration_ms=183,
        tracking_id="WEB_9f2c",
        problem="<b>dropped</b>",
    )
    content = shown(signed_in(staff), trunk_request)
    for text in ("POST", path, "no answer", "183 ms", "WEB_9f2c", "&lt;b&gt;dropped&lt;/b&gt;"):
        assert text in content


def test_events_are_linked_for_those_who_may_read_the_trail(
    signed_in: SignedIn, staff: User, manager: User, trunk_request: TrunkRequest
) -> None:
    assert "in the audit trail" in shown(signed_in(manager), trunk_request)
    assert "in the audit trail" not in shown(signed_in(staff), trunk_request)


def test_zoom_is_shown_beside_what_is_asked(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = trunk_request.lines.get()
    now = ZoomNow(timezone.now(), [], "", {line.pk: "Taken by <b>Fourth Coffee</b>."})
    monkeypatch.setattr(preview, "zoom_now", lambda trunk_request: now)
    content = signed_in(supervisor).get(address(trunk_request, "zoom-now/")).content.decode()
    assert "Taken by &lt;b&gt;Fourth Coffee&lt;/b&gt;." in content
    assert "18888</span>123" in content
    assert "Zoom lists no trunk for this sub account." in content
    assert "<summary>" not in content


def test_zoom_not_answering_is_said_and_breaks_nothing(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest
) -> None:
    response = signed_in(supervisor).get(address(trunk_request, "zoom-now/"))
    assert response.status_code == 200
    assert "Zoom cannot be reached" in response.content.decode()


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
