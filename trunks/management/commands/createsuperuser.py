"""`manage.py createsuperuser` is Django's, and makes an account without an event. Here it does nothing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Not in the portal: create_administrator makes the first account, and the audit trail knows of it."

    def add_arguments(self, parser: CommandParser) -> None:
        for option in ("--email", "--name", "--database"):
            parser.add_argument(option)
        parser.add_argument("--noinput", "--no-input", action="store_true")

    def handle(self, *_args: Any, **_options: Any) -> None:
        raise CommandError(
            "A superuser has no rights here, and making one would not be on record: use create_administrator --email …"
        )
