"""Let a second database role run the portal, one that owns nothing and cannot touch the audit trail's guards."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trunks import audit_roles


class Command(BaseCommand):
    help = (
        "Grant the role that runs the portal its rights; of the audit trail, it may only add and read events."
        " Run it after each migrate, as the owner of the tables (DATABASE_URL)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--role", help="a role that exists already")
        who.add_argument(
            "--url-file",
            type=Path,
            help="a file with the running portal's DATABASE_URL; the role is created if missing",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        role, password = options["role"], None
        if options["url_file"]:
            role, password = _account(options["url_file"])
        try:
            signs_in = audit_roles.grant(role, password)
        except audit_roles.NotGranted as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS(f"{role} may run the portal, and owns nothing."))
        if password is not None and not signs_in:
            self.stdout.write(
                self.style.WARNING(
                    "Its password is the one it had: the role of DATABASE_URL may not change it."
                )
            )


def _account(file: Path) -> tuple[str, str]:
    try:
        address = urlsplit(file.read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} cannot be read as an address of a database.") from error
    if not address.username or not address.password:
        raise CommandError(f"The address in {file} names no role and password.")
    return unquote(address.username), unquote(address.password)
