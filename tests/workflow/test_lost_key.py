"""A lost key, or the wrong one after a restore: pages open, nothing is destroyed, connecting again helps."""

import copy
import pickle

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from portal.adapters import UNREADABLE
from tests import totp
from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass
from trunks.models import MasterAccount, State, User, ZoomToken
from trunks.models.fields import Unreadable
from trunks.sandbox.estate import NORTHWIND
from trunks.workflow import connecting, estate, people
from trunks.workflow.provisioning import provision

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


@pytest.fixture
def lost(zoom: Zoom, settings: Settings) -> list[str]:
    """Lose the key; return what it was."""
    kept: list[str] = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    return kept


def connect_again() -> MasterAccount:
    return connecting.connect(
        name=NORTHWIND.name,
        account_id=NORTHWIND.account_id,
        client_id=NORTHWIND.client_id,
        client_secret=NORTHWIND.client_secret,
        actor=None,
        why="test",
    )


def test_pages_open_and_nothing_is_overwritten_until_the_key_is_back(
    zoom: Zoom, lost: list[str], client: Client, administrator: User, settings: Settings
) -> None:
    client.force_login(administrator)
    assert client.get(reverse("masters")).status_code == 200
    assert client.get(reverse("home")).status_code == 200
    master = MasterAccount.objects.get()
    assert isinstance(master.client_secret, Unreadable)
    master.save()  # with every column
    settings.FIELD_ENCRYPTION_KEYS = lost
    assert MasterAccount.objects.get().client_secret == NORTHWIND.client_secret


def test_the_estate_is_not_read_and_the_reason_names_the_keys(zoom: Zoom, lost: list[str]) -> None:
    assert not estate.sync(zoom.master.pk)
    problem = MasterAccount.objects.get().sync_problem
    assert "The stored client secret cannot be read." in problem
    assert "FIELD_ENCRYPTION_KEYS" in problem
    with pytest.raises(CommandError, match="Not read"):
        call_command("sync_estate")


def test_what_is_approved_waits_and_is_carried_out_when_the_account_is_connected_again(
    zoom: Zoom, lost: list[str], staff: User, supervisor: User
) -> None:
    request = zoom.approved(staff, supervisor, "18888123")
    provision(request.pk)
    request.refresh_from_db()
    assert request.state == State.APPROVED
    assert zoom.assigned() == {}
    connect_again()
    let_pass(request)
    provision(request.pk)
    request.refresh_from_db()
    assert request.state == State.DONE
    assert zoom.assigned() == {"18888123": 1}


def test_a_token_that_cannot_be_read_is_asked_for_anew(zoom: Zoom, settings: Settings) -> None:
    estate.sync(zoom.master.pk)
    assert ZoomToken.objects.get().value
    old, settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS, [Fernet.generate_key().decode()]
    ZoomToken.objects.update(value="of another key")  # as a process writes it that has another key
    settings.FIELD_ENCRYPTION_KEYS = old
    assert not ZoomToken.objects.get().value
    assert estate.sync(zoom.master.pk)
    assert ZoomToken.objects.get().value not in ("", "of another key")


def test_what_cannot_be_read_is_no_text_and_survives_copies() -> None:
    unread = Unreadable("token")
    for same in (unread, copy.deepcopy(unread), pickle.loads(pickle.dumps(unread))):  # noqa: S301
        assert (same, bool(same), same.stored) == ("", False, "token")


def test_who_enters_a_code_is_told_what_helps_and_it_does(
    staff: User, administrator: User, client: Client, settings: Settings
) -> None:
    secret = "JBSWY3DPEHPK3PXP"
    data = {"secret": encrypt(secret)}
    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data=data)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    staff.set_password("a long enough secret")
    staff.save()
    sign_in = {"login": staff.email, "password": "a long enough secret"}
    client.post(reverse("account_login"), sign_in)
    answer = client.post(reverse("mfa_authenticate"), {"code": totp.code(secret)})
    assert answer.status_code == 200
    assert UNREADABLE in answer.content.decode()
    people.reset_second_factors(staff, actor=administrator)
    assert Client().post(reverse("account_login"), sign_in).headers["Location"] == "/"
