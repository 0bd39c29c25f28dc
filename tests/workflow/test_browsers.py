"""Two accounts in one browser: a decision is marked, or refused where the setting says so."""

import pytest
from django.test import Client
from pytest_django import Settings

from tests import cast
from trunks import audit, context
from trunks.models import BrowserSignIn, Decision, Role, TrunkRequest, User, clock
from trunks.workflow import browsers, policy, signing_in

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
MARKED = "data-same-browser"


def signed_in(client: Client, user: User) -> Client:
    """Sign in through the page, as people do, after whoever was signed in has signed out."""
    client.post("/accounts/logout/")
    form = {"login": user.email, "password": cast.PASSWORD}
    assert client.post("/accounts/login/", form).status_code == 302
    return client


def decide(client: Client, trunk_request: TrunkRequest, verb: str = "approve") -> tuple[int, str]:
    trunk_request.refresh_from_db()
    form = {"version": trunk_request.version, "comment": "As agreed"}
    response = client.post(f"/requests/{trunk_request.reference}/{verb}/", form)
    return response.status_code, response.content.decode()


def page(client: Client, trunk_request: TrunkRequest) -> str:
    return client.get(f"/requests/{trunk_request.reference}/").content.decode()


@pytest.mark.parametrize("verb", ["approve", "deny", "send-back"])
def test_a_decision_in_an_authors_browser_is_marked_for_everybody(
    client: Client, staff: User, supervisor: User, trunk_request: TrunkRequest, verb: str
) -> None:
    signed_in(client, staff)
    signed_in(client, supervisor)
    content = page(client, trunk_request)
    assert "Stella Staff, who wrote this request, was signed in in this browser" in content
    assert "Your decision will be marked" in content
    assert decide(client, trunk_request, verb)[0] == 302
    assert Decision.objects.get().same_browser_as == staff
    event = audit.history(trunk_request).last()
    assert event is not None
    assert event.after["same_browser_as"] == "Stella Staff"
    assert MARKED in page(client, trunk_request)


def test_in_another_browser_nothing_is_marked(
    client: Client, staff: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    signed_in(client, staff)
    other = signed_in(Client(), supervisor)
    assert "was signed in in this browser" not in page(other, trunk_request)
    assert decide(other, trunk_request)[0] == 302
    assert Decision.objects.get().same_browser_as is None
    assert MARKED not in page(other, trunk_request)


def test_where_the_setting_refuses_it_the_person_is_told_how_else(
    client: Client,
    staff: User,
    supervisor: User,
    second_supervisor: User,
    trunk_request: TrunkRequest,
    settings: Settings,
) -> None:
    settings.SAME_BROWSER_DECISIONS = "refuse"
    signed_in(client, staff)
    signed_in(client, supervisor)
    shown = page(client, trunk_request)
    for verb in ("approve", "deny", "send-back"):
        status, content = decide(client, trunk_request, verb)
        assert status == 403
        for text in (browsers.PLAINLY, "you, from another browser or a private window; Sue Supervisor"):
            assert text in content
            assert text in shown
    assert not Decision.objects.exists()
    refused = [event for event in audit.history(trunk_request) if event.action == "request.action_refused"]
    assert [event.after["action"] for event in refused] == ["approve", "deny", "send_back"]
    assert browsers.PLAINLY in refused[0].after["reason"]
    # As the refusal says.
    assert decide(signed_in(Client(), supervisor), trunk_request)[0] == 302


def test_where_nobody_else_could_decide_the_other_browser_is_named_alone(
    client: Client, staff: User, supervisor: User, trunk_request: TrunkRequest, settings: Settings
) -> None:
    settings.SAME_BROWSER_DECISIONS = "refuse"
    with context.bound(context.Context(browser="b" * 32)):
        browsers.note(staff)
        answer = policy.may(supervisor, "approve", trunk_request)
    assert answer.who == "you, from another browser or a private window"


def test_who_only_amended_it_is_an_author_as_well(
    client: Client, supervisor: User, trunk_request: TrunkRequest
) -> None:
    helper = cast.person("Hal Helper", Role.STAFF)
    trunk_request.revisions.update(author=helper)
    signed_in(client, helper)
    signed_in(client, supervisor)
    assert "Hal Helper, who wrote this request" in page(client, trunk_request)


def test_others_who_use_the_browser_are_of_no_interest(
    client: Client, manager: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    signed_in(client, manager)
    signed_in(client, supervisor)
    assert "was signed in in this browser" not in page(client, trunk_request)


@pytest.mark.parametrize("forged", ["", "forged", "a" * 32])
def test_a_forged_mark_counts_for_nothing_and_is_replaced(
    client: Client, staff: User, supervisor: User, trunk_request: TrunkRequest, forged: str
) -> None:
    signed_in(client, staff)
    real = client.cookies["browser"].value
    mark = real.split(":")[0]
    other = Client()
    other.cookies["browser"] = f"{mark}:{forged}:{forged}"
    signed_in(other, supervisor)
    assert other.cookies["browser"].value != real
    assert "was signed in in this browser" not in page(other, trunk_request)
    assert not BrowserSignIn.objects.filter(user=supervisor, browser=mark).exists()


def test_the_cookie_is_out_of_reach_of_scripts_and_is_given_once(client: Client, staff: User) -> None:
    cookie = client.get("/accounts/login/").cookies["browser"]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", "")
    assert int(cookie["max-age"]) > 365 * 86400
    assert "browser" not in client.get("/accounts/login/").cookies
    assert "browser" not in Client().get("/healthz").cookies


def test_after_twelve_hours_it_is_forgotten(
    staff: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    with context.bound(context.Context(browser="b" * 32)):
        signing_in.signed_in(actor=staff, by=["password"])
        assert browsers.author_here(trunk_request, besides=supervisor) == staff
        BrowserSignIn.objects.update(at=clock.after(-browsers.HOURS * 3600 - 1))
        assert browsers.author_here(trunk_request, besides=supervisor) is None
        # Signing out is a moment at which they were there.
        signing_in.signed_out(actor=staff, session_key=None)
        assert browsers.author_here(trunk_request, besides=supervisor) == staff
        BrowserSignIn.objects.update(at=clock.after(-browsers.HOURS * 3600 - 1))
        browsers.note(supervisor)
    assert [str(one) for one in BrowserSignIn.objects.all()] == ["Sam Supervisor in browser bbbbbbbb"]


def test_outside_of_a_browser_nothing_is_noted_or_found(
    staff: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    browsers.note(staff)
    assert not BrowserSignIn.objects.exists()
    assert browsers.author_here(trunk_request, besides=supervisor) is None
