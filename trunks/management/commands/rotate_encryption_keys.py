"""Encrypt every stored secret with the newest key."""

from typing import Any

from cryptography.fernet import InvalidToken
from django.core.management.base import BaseCommand, CommandError

from trunks.workflow import keys


class Command(BaseCommand):
    help = (
        "Encrypt every stored secret with the first key of FIELD_ENCRYPTION_KEYS. Afterwards the other keys can be"
        " taken out of the list."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = keys.rotate()
        except InvalidToken as error:
            raise CommandError(
                "A secret cannot be read with any of the keys; nothing was changed."
            ) from error
        self.stdout.write(
            self.style.SUCCESS(
                f"{count} secret{' is' if count == 1 else 's are'} encrypted with the newest key."
            )
        )
