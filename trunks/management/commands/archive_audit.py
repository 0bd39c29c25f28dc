"""`manage.py archive_audit`: put the months past retention into signed archives; without --apply, say which."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from trunks.workflow import archiving


class Command(BaseCommand):
    help = (
        "Move the months of the audit trail that are past AUDIT_RETENTION_MONTHS to signed archives in"
        " AUDIT_ARCHIVE_DIR. Without --apply nothing is changed: it only says which months those are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="write the archives and take the events out")

    def handle(self, *_args: Any, **options: Any) -> None:
        spans = archiving.due()
        if not spans:
            self.stdout.write("No month is past retention (AUDIT_RETENTION_MONTHS; 0 keeps all).")
        for span in spans:
            words = f"{span.month:%Y-%m}: events {span.first} to {span.last}"
            try:
                words = f"{words} (review: {archiving.reviewed(span)})"
                if not options["apply"]:
                    self.stdout.write(f"{words} would leave.")
                    continue
                kept = archiving.archive(span)
            except (archiving.NotArchived, OSError) as error:
                raise CommandError(f"{words} stay here: {error}") from error
            except DatabaseError as error:
                # In use by others for too long, or archived by somebody else at this moment.
                said = str(error).partition("\n")[0]
                raise CommandError(
                    f"{words} were not taken out: the database says “{said}”. Run this again at a quieter time."
                ) from error
            self.stdout.write(self.style.SUCCESS(f"{words} have left; head hash {kept.head}."))
        if spans and not options["apply"]:
            self.stdout.write("Nothing was done. Add --apply to archive them.")
