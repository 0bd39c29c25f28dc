"""Read the estate again from the command line."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trunks.management import whose
from trunks.models import MasterAccount
from trunks.workflow import estate


class Command(BaseCommand):
    help = "Read trunks and sub accounts from Zoom again, for one master account or for all."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--master", help="name or Zoom account id; without it, all")

    def handle(self, *args: Any, **options: Any) -> None:
        failed = [
            str(master)
            for master in self._chosen(options["master"])
            if not estate.sync(master.pk, progress=self.stdout.write, why=whose())
        ]
        if failed:
            raise CommandError(f"Not read: {', '.join(failed)}.")
        self.stdout.write(self.style.SUCCESS("The estate is as Zoom lists it."))

    def _chosen(self, wanted: str | None) -> list[MasterAccount]:
        masters = list(MasterAccount.objects.all())
        if wanted is None:
            if not masters:
                raise CommandError("No master account is connected; see connect_master.")
            return masters
        chosen = [master for master in masters if wanted in (master.name, master.zoom_id)]
        if not chosen:
            known = ", ".join(master.name for master in masters) or "none"
            raise CommandError(f"No master account is called {wanted}; connected are: {known}.")
        return chosen
