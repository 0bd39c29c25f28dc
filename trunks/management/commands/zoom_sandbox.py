"""`manage.py zoom_sandbox`: run the stand-in for Zoom; needs neither database nor broker."""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter

from trunks.sandbox import cli


class _AsWritten(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Django's order of the options, and the list of switches and faults as it is."""


class Command(BaseCommand):
    """Hand over to the sandbox's own command line."""

    help = cli.DESCRIPTION
    # The sandbox must start while the portal's own settings are still being found out.
    requires_system_checks = []
    requires_migrations_checks = False

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return the parser, whose help ends with every switch and fault."""
        return super().create_parser(
            prog_name, subcommand, epilog=cli.epilog(), formatter_class=_AsWritten, **kwargs
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        cli.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until a signal comes."""
        sys.exit(cli.run(options))
