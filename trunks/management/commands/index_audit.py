"""`manage.py index_audit`: bring the index of the audit trail up to date, or make it anew."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from trunks import audit_index


class Command(BaseCommand):
    help = (
        "Bring the search index of the audit trail up to date at once; workers and pages also do so by themselves,"
        " step by step."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--anew", action="store_true", help="delete the index first, and build it again")

    def handle(self, *_args: Any, **options: Any) -> None:
        if problem := audit_index.index_texts():
            self.stderr.write(
                f"The texts have no index here, and searches go through the newest events only: {problem}"
            )
        if options["anew"]:
            audit_index.rebuild()
        while left := audit_index.catch_up(100_000):
            self.stdout.write(f"{left} events to go …")
        self.stdout.write("The index of the audit trail is up to date.")
