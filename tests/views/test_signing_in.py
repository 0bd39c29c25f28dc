"""Signing in, failing to, signing out, second factors and passwords: what happens, and what the trail says of it."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.core import mail
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests import cast, totp
from tests.conftest import SignedIn
from trunks import audit
from trunks.models import User
from trunks.models.audit_event import AuditEvent

LOGIN = "/accounts/login/"
NEW = "another long secret"


def sign_in(client: Client, user: User, password: str = cast.PASSWORD, **more: str) -> int:
    form = {"login": user.email, "password": password}
    return client.post(LOGIN, form, **more).status_code  # type: ignore[arg-type]


def trail(user: User) -> list[str]:
    return [event.action for event in audit.history(user)]


def ground(user: User) -> str:
    """Return the ground of the last event about `user`, which is the portal's own."""
    last = audit.history(user).last()
    assert last
    return last.ground


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


def test_resetting_a_password_answers_the_same_whether_the_address_exists(
    client: Client, staff: User
) -> None:
    for address in (staff.email, "nobody@example.com"):
        answer = client.post("/accounts/password/reset/", {"email": address})
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/password/reset/done/")


def test_asking_for_a_new_password_is_an_event_whoever_it_is_asked_for(client: Client, staff: User) -> None:
    User.objects.create(email="gone@example.com", name="Gina Gone", is_active=False)
    for address in (staff.email.upper(), "gone@example.com", "nobody@example.com"):
        client.post("/accounts/password/reset/", {"email": address}, REMOTE_ADDR="192.0.2.7")
    asked, gone, nobody = AuditEvent.objects.order_by("id")
    assert {event.action for event in (asked, gone, nobody)} == {"password.reset_asked"}
    assert (asked.actor, asked.object_id, asked.outcome) == (None, str(staff.pk), "done")
    assert (gone.object_label, gone.outcome) == ("Gina Gone", "refused")
    assert (nobody.object_label.partition(" (")[0], nobody.outcome) == ("unknown address", "refused")
    assert {event.ip for event in (asked, gone, nobody)} == {"192.0.2.7"}


def test_a_wrong_present_password_is_no_proof_and_changes_nothing(staff: User) -> None:
    client = Client()
    sign_in(client, staff)
    form = {"oldpassword": "wrong-pass-2468", "password1": NEW, "password2": NEW}
    page = client.post("/accounts/password/change/", form)
    assert "current password" in page.content.decode()
    assert trail(staff) == ["session.began", "session.not_confirmed"]
    assert User.objects.get(pk=staff.pk).check_password(cast.PASSWORD)


