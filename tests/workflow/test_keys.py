"""Rotating the keys that secrets are encrypted with."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from cryptography.fernet import Fernet, InvalidToken
from pytest_django import Settings

from tests import cast
from trunks import audit
from trunks.models import MasterAccount, User, ZoomToken
from trunks.models.fields import Unreadable
from trunks.workflow import keys

pytestmark = pytest.mark.sqlite


@pytest.fixture
def master(db: None) -> MasterAccount:
    return cast.master_account("Northwind", "northwind-account-id", ("client", "the secret"))


def test_after_a_rotation_the_old_key_can_go(master: MasterAccount, settings: Settings) -> None:
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    ZoomToken.objects.create(master=master, value="token", expires_at=9e9)
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    assert keys.rotate() == 1
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert MasterAccount.objects.get().client_secret == "the secret"
    assert not ZoomToken.objects.exists()
    settings.FIELD_ENCRYPTION_KEYS = [old]
    assert isinstance(MasterAccount.objects.get().client_secret, Unreadable)


def test_a_rotation_is_recorded_without_the_secret(master: MasterAccount) -> None:
    keys.rotate()
    event = audit.history(master).get()
    assert (event.action, event.actor_name, event.master) == (
        "keys.rotated",
        "System (rotate_encryption_keys)",
        master,
    )
    assert (event.before, event.after) == ({}, {})


def test_each_person_whose_second_factors_are_encrypted_anew_is_told_of_once(staff: User) -> None:
    for kind in (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES):
        Authenticator.objects.create(user=staff, type=kind, data={"secret": encrypt("the seed")})
    keys.rotate()
    assert [event.action for event in audit.history(staff)] == ["keys.rotated"]


def test_a_secret_that_no_key_reads_stops_the_rotation_of_all(
    master: MasterAccount, settings: Settings
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(InvalidToken):
        keys.rotate()


def test_with_nothing_stored_nothing_is_rotated(db: None) -> None:
    assert keys.rotate() == 0


def test_an_empty_secret_stays_empty(master: MasterAccount) -> None:
    ZoomToken.objects.create(master=master)
    assert ZoomToken.objects.get().value == ""


def test_second_factors_are_encrypted_anew_as_well(staff: User, settings: Settings) -> None:
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    data = {
        "secret": encrypt("totp"),
        "seed": encrypt("seed"),
        "migrated_codes": [encrypt("code")],
        "used_mask": 3,
    }
    factor = Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data=data)
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    assert keys.rotate() == 1
    settings.FIELD_ENCRYPTION_KEYS = [new]
    factor.refresh_from_db()
    kept = factor.data
    assert (decrypt(kept["secret"]), decrypt(kept["seed"]), decrypt(kept["migrated_codes"][0])) == (
        "totp",
        "seed",
        "code",
    )
    assert kept["used_mask"] == 3
