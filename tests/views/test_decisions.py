"""Deciding, withdrawing, retrying, checking: every address, by everybody, in every state."""

from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from tests import cast
from tests.conftest import SignedIn
from trunks import audit
from trunks.actions import Action
from trunks.models import Circuit, ListedTrunk, State, TrunkRequest, User
from trunks.views.request_page import panels
from trunks.workflow import filing, review

Answer = Any  # django-stubs has no public name for what the test client returns
VERBS = ("approve", "deny", "send-back", "withdraw", "retry", "check")
DECISIONS = ("approve", "deny", "send-back")
AFTERWARDS = {"approve": State.APPROVED, "deny": State.DENIED, "send-back": State.SENT_BACK}


def post(client: Client, trunk_request: TrunkRequest, verb: str, **data: Any) -> Answer:
    values = {"version": trunk_request.version, "comment": "Agreed"} | data
    filled = {name: value for name, value in values.items() if value is not None}
    return client.post(f"/requests/{trunk_request.reference}/{verb}/", filled)


def state_of(trunk_request: TrunkRequest) -> str:
    return TrunkRequest.objects.get(pk=trunk_request.pk).state


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_done_by_get(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest, verb: str
) -> None:
    response = signed_in(supervisor).get(f"/requests/{trunk_request.reference}/{verb}/")
    assert response.status_code == 405
    assert state_of(trunk_request) == State.PENDING


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_done_without_the_form_s_token(
    supervisor: User, trunk_request: TrunkRequest, verb: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(supervisor, backend="django.contrib.auth.backends.ModelBackend")
    assert post(client, trunk_request, verb).status_code == 403
    assert state_of(trunk_request) == State.PENDING


@pytest.mark.parametrize("verb", VERBS)
def test_who_may_not_know_of_it_gets_404(
    signed_in: SignedIn, other_staff: User, stranger: User, trunk_request: TrunkRequest, verb: str
) -> None:
    for user in (other_staff, stranger):
        assert post(signed_in(user), trunk_request, verb).status_code == 404


@pytest.mark.parametrize("verb", DECISIONS)
def test_a_supervisor_decides_and_goes_back_to_the_page(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest, verb: str
) -> None:
    response = post(signed_in(supervisor), trunk_request, verb)
    assert response.status_code == 302
    assert response["Location"] == f"/requests/{trunk_request.reference}/"
    assert state_of(trunk_request) == AFTERWARDS[verb]


@pytest.mark.parametrize("verb", DECISIONS)
@pytest.mark.parametrize("role", ["staff", "second_staff", "manager", "administrator"])
def test_others_are_refused_with_the_rule_and_who_could(
    signed_in: SignedIn,
    request: pytest.FixtureRequest,
    supervisor: User,
    trunk_request: TrunkRequest,
    verb: str,
    role: str,
) -> None:
    response = post(signed_in(request.getfixturevalue(role)), trunk_request, verb)
    assert response.status_code == 403
    assert "Who could: Sam Supervisor" in response.content.decode()
    assert state_of(trunk_request) == State.PENDING
    refusals = audit.history(trunk_request).filter(action=Action.ACTION_REFUSED)
    assert refusals.count() == 1


@pytest.mark.parametrize("role", ["staff", "second_staff", "supervisor", "manager", "administrator"])
@pytest.mark.parametrize("state", [State.PENDING, State.APPROVED, State.UNCONFIRMED, State.PARTIAL])
def test_what_a_disabled_action_says_is_what_the_refusal_says(
    signed_in: SignedIn,
    request: pytest.FixtureRequest,
    trunk_request: TrunkRequest,
    second_supervisor: User,
    role: str,
    state: State,
) -> None:
    user = request.getfixturevalue(role)
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=state)
    client = signed_in(user)
    page = unescape(client.get(f"/requests/{trunk_request.reference}/").content.decode())
    fresh = TrunkRequest.objects.get(pk=trunk_request.pk)
    # By its state alone it is no refusal: that answers who was first.
    answers = {name: panel.answer for name, panel in panels(user, fresh).items()}
    refused = {name: answer for name, answer in answers.items() if not answer and not answer.by_state}
    assert refused or role in ("staff", "supervisor")
    for name, answer in refused.items():
        assert answer.reason in page
        assert f"Who could:</strong> {answer.who}." in page
        response = post(client, fresh, name.replace("_", "-"))
        said = unescape(response.content.decode())
        assert (response.status_code, answer.reason in said, answer.who in said) == (403, True, True)


