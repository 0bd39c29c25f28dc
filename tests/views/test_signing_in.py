"""Signing in, failing to, and signing out: what happens, and what the trail says of it."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests import cast, totp
from tests.conftest import SignedIn
from trunks import audit
from trunks.models import User
from trunks.models.audit_event import AuditEvent

LOGIN = "/accounts/login/"


def sign_in(client: Client, user: User, password: str = cast.PASSWORD, **more: str) -> int:
    form = {"login": user.email, "password": password}
    return client.post(LOGIN, form, **more).status_code  # type: ignore[arg-type]


def trail(user: User) -> list[str]:
    return [event.action for event in audit.history(user)]


def with_totp(user: User) -> str:
    secret: str = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def test_signing_in_and_out_are_events_with_the_way_and_the_address(client: Client, staff: User) -> None:
    assert sign_in(client, staff, REMOTE_ADDR="192.0.2.7") == 302
    began = audit.history(staff).get()
    assert (began.action, began.actor, began.after) == ("session.began", staff, {"by": ["password"]})
    assert began.ip == "192.0.2.7"
    assert UserSession.objects.get(user=staff).ip == "192.0.2.7"
    client.post("/accounts/logout/")
    assert trail(staff) == ["session.began", "session.left"]
    assert not UserSession.objects.filter(user=staff).exists()


def test_a_caller_without_an_address_can_sign_in(client: Client, staff: User) -> None:
    assert sign_in(client, staff, REMOTE_ADDR="") == 302
    assert UserSession.objects.filter(user=staff).exists()


def test_a_wrong_password_is_an_event_about_the_person_by_nobody(client: Client, staff: User) -> None:
    assert sign_in(client, staff, "wrong-pass-2468") == 200
    event = audit.history(staff).get()
    assert (event.action, event.actor, event.outcome) == ("session.failed", None, "refused")
    assert "wrong-pass-2468" not in str(vars(event))


def test_who_is_deactivated_is_let_in_by_no_password_and_the_trail_gives_that_as_the_reason(
    client: Client, staff: User
) -> None:
    User.objects.filter(pk=staff.pk).update(is_active=False)
    for password in (cast.PASSWORD, "wrong-pass-2468"):
        sign_in(client, staff, password)
        assert client.get("/requests/").status_code == 302
    events = audit.history(staff)
    assert [(event.action, event.outcome) for event in events] == [("session.failed", "refused")] * 2
    assert {event.ground for event in events} == {"the account is deactivated"}


@pytest.mark.django_db
def test_an_unknown_address_is_kept_as_a_digest_alone(client: Client) -> None:
    form = {"login": "my-password-by-mistake@example.com", "password": "x"}
    client.post(LOGIN, form)
    event = AuditEvent.objects.get()
    assert event.action == "session.failed"
    assert event.object_label.startswith("unknown address (sha256 ")
    assert "my-password-by-mistake" not in str(vars(event))


def test_the_answer_is_the_same_whether_the_address_exists(client: Client, staff: User) -> None:
    pages = []
    for address in (staff.email, "nobody@example.com"):
        page = client.post(LOGIN, {"login": address, "password": "wrong-pass-2468"}).content.decode()
        page = re.sub(r'(value|content|nonce|hx-headers)=(["\']).*?\2', "", page.replace(address, "…"))
        pages.append(page)
    assert pages[0] == pages[1]


def test_the_second_factor_is_asked_for_and_its_failure_is_an_event(client: Client, supervisor: User) -> None:
    secret = with_totp(supervisor)
    client.post(LOGIN, {"login": supervisor.email, "password": cast.PASSWORD})
    assert client.get("/approvals/").status_code == 302
    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert trail(supervisor) == ["factor.failed"]
    client.post("/accounts/2fa/authenticate/", {"code": totp.code(secret)})
    assert client.get("/approvals/").status_code == 200
    began = audit.history(supervisor).last()
    assert began
    assert (began.action, began.after) == ("session.began", {"by": ["password", "totp"]})


def test_a_recovery_code_works_once_and_the_trail_says_how_many_are_left(supervisor: User) -> None:
    with_totp(supervisor)
    code = RecoveryCodes.activate(supervisor).get_unused_codes()[0]
    for expected in (200, 302):
        client = Client()
        sign_in(client, supervisor)
        client.post("/accounts/2fa/authenticate/", {"code": code})
        assert client.get("/approvals/").status_code == expected
    used = audit.history(supervisor).get(action="factor.code_used")
    assert used.after == {"codes_left": 9}


def test_enrolment_on_first_sign_in_asks_for_no_second_proof(
    client: Client,
    supervisor: User,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.REQUIRE_MFA = frozenset({"supervisor"})
    sign_in(client, supervisor)
    assert client.get("/approvals/")["Location"] == "/accounts/2fa/"
    assert "Your role needs a second factor" in client.get("/accounts/2fa/").content.decode()
    page = client.get("/accounts/2fa/totp/activate/")
    assert page.status_code == 200
    secret = page.context["form"].secret
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/accounts/2fa/totp/activate/", {"code": totp.code(secret)})
    assert client.get("/approvals/").status_code == 200
    kinds = [event.after["kind"] for event in audit.history(supervisor).filter(action="factor.added")]
    assert sorted(kinds) == ["recovery_codes", "totp"]
    assert secret not in str([vars(event) for event in AuditEvent.objects.all()])


def test_new_recovery_codes_and_removing_the_factor_are_events(
    client: Client, staff: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    sign_in(client, staff)
    with_totp(staff)
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/accounts/2fa/recovery-codes/generate/")
    client.post("/accounts/2fa/totp/deactivate/")
    assert trail(staff) == ["session.began", "factor.codes_generated", "factor.removed", "factor.removed"]
    assert not Authenticator.objects.filter(user=staff).exists()


def test_people_see_their_sessions_and_end_the_others(staff: User) -> None:
    here, there = Client(), Client()
    for client in (here, there):
        sign_in(client, staff, HTTP_USER_AGENT="Browser of the test")
    page = here.get("/accounts/sessions/").content.decode()
    assert page.count("Browser of the test") == 2
    here.post("/accounts/sessions/")
    assert here.get("/requests/").status_code == 200
    assert there.get("/requests/").status_code == 302
    event = audit.history(staff).last()
    assert event
    assert (event.action, event.after) == ("session.others_ended", {"sessions_ended": 1})


def test_nobody_reaches_a_page_to_change_their_own_address(staff: User, signed_in: SignedIn) -> None:
    answer = signed_in(staff).post("/accounts/email/", {"email": "other@example.com", "action_add": ""})
    assert answer["Location"] == "/accounts/password/change/"
