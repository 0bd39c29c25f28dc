"""Proving who one is at the identity provider, for who has no password."""

from __future__ import annotations

import time

import pytest
from django.test import Client

from tests import identity_provider
from tests.portal.provider import enter
from trunks import step_up
from trunks.models import State, TrunkRequest, User
from trunks.workflow import recognising

pytestmark = pytest.mark.usefixtures("single_sign_on")


def grow_old(client: Client) -> None:
    """Let what proved who it is lie an hour back."""
    session = client.session
    session[step_up.KEY] = time.time() - 3600
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [record | {"at": 0} for record in records]
    session.save()


@pytest.mark.parametrize("page", ["/accounts/password/set/", "/accounts/2fa/totp/activate/"])
def test_a_session_that_was_stolen_sets_up_nothing_that_it_then_proves_itself_by(
    page: str, client: Client, supervisor: User
) -> None:
    supervisor.set_unusable_password()
    supervisor.save()
    enter(client, "sam")
    assert client.get(page).status_code == 200
    grow_old(client)
    form = {"password1": "another long secret", "password2": "another long secret", "code": "000000"}
    answer = client.post(page, form, follow=True)
    assert answer.redirect_chain[-1][0].startswith("/proof/sso/")
    assert not User.objects.get(pk=supervisor.pk).has_usable_password()
    if "password" in page:  # which is not kept for after the proof
        assert "another long secret" not in str(dict(client.session))
    # A page leads back to itself after the proof.
    client.session.flush()
    enter(client, "sam")
    grow_old(client)
    answer = client.get(page, follow=True)
    away = client.post(answer.context["address"])
    back = identity_provider.come_back(away["Location"], "sam")
    chain = client.get(back.partition("://testserver")[2], follow=True).redirect_chain
    assert chain[-1] == (page, 302)
    assert client.get(page).status_code == 200


def test_a_proof_leads_back_to_no_other_site(client: Client, supervisor: User) -> None:
    enter(client, "sam")
    assert client.get("/proof/sso/?next=https://elsewhere.example/").status_code == 200
    assert client.get("/proof/")["Location"] == "/"


def test_who_has_no_password_proves_it_at_the_provider_and_loses_nothing(
    client: Client, supervisor: User, trunk_request: TrunkRequest
) -> None:
    supervisor.set_unusable_password()
    supervisor.save()
    enter(client, "sam")
    grow_old(client)
    path = f"/requests/{trunk_request.reference}/approve/"
    answer = client.post(path, {"version": trunk_request.version, "comment": "Seen."}, follow=True)
    assert answer.redirect_chain[-1][0].startswith("/proof/sso/")
    assert client.get("/proof/")["Location"] == "/"
    address = answer.context["address"]
    assert "prompt%3Dlogin" in address
    assert enter(client, "sam", address) == 200
    page = client.get("/proof/").content.decode()
    assert f'action="{path}"' in page
    assert 'value="Seen."' in page
    assert TrunkRequest.objects.get(pk=trunk_request.pk).state == State.PENDING
    assert client.post(path, {"version": trunk_request.version, "comment": "Seen."}).status_code == 302
    assert TrunkRequest.objects.get(pk=trunk_request.pk).state == State.APPROVED


@pytest.mark.parametrize(("ago", "fresh"), [(None, True), (10, True), (3600, False), (-3600, False)])
def test_a_proof_that_the_provider_dates_must_be_young(ago: float | None, *, fresh: bool) -> None:
    claims = {} if ago is None else {"auth_time": int(time.time() - ago)}
    assert recognising.is_fresh(claims) is fresh
