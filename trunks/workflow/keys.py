"""Rotating the keys that secrets are encrypted with."""

from django.db import transaction

from trunks import audit
from trunks.actions import Action
from trunks.models import MasterAccount, ZoomToken


def rotate() -> int:
    """Encrypt every stored secret with the newest key, all or none, and return how many there were.

    Raises `cryptography.fernet.InvalidToken` when one cannot be read with any key.
    """
    with transaction.atomic():
        masters = list(MasterAccount.objects.select_for_update())
        for master in masters:
            # Reading decrypted it with whichever key fits; writing encrypts with the first.
            master.save(update_fields=["client_secret"])
            audit.record(
                Action.KEYS_ROTATED, actor=None, why="rotate_encryption_keys", on=master, master=master
            )
        # A token lives for an hour and is quickly asked for again.
        ZoomToken.objects.all().delete()
    return len(masters)
