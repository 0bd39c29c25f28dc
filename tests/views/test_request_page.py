"""The request page: what is asked, what can be decided, and what it shows of Zoom."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests import cast
from tests.conftest import SignedIn
from trunks import audit
from trunks.actions import Action
from trunks.models import Attempt, Line, LineState, State, SubAccount, TrunkRequest, User, ZoomCall
from trunks.workflow import filing, preview, review
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
