"""Rotating the keys that secrets are encrypted with."""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from cryptography.fernet import InvalidToken

from trunks import audit
from trunks.actions import Action
from trunks.models import MasterAccount, User, Webhook, ZoomToken
from trunks.models.fields import Unreadable


def rotate() -> int:
    """Encrypt every stored secret with the newest key, all or none, and return how many there were.

    Raises `cryptography.fernet.InvalidToken` when one cannot be read with any key.
    """
    with audit.change():
        masters = list(MasterAccount.objects.select_for_update())
        hooks = list(Webhook.objects.select_for_update())
        secrets = [*(master.client_secret for master in masters), *(hook.secret for hook in hooks)]
        if any(isinstance(secret, Unreadable) for secret in secrets):
            raise InvalidToken
        for master in masters:
            # Reading decrypted it with whichever key fits; writing encrypts with the first.
            master.save(update_fields=["client_secret"])
            audit.record(
                Action.KEYS_ROTATED, actor=None, why="rotate_encryption_keys", on=master, master=master
            )
        for hook in hooks:
            hook.save(update_fields=["secret"])
            audit.record(Action.KEYS_ROTATED, actor=None, why="rotate_encryption_keys", on=hook)
        factors = list(Authenticator.objects.select_for_update())
        for factor in factors:
            factor.data = {name: _again(name, value) for name, value in factor.data.items()}
            factor.save(update_fields=["data"])
        for person in User.objects.filter(pk__in={factor.user_id for factor in factors}):
            audit.record(Action.KEYS_ROTATED, actor=None, why="rotate_encryption_keys", on=person)
        # A token lives for an hour and is quickly asked for again.
        ZoomToken.objects.all().delete()
    return len(masters) + len(hooks) + len(factors)


def _again(name: str, value: Any) -> Any:
    """Return one entry of a second factor's data, encrypted anew where allauth encrypts it."""
    if name in ("secret", "seed"):
        return encrypt(decrypt(value))
    if name == "migrated_codes":
        return [encrypt(decrypt(code)) for code in value]
    return value
