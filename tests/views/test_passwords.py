"""Passwords that are forgotten, changed and asked for anew."""

import re

import pytest
from allauth.usersessions.models import UserSession
from django.core import mail
from django.test import Client
from pytest_django import Settings

from tests import cast
from tests.views.test_signing_in import sign_in, trail
from trunks import audit
from trunks.models import User
from trunks.models.audit_event import AuditEvent

NEW = "another long secret"


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
