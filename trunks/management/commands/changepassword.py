"""`manage.py changepassword` is Django's, and sets anybody's password without an event. Here it does nothing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = (
        "Not in the portal: nobody sets somebody else's password, and the audit trail would not know of it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("rest", nargs="*")

    def handle(self, *_args: Any, **_options: Any) -> None:
        raise CommandError(
            "Nobody sets somebody else's password. Whoever has forgotten theirs asks for an e-mail under"
            " /accounts/password/reset/. If no administrator can sign in any more, use create_administrator."
        )
