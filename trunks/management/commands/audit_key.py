"""Print the public keys of the audit trail's digests, or make a new private key."""

import argparse
import base64
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trunks import seals


class Command(BaseCommand):
    help = (
        "Print the public key that verifies the audit trail's digests, as AUDIT_PUBLIC_KEYS takes it; with --new, make"
        " a private key for AUDIT_SIGNING_KEY instead. Keep a private key where the database's owner cannot read it."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--new", action="store_true", help="print a new private key, and store it nowhere"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["new"]:
            self.stdout.write(base64.b64encode(secrets.token_bytes(seals.SEED_BYTES)).decode())
            return
        if not settings.AUDIT_PUBLIC_KEYS:
            raise CommandError("No key is set: make one with --new, and set AUDIT_SIGNING_KEY.")
        for key in settings.AUDIT_PUBLIC_KEYS:
            self.stdout.write(key.text)
