"""Columns of our own: text that is encrypted at rest, and JSON that is kept to the letter."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


def cipher() -> MultiFernet:
    """Return what encrypts whatever is kept encrypted, second factors too: with the keys of now."""
    return _cipher_of(tuple(settings.FIELD_ENCRYPTION_KEYS))


@lru_cache(maxsize=4)
def _cipher_of(keys: Sequence[str]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


@lru_cache(maxsize=64)
def _decrypted(keys: Sequence[str], stored: str) -> str:
    """Decrypt once for each process: a worker comes upon the same secrets with every request that it takes up."""
    return _cipher_of(keys).decrypt(stored.encode()).decode()


class Unreadable(str):
    """What a secret is where no key reads it: no text at all, so that nothing is signed in or sealed with it.

    It keeps what is stored, which is written back as it was: with the right key again, it can be read again.
    """

    __slots__ = ("stored",)
    stored: str

    def __new__(cls, stored: str) -> "Unreadable":
        empty = super().__new__(cls)
        empty.stored = stored
        return empty

    def __getnewargs__(self) -> tuple[str]:
        return (self.stored,)


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]  # generic in the stubs only
    """Text that the database holds only as a Fernet token, and the audit trail never.

    The first key of FIELD_ENCRYPTION_KEYS encrypts, all of them decrypt, so that keys can be rotated. Where no key
    fits, the value is Unreadable: no page must fail over a lost key, nor the command that stores new credentials.
    It cannot be searched: equal texts have different tokens.
    """

    secret = True

    def get_prep_value(self, value: str | None) -> str | None:
        if isinstance(value, Unreadable):
            return value.stored
        return value if not value else cipher().encrypt(value.encode()).decode()

    def from_db_value(
        self, value: str | None, _expression: object, _connection: BaseDatabaseWrapper
    ) -> str | None:
        try:
            return value if not value else _decrypted(tuple(settings.FIELD_ENCRYPTION_KEYS), value)
        except InvalidToken:
            return Unreadable(value or "")


AS_STORED = "as stored"
_JSON = DjangoJSONEncoder(separators=(",", ":"), ensure_ascii=False)


class JSONTextField(models.TextField):  # type: ignore[type-arg]  # generic in the stubs only
    """A JSON object kept as the very text that was written: what is hashed must not be put in another order.

    Whoever may add rows by another way can write any text there. One that is no object, or is nested too deep to be
    read, is the value of AS_STORED, so that no page fails that shows it.
    """

    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def get_prep_value(self, value: Any) -> str:
        return _JSON.encode(value)

    def from_db_value(
        self, value: str, _expression: object, _connection: BaseDatabaseWrapper
    ) -> dict[str, Any]:
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            found = None
        return found if isinstance(found, dict) else {AS_STORED: value}
