"""A decision asks again who it is when the last proof is old, and nothing that was typed is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client
from pytest_django import Settings

from tests import cast, totp
from tests.conftest import SignedIn
from trunks import audit, step_up
from trunks.models import (
    Invitation,
    MasterAccount,
    Role,
    RoleGrant,
    State,
    TrunkRequest,
    User,
    Webhook,
    WriteStop,
)
from trunks.workflow import connecting as connect_verbs
from trunks.workflow import review

COMMENT = "Seen & agreed: 100 % “right”"
PROVE = "/accounts/reauthenticate/"


def aged(client: Client, seconds: float) -> Client:
    """Return the client as it is so many seconds after its person has proved who they are."""
    session = client.session
    session[step_up.KEY] = time.time() - seconds
    session.save()
    return client


@pytest.fixture
def client(supervisor: User, signed_in: SignedIn, settings: Settings) -> Client:
    settings.REQUIRE_MFA = frozenset()
    return aged(signed_in(supervisor), 901)


def approve(client: Client, trunk_request: TrunkRequest) -> str:
    """Approve with a comment and return where that leads."""
    form = {"version": trunk_request.version, "comment": COMMENT}
    answer = client.post(f"/requests/{trunk_request.reference}/approve/", form)
    assert answer.status_code == 302
    return str(answer["Location"])


def state_of(trunk_request: TrunkRequest) -> str:
    return TrunkRequest.objects.get(pk=trunk_request.pk).state


def test_an_old_proof_is_asked_for_again_and_the_comment_survives(
    client: Client, trunk_request: TrunkRequest, supervisor: User
) -> None:
    where = approve(client, trunk_request)
    assert where.startswith(PROVE)
    assert state_of(trunk_request) == State.PENDING
    page = client.get(where).content.decode()
    assert "What you have entered is kept" in page
    path = f"/requests/{trunk_request.reference}/approve/"
    answer = client.post(PROVE, {"password": cast.PASSWORD, "next": path})
    assert answer["Location"] == f"/requests/{trunk_request.reference}/"
    assert state_of(trunk_request) == State.APPROVED
    assert trunk_request.decisions.get().comment == COMMENT
    assert [event.action for event in audit.history(supervisor)] == ["session.confirmed"]


def test_a_proof_that_is_young_enough_is_not_asked_for(client: Client, trunk_request: TrunkRequest) -> None:
    aged(client, 890)
    assert approve(client, trunk_request) == f"/requests/{trunk_request.reference}/"
    assert state_of(trunk_request) == State.APPROVED


def test_nought_seconds_never_ask(client: Client, trunk_request: TrunkRequest, settings: Settings) -> None:
    settings.STEP_UP_SECONDS = 0
    approve(client, trunk_request)
    assert state_of(trunk_request) == State.APPROVED


def test_a_proof_from_the_future_is_none(client: Client, trunk_request: TrunkRequest) -> None:
    aged(client, -3600)
    assert approve(client, trunk_request).startswith(PROVE)


def test_a_wrong_password_decides_nothing_and_the_right_one_still_does(
    client: Client, trunk_request: TrunkRequest, supervisor: User
) -> None:
    approve(client, trunk_request)
    path = f"/requests/{trunk_request.reference}/approve/"
    assert client.post(PROVE, {"password": "wrong-pass-2468", "next": path}).status_code == 200
    assert state_of(trunk_request) == State.PENDING
    assert audit.history(supervisor).get().action == "session.not_confirmed"
    client.post(PROVE, {"password": cast.PASSWORD, "next": path})
    assert state_of(trunk_request) == State.APPROVED


def test_a_code_of_the_app_proves_it_as_well(
    client: Client, trunk_request: TrunkRequest, supervisor: User
) -> None:
    secret = generate_totp_secret()
    TOTP.activate(supervisor, secret)
    approve(client, trunk_request)
    form = {"code": totp.code(secret), "next": f"/requests/{trunk_request.reference}/approve/"}
    client.post("/accounts/2fa/reauthenticate/", form)
    assert state_of(trunk_request) == State.APPROVED
    assert trunk_request.decisions.get().comment == COMMENT


def test_what_became_stale_meanwhile_is_refused_as_ever(
    client: Client, trunk_request: TrunkRequest, second_supervisor: User
) -> None:
    approve(client, trunk_request)
    review.deny(trunk_request, actor=second_supervisor, version=trunk_request.version, comment="No.")
    path = f"/requests/{trunk_request.reference}/approve/"
    assert client.post(PROVE, {"password": cast.PASSWORD, "next": path}).status_code == 409
    assert state_of(trunk_request) == State.DENIED


def test_a_role_that_was_revoked_meanwhile_decides_nothing(
    client: Client, trunk_request: TrunkRequest, supervisor: User
) -> None:
    approve(client, trunk_request)
    RoleGrant.objects.filter(user=supervisor).update(role=Role.MANAGER)
    path = f"/requests/{trunk_request.reference}/approve/"
    assert client.post(PROVE, {"password": cast.PASSWORD, "next": path}).status_code == 403
    assert state_of(trunk_request) == State.PENDING


def test_a_kept_decision_is_not_carried_out_by_a_proof_for_something_else(
    client: Client, trunk_request: TrunkRequest
) -> None:
    approve(client, trunk_request)
    client.post(PROVE, {"password": cast.PASSWORD, "next": "/requests/"})
    path = f"/requests/{trunk_request.reference}/approve/"
    client.post(PROVE, {"password": cast.PASSWORD, "next": path})
    assert state_of(trunk_request) == State.PENDING


Act = Callable[[Client, TrunkRequest, User], str]
PROTECTED: dict[str, Act] = {
    "deny": lambda _, row, __: f"/requests/{row.reference}/deny/",
    "send back": lambda _, row, __: f"/requests/{row.reference}/send-back/",
    "stop writing": lambda *_: "/writing/stop/",
    "ask to start writing": lambda *_: "/writing/1/ask/",
    "confirm the start": lambda *_: "/writing/1/confirm/",
    "decline the start": lambda *_: "/writing/1/decline/",
    "grant": lambda _, __, staff: f"/people/{staff.pk}/grant/",
    "revoke": lambda _, __, staff: f"/people/{staff.pk}/grants/1/revoke/",
    "deactivate": lambda _, __, staff: f"/people/{staff.pk}/deactivate/",
    "reactivate": lambda _, __, staff: f"/people/{staff.pk}/reactivate/",
    "sign out": lambda _, __, staff: f"/people/{staff.pk}/end-sessions/",
    "reset factors": lambda _, __, staff: f"/people/{staff.pk}/reset-factors/",
    "invite": lambda *_: "/people/invite/",
    "renew an invitation": lambda *_: "/people/invitations/1/renew/",
    "withdraw an invitation": lambda *_: "/people/invitations/1/withdraw/",
    "save a policy": lambda _, row, __: f"/masters/{row.master_id}/policy/",
    "add a webhook": lambda *_: "/webhooks/",
    "renew a webhook's secret": lambda *_: "/webhooks/1/secret/",
    "switch a webhook off": lambda *_: "/webhooks/1/off/",
    "switch a webhook on": lambda *_: "/webhooks/1/on/",
}


@pytest.mark.parametrize("name", PROTECTED)
def test_everything_that_weighs_asks_for_a_proof(
    name: str, client: Client, trunk_request: TrunkRequest, staff: User
) -> None:
    answer = client.post(PROTECTED[name](client, trunk_request, staff), {"reason": "x", "comment": "x"})
    assert answer.status_code == 302
    assert answer["Location"].startswith(PROVE)
    assert not WriteStop.objects.exists()


def test_a_webhook_survives_the_proof(administrator: User, signed_in: SignedIn, settings: Settings) -> None:
    settings.REQUIRE_MFA = frozenset()
    client = aged(signed_in(administrator), 901)
    form = {"name": "Desk", "url": "https://desk.example.com/hook", "topics": ["decided"]}
    client.post("/webhooks/", form)
    assert not Webhook.objects.exists()
    answer = client.post(PROVE, {"password": cast.PASSWORD, "next": "/webhooks/"})
    made = Webhook.objects.get()
    assert (answer.status_code, made.url) == (200, form["url"])
    assert made.secret in answer.content.decode()


def test_an_invitation_survives_the_proof(
    administrator: User, signed_in: SignedIn, settings: Settings
) -> None:
    settings.REQUIRE_MFA = frozenset()
    client = aged(signed_in(administrator), 901)
    assert client.get("/people/invite/").status_code == 200
    form = {"email": "new@example.com", "roles": ["staff", "manager"], "masters": ["all"]}
    client.post("/people/invite/", form)
    answer = client.post(PROVE, {"password": cast.PASSWORD, "next": "/people/invite/"})
    assert answer.status_code == 200
    assert "/invitation/" in answer.content.decode()
    assert Invitation.objects.get().roles == ["staff", "manager"]


CONNECT = "/masters/connect/"
SECRET = "V3ry-s3cret-indeed"
CREDENTIALS = {
    "name": "Fabrikam & sons",
    "account_id": "fabrikam-account-id",
    "client_id": "fabrikam-client",
    "client_secret": SECRET,
    "rate_plan": "business",
}


@pytest.fixture
def connecting(administrator: User, signed_in: SignedIn, settings: Settings) -> Client:
    settings.REQUIRE_MFA = frozenset()
    administrator.set_password(
        cast.PASSWORD
    )  # the cast's hash is renewed at its first use, which ends sessions
    administrator.save(update_fields=["password"])
    return aged(signed_in(administrator), 901)


def test_connecting_asks_for_the_proof_before_the_form_is_shown(connecting: Client) -> None:
    asked = connecting.get(CONNECT)
    assert (asked.status_code, asked["Location"]) == (302, f"{PROVE}?next=%2Fmasters%2Fconnect%2F")
    shown = connecting.get(asked["Location"]).content.decode()
    assert "What you have entered" not in shown
    answer = connecting.post(PROVE, {"password": cast.PASSWORD, "next": CONNECT})
    assert answer["Location"] == CONNECT
    assert connecting.get(CONNECT).status_code == 200


def test_a_proof_that_grew_old_over_the_form_keeps_everything_but_the_secret(
    connecting: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect_verbs, "_try_out", lambda *_: None)
    asked = connecting.post(CONNECT, CREDENTIALS)
    assert asked["Location"].startswith(PROVE)
    assert SECRET not in json.dumps(dict(connecting.session))
    shown = connecting.get(asked["Location"]).content.decode()
    assert "<strong>connect Fabrikam &amp; sons</strong>" in shown
    assert "but for the client secret: enter that again once you have confirmed" in shown
    assert "is carried out" not in shown
    again = connecting.post(PROVE, {"password": cast.PASSWORD, "next": CONNECT})
    page = again.content.decode()
    assert again.status_code == 422
    assert "Client secret: It was not kept while you proved who you are. Enter it again." in page
    assert 'value="fabrikam-account-id"' in page
    assert '<option value="business" selected>' in page
    assert 'action="/masters/connect/"' in page  # this page has the address of the proof
    assert not MasterAccount.objects.exists()
    assert connecting.post(CONNECT, CREDENTIALS)["Location"].startswith("/masters/?asked")
    assert MasterAccount.objects.get().client_secret == SECRET


def test_after_single_sign_on_the_secret_is_asked_for_as_well(connecting: Client) -> None:
    connecting.post(CONNECT, CREDENTIALS)
    page = aged(connecting, 1).get("/proof/").content.decode()
    assert 'name="account_id" value="fabrikam-account-id"' in page
    assert "client_secret" not in page
    without = {name: value for name, value in CREDENTIALS.items() if name != "client_secret"}
    assert "It was not kept" in connecting.post(CONNECT, without).content.decode()
    assert "It was not kept" not in connecting.post(CONNECT, without | {"client_secret": ""}).content.decode()