def test_a_superuser_cannot_approve_their_own(
    signed_in: SignedIn, superuser: User, estate: cast.Estate
) -> None:
    own = filing.file(cast.draft(estate.sub, estate.trunk, "18888001"), actor=superuser)
    response = post(signed_in(superuser), own, "approve")
    assert response.status_code == 403
    assert "somebody else decides" in response.content.decode()
    assert state_of(own) == State.PENDING


@pytest.mark.parametrize("verb", ["deny", "send-back"])
@pytest.mark.parametrize("comment", ["", " \n", None, "\u200b", "\u00a0\u2060 \u202e"])
def test_a_missing_comment_brings_the_form_back(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest, verb: str, comment: str | None
) -> None:
    response = post(signed_in(supervisor), trunk_request, verb, comment=comment)
    content = response.content.decode()
    field = f"id_{verb.replace('-', '_')}_comment"
    assert response.status_code == 422
    assert "<title>Error: " in content
    assert f'href="#{field}"' in content
    assert f'aria-describedby="{field}_error"' in content
    assert state_of(trunk_request) == State.PENDING


def test_a_comment_that_is_too_long_is_kept(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest
) -> None:
    response = post(signed_in(supervisor), trunk_request, "deny", comment="<i>" + "c" * 2000)
    assert response.status_code == 422
    assert "&lt;i&gt;" + "c" * 2000 in response.content.decode()


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "check"])
@pytest.mark.parametrize("version", [None, "", "x", "-1", "9" * 30, "1\x00"])
def test_a_version_that_cannot_be_read_is_a_problem_of_the_form(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest, verb: str, version: str | None
) -> None:
    response = post(signed_in(supervisor), trunk_request, verb, version=version)
    assert response.status_code == 422
    assert state_of(trunk_request) == State.PENDING


@pytest.mark.parametrize("verb", DECISIONS)
def test_a_stale_page_is_refused_and_told_who_was_first(
    signed_in: SignedIn,
    supervisor: User,
    second_supervisor: User,
    trunk_request: TrunkRequest,
    verb: str,
) -> None:
    seen = trunk_request.version
    review.send_back(trunk_request, actor=supervisor, version=seen, comment="Other trunk, please")
    response = post(signed_in(second_supervisor), trunk_request, verb, version=seen)
    content = response.content.decode()
    assert response.status_code == 409
    assert "Sam Supervisor" in content
    assert 'data-state="sent_back"' in content
    assert f'href="/requests/{trunk_request.reference}/"' in content
    assert state_of(trunk_request) == State.SENT_BACK


def test_it_is_told_by_the_clock_of_whoever_comes_second(
    signed_in: SignedIn, supervisor: User, second_supervisor: User, trunk_request: TrunkRequest
) -> None:
    seen = trunk_request.version
    review.deny(trunk_request, actor=supervisor, version=seen, comment="No")
    event = list(audit.history(trunk_request))[-1]
    at = event.at.astimezone(ZoneInfo("Asia/Tokyo"))
    client = signed_in(second_supervisor)
    client.cookies["tz"] = "Asia/Tokyo"
    content = post(client, trunk_request, "approve", version=seen).content.decode()
    assert f"on {at:%-d %B %Y at %H:%M} JST." in content


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("assign", "Its DNIS are free for others again."),
        ("unassign", "The customer's trunks stay as they are."),
        ("change", "The customer's trunks stay as they are, and any new DNIS is free for others again."),
    ],
)
def test_what_a_denial_means_for_the_dnis_depends_on_what_was_asked(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest, kind: str, said: str
) -> None:
    TrunkRequest.objects.update(kind=kind)
    client, said = signed_in(supervisor), escape(said)
    page = client.get(f"/requests/{trunk_request.reference}/").content.decode()
    assert f"Once it is denied, {said[0].lower()}{said[1:]}" in page
    form = {"version": trunk_request.version, "comment": "No"}
    page = client.post(f"/requests/{trunk_request.reference}/deny/", form, follow=True).content.decode()
    assert f"{trunk_request.reference} denied. {said}" in page
    assert f"A supervisor denied it. {said}" in page


