"""Signing in through a real OpenID Connect provider: who gets in, and as whom."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import connection
from django.test import Client
from pytest_django import Settings

from tests import cast, identity_provider
from tests.portal.provider import LOGIN, enter, name_of
from trunks import audit
from trunks.models import Role, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import invitations, recognising

pytestmark = pytest.mark.usefixtures("single_sign_on")
Enter = Callable[..., int]


def test_the_sign_in_page_offers_it(db: None, client: Client) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert "Sign in with Northwind ID" in page
    assert client.get("/accounts/oidc/sso/login/").status_code == 200


def test_who_has_an_account_is_known_by_the_verified_address(client: Client, staff: User) -> None:
    assert enter(client, "stella") == 200
    assert name_of(client) == "Stella Staff"
    assert SocialAccount.objects.get(user=staff).uid == "stella"
    began = audit.history(staff).last()
    assert began
    assert (began.action, began.after) == ("session.began", {"by": ["sso"]})
    # A password that was there stays, and the second time the account itself is known.
    assert User.objects.get(pk=staff.pk).check_password(cast.PASSWORD)
    assert enter(Client(), "stella") == 200
    assert SocialAccount.objects.count() == 1


@pytest.mark.parametrize("sub", ["unverified", "new", "nameless"])
def test_whom_nobody_has_let_in_stays_outside(client: Client, staff: User, sub: str) -> None:
    assert enter(client, sub) == 403
    assert name_of(client) is None
    assert not SocialAccount.objects.exists()
    assert User.objects.count() == 1
    assert AuditEvent.objects.latest("id").action == "session.failed"


def test_a_deactivated_person_stays_outside(client: Client, staff: User) -> None:
    enter(client, "stella")
    User.objects.filter(pk=staff.pk).update(is_active=False)
    assert enter(Client(), "stella") == 403


def test_an_invitation_is_taken_up_by_coming_in(client: Client, administrator: User) -> None:
    offer = invitations.Offer("new@example.com", [Role.MANAGER])
    invitations.invite(offer, actor=administrator, by_mail=False)
    assert enter(client, "new") == 200
    user = User.objects.get(email="new@example.com")
    assert (user.name, user.roles, user.has_usable_password()) == ("Nina New", {"manager"}, False)


def test_an_invitation_without_authority_opens_nothing(client: Client, administrator: User) -> None:
    offer = invitations.Offer("new@example.com", [Role.MANAGER])
    invitations.invite(offer, actor=administrator, by_mail=False)
    User.objects.filter(pk=administrator.pk).update(is_active=False)
    assert enter(client, "new") == 403


def test_strangers_come_in_without_a_role_where_that_is_wanted(
    db: None, client: Client, settings: Settings
) -> None:
    settings.OIDC_CREATE_PEOPLE = True
    assert enter(client, "new") == 200
    user = User.objects.get(email="new@example.com")
    assert user.roles == set()
    assert audit.history(user)[0].action == "person.joined"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("late", ["the person", "the account at the provider"])
def test_who_comes_in_for_the_first_time_in_two_windows_at_once_is_told_to_sign_in_again(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    settings.OIDC_CREATE_PEOPLE = True
    manager, name = (User.objects, "create_user") if late == "the person" else (recognising, "recognise")
    real, first = getattr(manager, name), [True]

    def other_window() -> int:
        try:
            return enter(Client(), "new")
        finally:
            connection.close()  # the thread's own

    def second(*given: Any, **more: Any) -> Any:
        if first:
            first.clear()
            with ThreadPoolExecutor() as windows:
                assert windows.submit(other_window).result() == 200
        return real(*given, **more)

    monkeypatch.setattr(manager, name, second)
    away = client.post(LOGIN)
    back = identity_provider.come_back(away["Location"], "new")
    answer = client.get(back.partition("://testserver")[2], follow=True)
    assert answer.status_code == 403
    assert "Sign in again." in answer.content.decode()
    assert User.objects.count() == SocialAccount.objects.count() == 1


def test_nobody_ties_another_account_to_theirs(client: Client, staff: User) -> None:
    enter(client, "stella")
    assert enter(client, "sam", LOGIN.replace("login", "connect").replace("connect/", "login/")) == 403
    assert name_of(client) == "Stella Staff"
    assert client.get("/accounts/3rdparty/")["Location"] == "/accounts/2fa/"
    assert SocialAccount.objects.count() == 1


def test_a_denied_consent_is_a_page_and_an_event(client: Client, staff: User) -> None:
    away = client.post(LOGIN)
    state = away["Location"].partition("state=")[2].partition("&")[0]
    answer = client.get(f"/accounts/oidc/sso/login/callback/?error=server_error&state={state}")
    assert "Single sign-on failed" in answer.content.decode()
    assert AuditEvent.objects.get().action == "session.failed"


NEW = {"email": "eve@example.com", "email_verified": True}


@pytest.mark.parametrize(
    ("told", "called"),
    [
        ("Eve\N{RIGHT-TO-LEFT OVERRIDE} Ng\n", "Eve Ng"),
        ("\N{ZERO WIDTH SPACE}\N{HANGUL FILLER}", "eve@example.com"),
        (None, "eve@example.com"),
    ],
)
def test_a_name_that_the_provider_tells_is_one_line_that_can_be_seen(
    told: str | None, called: str, settings: Settings, db: None
) -> None:
    settings.OIDC_CREATE_PEOPLE = True
    assert recognising.recognise(NEW | {"name": told}).name == called
