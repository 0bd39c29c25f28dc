"""Guessing and asking again and again: held back, whoever the caller claims to be."""

import pytest
from django.test import Client
from pytest_django import Settings

from tests import cast
from tests.views.test_signing_in import LOGIN, sign_in, trail, with_totp
from trunks import audit
from trunks.models import User
from trunks.models.audit_event import AuditEvent


def ground(user: User) -> str:
    """Return the ground of the last event about `user`, which is the portal's own."""
    last = audit.history(user).last()
    assert last
    return last.ground


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
