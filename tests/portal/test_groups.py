"""Roles that groups of the identity provider give: who gets them, and when they go again."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests import cast
from tests.portal.provider import enter
from trunks import audit
from trunks.models import Role, RoleGrant, User
from trunks.workflow import recognising, roles
from trunks.workflow.errors import Refused

pytestmark = pytest.mark.usefixtures("single_sign_on")


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