@pytest.mark.parametrize("proxies", [0, 1])
def test_fifty_wrong_passwords_stay_throttled_whatever_the_caller_claims_to_be(
    proxies: int, staff: User, settings: Settings
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    for number in range(50):
        # What a proxy writes stands last; all before it is the caller's own invention.
        chain = f"198.51.100.{number}" + (", 203.0.113.9" if proxies else "")
        sign_in(Client(), staff, f"wrong-pass-{number}", HTTP_X_FORWARDED_FOR=chain)
    assert 1 <= AuditEvent.objects.filter(action="session.failed").count() <= 10
    # Not even the right password is looked at now.
    form = {"login": staff.email, "password": cast.PASSWORD}
    answer = Client().post(LOGIN, form, HTTP_X_FORWARDED_FOR=chain)
    assert answer.status_code == 429
    assert "Too many tries" in answer.content.decode()
    held = AuditEvent.objects.get(action="session.held_back")
    assert (held.object_id, held.outcome) == (str(staff.pk), "refused")
    assert held.ground == "too many tries: signing in"


def test_an_address_that_nobody_has_is_held_back_without_being_named(client: Client, db: None) -> None:
    for _ in range(7):
        client.post(LOGIN, {"login": "my-secret@example.com", "password": "wrong-pass-2468"})
    events = AuditEvent.objects.order_by("id")
    assert [event.action for event in events] == ["session.failed"] * 5 + ["session.held_back"]
    assert {event.object_label for event in events} == {events[0].object_label}
    assert "my-secret" not in str([vars(event) for event in events])


def test_addresses_that_are_made_up_do_not_fill_the_trail(client: Client, db: None) -> None:
    for number in range(40):
        client.post(LOGIN, {"login": f"made-up-{number}@example.com", "password": "wrong-pass-2468"})
    assert AuditEvent.objects.filter(action="session.failed").count() == 10
    assert AuditEvent.objects.filter(action="session.held_back").count() == 1


def test_rubbish_is_held_back_as_well(client: Client, db: None) -> None:
    for _ in range(31):
        answer = client.post(LOGIN, {"login": "\0a", "password": "\0"})
    assert answer.status_code == 429
    assert [event.action for event in AuditEvent.objects.all()] == ["session.held_back"]


def test_asking_for_new_passwords_again_and_again_is_held_back(client: Client, staff: User) -> None:
    for _ in range(7):
        answer = client.post("/accounts/password/reset/", {"email": staff.email})
    assert answer.status_code == 429
    assert trail(staff) == ["password.reset_asked"] * 5 + ["session.held_back"]
    assert ground(staff) == "too many tries: asking for a new password"


def test_codes_that_are_guessed_are_held_back_before_and_after_signing_in(
    client: Client, supervisor: User
) -> None:
    with_totp(supervisor)
    sign_in(client, supervisor)
    for _ in range(7):
        page = client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert "Too many" in page.content.decode()
    assert trail(supervisor) == ["factor.failed"] * 5 + ["session.held_back"]
    assert ground(supervisor) == "too many tries: the second factor"


def test_a_proof_that_is_guessed_is_held_back(client: Client, staff: User) -> None:
    sign_in(client, staff)
    session = client.session
    session["account_authentication_methods"] = []
    session.save()
    for _ in range(12):
        client.post("/accounts/reauthenticate/", {"password": "wrong-pass-2468"})
    assert ground(staff) == "too many tries: proving again who it is"


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


def test_changing_the_password_ends_the_other_sessions_at_once(staff: User) -> None:
    here, there = Client(), Client()
    for client in (here, there):
        sign_in(client, staff)
    form = {"oldpassword": cast.PASSWORD, "password1": NEW, "password2": NEW}
    assert here.post("/accounts/password/change/", form).status_code == 302
    assert here.get("/requests/").status_code == 200
    assert there.get("/requests/").status_code == 302
    event = audit.history(staff).last()
    assert event
    assert (event.action, event.after) == ("password.changed", {"sessions_ended": 1})
    assert UserSession.objects.filter(user=staff).count() == 1


def test_a_password_is_reset_by_a_letter_and_every_session_ends(staff: User) -> None:
    there = Client()
    sign_in(there, staff)
    client = Client()
    client.post("/accounts/password/reset/", {"email": staff.email})
    letter = mail.outbox[0]
    assert letter.subject == "[SIP trunk portal] A link to set a new password"
    assert not re.search(r"\bemail|Hello|Thank you", f"{letter.subject} {letter.body}")
    link = re.search(r"/accounts/password/reset/key/\S+", str(letter.body))
    assert link
    form_page = client.get(link[0], follow=True)
    client.post(form_page.request["PATH_INFO"], {"password1": NEW, "password2": NEW})
    assert there.get("/requests/").status_code == 302
    assert User.objects.get(pk=staff.pk).check_password(NEW)
    event = audit.history(staff).get(action="password.reset")
    assert (event.actor, event.after) == (None, {"sessions_ended": 1})


@pytest.mark.parametrize("email", ["stella-staff@example.com", "nobody@example.com"])
def test_a_letter_names_the_portal_by_its_own_address_whatever_host_was_asked(
    email: str, staff: User, settings: Settings
) -> None:
    host = "testserver:6666"  # Django checks the name and not the port
    Client().post("/accounts/password/reset/", {"email": email}, HTTP_HOST=host)
    [letter] = mail.outbox
    text = f"{letter.subject} {letter.body}"
    assert "6666" not in text
    assert "testserver" not in text
    links = re.findall(r"https?://\S+", text)
    assert bool(links) == (email == staff.email)
    assert all(link.startswith(f"{settings.SITE_URL}/accounts/") for link in links)


@pytest.mark.parametrize("email", ["stella-staff@example.com", "nobody@example.com"])
def test_who_has_no_account_that_can_sign_in_is_told_who_gives_one_and_not_to_sign_up(
    email: str, staff: User
) -> None:
    User.objects.filter(pk=staff.pk).update(is_active=False)
    Client().post("/accounts/password/reset/", {"email": email})
    [letter] = mail.outbox
    assert letter.subject == "[SIP trunk portal] No account with this address"
    assert "No account with this address can sign in" in letter.body
    assert "ask an administrator" in letter.body
    assert "sign up" not in letter.body
    assert "signup" not in letter.body


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