@pytest.mark.parametrize("verb", DECISIONS)
def test_the_second_click_is_too_late(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest, verb: str
) -> None:
    client, version = signed_in(supervisor), trunk_request.version
    assert post(client, trunk_request, verb, version=version).status_code == 302
    again = post(client, trunk_request, verb, version=version)
    assert again.status_code == 409
    # The first click was theirs: nobody else was first, and something was done.
    assert "It has changed meanwhile" in again.content.decode()
    assert trunk_request.decisions.count() == 1


def test_approving_what_was_taken_meanwhile_says_so(
    signed_in: SignedIn, supervisor: User, estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    ListedTrunk.objects.create(
        master=estate.master,
        sub_account=estate.other_sub,
        zoom_id="9",
        dnis="18888123",
        first_seen_at=cast.LONG_AGO,
        last_seen_at=cast.LONG_AGO,
    )
    response = post(signed_in(supervisor), trunk_request, "approve")
    assert response.status_code == 422
    assert "18888123 is already assigned to Fourth Coffee at Zoom." in response.content.decode()
    assert state_of(trunk_request) == State.PENDING


def test_who_filed_it_withdraws_it(signed_in: SignedIn, staff: User, trunk_request: TrunkRequest) -> None:
    assert post(signed_in(staff), trunk_request, "withdraw", comment="").status_code == 302
    assert state_of(trunk_request) == State.WITHDRAWN


def test_nobody_else_withdraws_it(
    signed_in: SignedIn, second_staff: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    for user in (second_staff, supervisor):
        response = post(signed_in(user), trunk_request, "withdraw")
        assert response.status_code == 403
        assert "Who could: Stella Staff" in response.content.decode()


def test_a_retry_queues_what_failed(
    signed_in: SignedIn, staff: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    cast.approved(trunk_request, supervisor)
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=State.FAILED)
    trunk_request.refresh_from_db()
    assert post(signed_in(staff), trunk_request, "retry").status_code == 302
    assert state_of(trunk_request) == State.APPROVED


@pytest.mark.parametrize("version", [1, None, "", "x", 99])
def test_check_asks_for_zoom_to_be_read_whatever_the_page_showed(
    version: object,
    signed_in: SignedIn,
    staff: User,
    supervisor: User,
    trunk_request: TrunkRequest,
    rung: list[tuple[str, int]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    cast.approved(trunk_request, supervisor)
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=State.UNCONFIRMED)
    trunk_request.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        answer = post(signed_in(staff), trunk_request, "check", version=version)
    assert answer.status_code == 302
    assert [pk for _, pk in rung] == [trunk_request.pk]


def test_check_says_that_zoom_does_not_answer(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest
) -> None:
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=State.UNCONFIRMED)
    Circuit.objects.create(master=trunk_request.master, opened_at=timezone.now())
    client = signed_in(staff)
    assert post(client, trunk_request, "check").status_code == 302
    content = client.get(f"/requests/{trunk_request.reference}/").content.decode()
    assert "It is tried now; the list is read when it answers." in content
    assert "being compared" not in content


@pytest.mark.parametrize("verb", ["retry", "check"])
def test_a_verb_in_the_wrong_state_is_409(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest, verb: str
) -> None:
    assert post(signed_in(staff), trunk_request, verb).status_code == 409
