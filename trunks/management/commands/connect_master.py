"""Connect a master account from the command line."""

import argparse
import logging
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trunks.management import whose
from trunks.models import MasterAccount, RatePlan, SubAccount
from trunks.workflow import connecting, estate

LOOK_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Test the credentials of a master account's server-to-server app, store them (the secret encrypted), and read"
        " its trunks and sub accounts from Zoom. With an account id that is known already, its credentials are changed."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="what people call the account")
        parser.add_argument("--account-id", required=True, help="Zoom's account id, from the app's page")
        parser.add_argument("--client-id", required=True, help="Zoom's client id, from the app's page")
        # A file, not an argument: arguments stand in the process list and in the shell's history.
        parser.add_argument(
            "--client-secret-file", required=True, help="file with the client secret; - reads standard input"
        )
        parser.add_argument(
            "--rate-plan",
            choices=RatePlan.values,
            default=RatePlan.PRO,
            help="the account's plan at Zoom, which decides how many calls a second it allows. Default: pro",
        )
        parser.add_argument(
            "--rate-share",
            type=int,
            choices=range(1, 101),
            metavar="PERCENT",
            help="how much of Zoom's rate limit the portal may use; the rest is left to other apps. Default: 100",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger("trunks").setLevel(logging.WARNING)
        master = self._connect(options)
        self.stdout.write(f"Connected {master}.")
        read = estate.sync(master.pk, progress=self.stdout.write, why=whose())
        if not (read or self._read_by_another(master)):
            raise CommandError("The account is connected, but its estate could not be read.")
        self.stdout.write(self.style.SUCCESS(f"{master} is ready."))

    def _read_by_another(self, master: MasterAccount) -> bool:
        """Wait for a worker that was quicker to begin, and say whether it has read the estate."""
        same = MasterAccount.objects.filter(pk=master.pk)
        while same.filter(MasterAccount.being_read()).exists():
            time.sleep(LOOK_SECONDS)
        there = SubAccount.objects.filter(master=master, gone_at=None).count()
        self.stdout.write(f"{there} sub accounts are known.")
        return same.filter(synced_at__isnull=False, sync_problem="").exists()

    def _connect(self, options: dict[str, Any]) -> MasterAccount:
        try:
            return connecting.connect(
                name=options["name"],
                account_id=options["account_id"],
                client_id=options["client_id"],
                client_secret=_secret(options["client_secret_file"]),
                rate_plan=options["rate_plan"],
                rate_share=options["rate_share"],
                actor=None,
                why=whose(),
                progress=self.stdout.write,
            )
        except connecting.CannotConnect as error:
            raise CommandError("\n".join(["Not connected; nothing was stored.", *error.findings])) from error


def _secret(path: str) -> str:
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"The file with the client secret cannot be read: {error}") from error
    if not text.strip():
        raise CommandError("The file with the client secret is empty.")
    return text.strip()
