"""A text column that is encrypted at rest."""

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS])


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]  # generic in the stubs only
    """Text that the database holds only as a Fernet token.

    The first key of FIELD_ENCRYPTION_KEYS encrypts, all of them decrypt, so that keys can be rotated. Reading raises
    `cryptography.fernet.InvalidToken` when no key fits. It cannot be searched: equal texts have different tokens.
    """

    def get_prep_value(self, value: str | None) -> str | None:
        return value if not value else _cipher().encrypt(value.encode()).decode()

    def from_db_value(
        self, value: str | None, _expression: object, _connection: BaseDatabaseWrapper
    ) -> str | None:
        return value if not value else _cipher().decrypt(value.encode()).decode()
