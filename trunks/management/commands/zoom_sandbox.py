"""`manage.py zoom_sandbox`: run the stand-in for Zoom; needs neither database nor broker."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from trunks.sandbox import cli


class Command(BaseCommand):
    """Hand over to the sandbox's own command line."""

    help = cli.DESCRIPTION
    # The sandbox must start while the portal's own settings are still being found out.
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        cli.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until a signal comes."""
        sys.exit(cli.run(options))
