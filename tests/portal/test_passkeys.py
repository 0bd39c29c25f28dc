"""allauth's addresses for passkeys, which the other tests have not: their portal is reached by an IP address."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import urls, views
from django.test import Client
from django.urls import URLPattern, URLResolver, include, path
from fido2.utils import websafe_encode

from portal.urls import PROOF_BY_PASSKEY
from portal.urls import urlpatterns as own
from tests import cast
from tests.conftest import SignedIn
from trunks import audit
from trunks.models import TrunkRequest, User
from trunks.models.audit_event import AuditEvent

LOGIN = path("accounts/2fa/webauthn/login/", views.login_webauthn, name="mfa_login_webauthn")
urlpatterns: list[URLPattern | URLResolver] = [
    LOGIN,
    PROOF_BY_PASSKEY,
    path("accounts/2fa/webauthn/", include(urls.urlpatterns)),
    *own,
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

PASSKEYS = "/accounts/2fa/webauthn/"
STRAY = '{"id": "eA", "rawId": "eA", "type": "public-key", "response": %s}'
ODD = {
    "no JSON": "nonsense",
    "too deep": "[" * 5000,
    "a number that is too long": "9" * 5000,
    "no object": "[]",
    "without its id": '{"id": 1}',
    "no base 64": '{"id": "x", "rawId": "x", "type": "public-key", "response": {}}',
    "an empty answer": STRAY
    % '{"clientDataJSON": "e30", "attestationObject": "", "authenticatorData": "AAAA"}',
    "a list of bytes": STRAY % '{"clientDataJSON": [], "attestationObject": [], "authenticatorData": []}',
}


def passkey_of(user: User) -> Authenticator:
    return Authenticator.objects.create(
        user=user, type=Authenticator.Type.WEBAUTHN, data={"name": "Old phone", "credential": {}}
    )


def of(user: User) -> str:
    """Return a credential that says it is the person's, and that no device of theirs has made."""
    client_data = b'{"type": "webauthn.get", "challenge": "eA", "origin": "https://elsewhere.example"}'
    answer = {
        "clientDataJSON": websafe_encode(client_data),
        "authenticatorData": websafe_encode(bytes(37)),
        "signature": "AA",
        "userHandle": websafe_encode(user_pk_to_url_str(user).encode()),
    }
    return STRAY % str(answer).replace("'", '"')


@pytest.mark.parametrize("credential", ODD.values(), ids=ODD)
def test_odd_input_is_a_wrong_passkey_and_no_error_of_the_portal(
    credential: str, staff: User, signed_in: SignedIn
) -> None:
    client = signed_in(staff)
    form = {"credential": credential, "name": "Phone"}
    assert client.get(f"{PASSKEYS}add/").status_code == 200
    assert client.post(f"{PASSKEYS}add/", form).status_code == 200
    stranger = Client()
    stranger.get(f"{PASSKEYS}login/", headers={"x-requested-with": "XMLHttpRequest"})
    assert stranger.post(f"{PASSKEYS}login/", form)["Location"] == "/accounts/login/"
    assert stranger.get("/requests/").status_code == 302
    assert not Authenticator.objects.exists()
    assert not AuditEvent.objects.exists()  # nothing counts them, so that they could write the trail full


def test_signing_in_by_a_wrong_passkey_is_an_event_about_whom_it_names(client: Client, staff: User) -> None:
    client.get(f"{PASSKEYS}login/", headers={"x-requested-with": "XMLHttpRequest"})
    client.post(f"{PASSKEYS}login/", {"credential": of(staff)})
    client.post(f"{PASSKEYS}login/", {"credential": of(User(pk=10**15))})
    known, nobody = AuditEvent.objects.order_by("id")
    assert {event.action for event in (known, nobody)} == {"session.failed"}
    assert {event.actor for event in (known, nobody)} == {None}
    assert (known.object_id, known.ground) == (str(staff.pk), "wrong passkey")
    assert nobody.object_label.startswith("unknown address")


def test_wrong_passkeys_as_a_second_factor_are_events_and_held_back(client: Client, staff: User) -> None:
    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={"secret": "x"})
    client.post("/accounts/login/", {"login": staff.email, "password": cast.PASSWORD})
    for _ in range(6):
        client.post("/accounts/2fa/authenticate/", {"credential": of(staff)})
    actions = [event.action for event in audit.history(staff)]
    assert actions == ["factor.failed"] * 5 + ["session.held_back"]


def test_a_wrong_passkey_is_an_event_as_a_proof(
    staff: User, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(staff)
    passkey_of(staff)
    monkeypatch.setattr("allauth.mfa.webauthn.internal.auth.get_credentials", lambda _: [])
    client.post(f"{PASSKEYS}reauthenticate/", {"credential": of(staff)})
    assert [event.action for event in audit.history(staff)] == ["factor.failed"]


def test_after_a_wrong_passkey_as_a_proof_the_way_back_and_what_was_typed_are_still_there(
    staff: User, trunk_request: TrunkRequest, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(staff)
    passkey_of(staff)
    monkeypatch.setattr("allauth.mfa.webauthn.internal.auth.get_credentials", lambda _: [])
    session = client.session
    back = f"/requests/{trunk_request.reference}/approve/"
    kept = {"request": json.dumps({"path": back, "POST": "version=1"})}
    session[STATE_SESSION_KEY] = kept
    session.save()
    page = f"{PASSKEYS}reauthenticate/"
    answer = client.post(page, {"credential": of(staff), "next": back})
    assert answer["Location"] == f"{page}?next={quote(back, safe='')}"
    again = client.get(answer["Location"])
    assert f'name="next" value="{back}"' in again.content.decode()
    assert "Incorrect code" in again.content.decode()
    assert client.session[STATE_SESSION_KEY] == kept
    elsewhere = client.post(page, {"credential": of(staff), "next": "https://elsewhere.example/"})
    assert elsewhere["Location"] == page


def test_renaming_and_removing_a_passkey_are_events(staff: User, signed_in: SignedIn) -> None:
    client, passkey = signed_in(staff), passkey_of(staff)
    one = f"{PASSKEYS}keys/{passkey.pk}/"
    assert client.post(f"{one}edit/", {"name": "N" * 101}).status_code == 200
    assert client.post(f"{one}edit/", {"name": "New phone"}).status_code == 302
    assert client.post(f"{one}remove/").status_code == 302
    assert [event.action for event in audit.history(staff)] == ["factor.renamed", "factor.removed"]
    assert {event.actor for event in audit.history(staff)} == {staff}


def test_nobody_touches_the_passkey_of_somebody_else(
    staff: User, second_staff: User, signed_in: SignedIn
) -> None:
    client, passkey = signed_in(second_staff), passkey_of(staff)
    for what in ("edit", "remove"):
        assert client.post(f"{PASSKEYS}keys/{passkey.pk}/{what}/", {"name": "Mine"}).status_code == 404
    assert Authenticator.objects.get().data["name"] == "Old phone"


def test_no_other_address_of_a_passkey_takes_a_form() -> None:
    """Adding one that is right takes a browser with a device: tests/journey/test_sign_in.py."""
    known = {"add/", "login/", "reauthenticate/", "keys/<int:pk>/", ""}
    assert {str(one.pattern) for one in urls.urlpatterns} | {"login/"} == known
