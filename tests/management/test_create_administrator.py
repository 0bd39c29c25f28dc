"""The first administrator, and one more where nobody can sign in any more."""

import os
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tests import cast
from trunks import audit
from trunks.models import Invitation, Role, RoleGrant, User

EMAIL = "ada@example.com"


def run(*options: str) -> str:
    out = StringIO()
    call_command("create_administrator", "--email", EMAIL, *options, stdout=out)
    return out.getvalue()


def path_in(said: str) -> str:
    return "/invitation/" + said.partition("/invitation/")[2].strip()


@pytest.mark.django_db
def test_the_printed_link_makes_an_administrator_of_all_masters(client: Client) -> None:
    client.get(path_in(run("--name", "Ada")))
    form = {"name": "Ada", "password1": "a long enough secret", "password2": "a long enough secret"}
    assert client.post("/invitation/", form).status_code == 302
    grant = RoleGrant.objects.get(user__email=EMAIL)
    assert (grant.role, grant.master, grant.ends_on) == ("administrator", None, None)
    [event] = audit.history(Invitation.objects.get())
    assert event.actor is None
    assert event.ground.startswith("command line, ")


@pytest.mark.parametrize("error", [KeyError, OSError])
@pytest.mark.django_db
def test_where_the_account_has_no_name_its_number_is_told(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def nameless() -> str:
        raise error("getpwuid(): uid not found: 10001")

    monkeypatch.setattr("getpass.getuser", nameless)
    run()
    [event] = audit.history(Invitation.objects.get())
    assert event.ground == f"command line, user id {os.getuid()}"


@pytest.mark.django_db
def test_asked_again_it_prints_a_new_link_and_the_old_one_is_void() -> None:
    first, second = run(), run()
    assert Client().get(path_in(first), follow=True).status_code == 404
    assert Client().get(path_in(second), follow=True).status_code == 200
    assert Invitation.objects.count() == 1


def test_somebody_who_has_an_account_is_given_the_role(db: None) -> None:
    person = cast.person("Ada", Role.STAFF)
    assert "is administrator" in run()
    assert User.objects.get(pk=person.pk).roles == {"staff", "administrator"}


def test_a_deactivated_person_is_not(db: None) -> None:
    person = cast.person("Ada")
    User.objects.filter(pk=person.pk).update(is_active=False)
    with pytest.raises(CommandError, match="deactivated"):
        run()


@pytest.mark.django_db
def test_what_is_no_address_is_said_in_plain_words() -> None:
    with pytest.raises(CommandError, match="not an e-mail address"):
        call_command("create_administrator", "--email", "nobody")


def test_an_open_invitation_with_other_roles_is_not_turned_into_an_administrators(
    administrator: User,
) -> None:
    Invitation.objects.create(
        email=EMAIL,
        roles=["staff"],
        for_all_masters=True,
        token_digest="x",
        invited_at=cast.LONG_AGO,
        expires_at=cast.LONG_AGO,
    )
    with pytest.raises(CommandError, match="invited already"):
        run()
