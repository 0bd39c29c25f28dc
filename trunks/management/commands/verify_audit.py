"""Verify the audit trail: exit 0 with the number of events and the head hash, or 1 with the first that does not fit."""

import argparse
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trunks.models import AuditCheck, Result
from trunks.workflow import checks

TELL_SECONDS = 5.0


class Command(BaseCommand):
    help = (
        "Verify the audit trail: the chain of all events, the digests with their signatures, and the second place."
        " Exit 0 when nothing was altered; otherwise exit 1 and the first event that does not fit."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        reach = parser.add_mutually_exclusive_group()
        reach.add_argument(
            "--full", action="store_true", help="from the first event on (this is the default)"
        )
        reach.add_argument(
            "--incremental",
            action="store_true",
            help="from the last digest that an earlier check has reached",
        )
        parser.add_argument("--resume", action="store_true", help="continue a check that was interrupted")

    def handle(self, *args: Any, **options: Any) -> None:
        began, self.told = time.monotonic(), time.monotonic()
        check = checks.run_here(full=not options["incremental"], resume=options["resume"], tell=self._tell)
        if check.result != Result.PASSED:
            at = f"Event {check.bad}: " if check.bad else ""
            raise CommandError(f"{at}{check.problem}")
        since = "" if not check.start else f", the last {check.events} of them now"
        self.stdout.write(
            self.style.SUCCESS(
                f"{check.position} events are in order{since}; head hash {check.hash};"
                f" {check.digests} digests; {time.monotonic() - began:.1f} s."
            )
        )
        if check.problem:
            self.stdout.write(self.style.WARNING(check.problem))

    def _tell(self, check: AuditCheck) -> None:
        if time.monotonic() - self.told > TELL_SECONDS:
            self.told = time.monotonic()
            self.stdout.write(f"{check.position} of {check.total} events …")
