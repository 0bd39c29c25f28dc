"""Signing in through a real OpenID Connect provider: who gets in, as whom, and with which roles."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import connection
from django.test import Client
from pytest_django import Settings

from tests import cast, identity_provider
from trunks import audit, step_up
from trunks.models import Role, RoleGrant, State, TrunkRequest, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import invitations, recognising, roles
from trunks.workflow.errors import Refused

PEOPLE: dict[str, dict[str, object]] = {
    "stella": {"email": "stella-staff@example.com", "email_verified": True},
    "sam": {"email": "Sam-Supervisor@example.com", "email_verified": True, "name": "Sam"},
    "unverified": {"email": "stella-staff@example.com", "email_verified": False},
    "new": {"email": "new@example.com", "email_verified": True, "name": "Nina New"},
    "grouped": {
        "email": "grouped@example.com",
        "email_verified": True,
        "groups": ["portal-staff", "all"],
    },
    "nameless": {},
}
LOGIN = "/accounts/oidc/sso/login/?process=login"
Enter = Callable[..., int]


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    known = [{"sub": sub} | claims for sub, claims in PEOPLE.items()]
    with identity_provider.running(tmp_path_factory.mktemp("idp"), *known) as address:
        yield address


@pytest.fixture(autouse=True)
def _configured(issuer: str, settings: Settings) -> None:
    app = {
        "provider_id": "sso",
        "name": "Northwind ID",
        "client_id": "portal",
        "secret": "not-a-secret",
        "settings": {"server_url": issuer},
    }
    settings.OIDC_ISSUER = issuer
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}


def enter(client: Client, sub: str, address: str = LOGIN) -> int:
    """Sign in at the provider as `sub` and come back; return the status of the page that one lands on."""
    away = client.post(address)
    assert away.status_code == 302
    back = identity_provider.come_back(away["Location"], sub)
    return client.get(back.partition("://testserver")[2], follow=True).status_code


def name_of(client: Client) -> str | None:
    user = client.get("/").wsgi_request.user
    return str(user) if user.is_authenticated else None


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


def test_a_group_lets_in_and_gives_its_role_and_takes_it_away(
    db: None, client: Client, settings: Settings
) -> None:
    settings.OIDC_ROLE_MAP = {"portal-staff": "staff"}
    assert enter(client, "grouped") == 200
    user = User.objects.get(email="grouped@example.com")
    RoleGrant.objects.create(user=user, role=Role.MANAGER)
    assert user.roles == {"staff", "manager"}
    settings.OIDC_ROLE_MAP = {"portal-staff": "supervisor"}
    assert enter(Client(), "grouped") == 200
    assert User.objects.get(pk=user.pk).roles == {"supervisor", "manager"}
    assert [event.ground for event in audit.history(user).filter(action="role.revoked")] == [recognising.WHY]


def test_with_the_last_pair_of_the_map_go_the_roles_that_it_gave(
    db: None, client: Client, settings: Settings
) -> None:
    """As with any other pair: what no group gives any more is gone the next time that the person signs in."""
    settings.OIDC_ROLE_MAP = {"portal-staff": "staff"}
    enter(client, "grouped")
    user = User.objects.get(email="grouped@example.com")
    RoleGrant.objects.create(user=user, role=Role.MANAGER)
    settings.OIDC_ROLE_MAP = {}
    enter(Client(), "grouped")
    assert User.objects.get(pk=user.pk).roles == {"manager"}
    assert [event.ground for event in audit.history(user).filter(action="role.revoked")] == [recognising.WHY]


@pytest.mark.parametrize(
    ("role_map", "left"),
    [({}, {"staff"}), ({"x": "manager"}, {"staff"}), ({"x": "supervisor"}, {"staff", "supervisor"})],
)
def test_who_comes_in_another_way_loses_what_no_group_gives_any_more(
    staff: User, settings: Settings, role_map: dict[str, str], left: set[str]
) -> None:
    """Where single sign-on is taken away too, nobody comes in through it."""
    roles.grant(staff, actor=None, role=Role.SUPERVISOR, why=recognising.WHY, by_group=True)
    settings.OIDC_ROLE_MAP = role_map
    settings.OIDC_ISSUER = ""
    form = {"login": staff.email, "password": cast.PASSWORD}
    answer = Client().post("/accounts/login/", form)
    assert answer.status_code == 302
    assert User.objects.get(pk=staff.pk).roles == left
    taken = audit.history(staff).filter(action="role.revoked")
    assert [event.ground for event in taken] == [recognising.UNMAPPED] * (2 - len(left))


def test_the_last_administrator_keeps_the_role_though_the_group_is_gone(
    administrator: User, settings: Settings
) -> None:
    settings.OIDC_ROLE_MAP = {"admins": "administrator"}
    RoleGrant.objects.filter(user=administrator).update(by_group=True)
    recognising.recognise({}, known=administrator)
    assert User.objects.get(pk=administrator.pk).roles == {"administrator"}
    recognising.recognise({"groups": "admins"}, known=administrator)
    assert audit.history(administrator).count() == 0


def test_what_an_administrator_gives_is_not_taken_away_with_the_group(
    administrator: User, staff: User, settings: Settings
) -> None:
    settings.OIDC_ROLE_MAP = {"deciders": "supervisor"}
    recognising.recognise({"groups": "deciders"}, known=staff)
    roles.grant(staff, actor=administrator, role=Role.SUPERVISOR)
    event = audit.history(staff).last()
    assert event
    assert (event.action, event.actor, event.before["by_group"]) == ("role.changed", administrator, True)
    recognising.recognise({}, known=staff)
    assert User.objects.get(pk=staff.pk).roles == {"staff", "supervisor"}


def test_a_worker_lost_after_a_group_gave_a_role_leaves_none_that_stays(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OIDC_ROLE_MAP = {"deciders": "supervisor"}
    real = roles.grant

    def grant(*args: Any, **more: Any) -> None:
        real(*args, **more)
        raise SystemExit  # the process ends here

    monkeypatch.setattr(roles, "grant", grant)
    with pytest.raises(SystemExit):
        recognising.recognise({"groups": "deciders"}, known=staff)
    recognising.recognise({}, known=staff)
    assert User.objects.get(pk=staff.pk).roles == {"staff"}


def test_who_is_deactivated_while_coming_in_by_a_group_is_turned_away(
    staff: User, settings: Settings
) -> None:
    settings.OIDC_ROLE_MAP = {"deciders": "supervisor"}
    User.objects.filter(pk=staff.pk).update(is_active=False)
    with pytest.raises(Refused, match="Nobody is known"):
        recognising.recognise({"groups": "deciders"}, known=staff)


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
