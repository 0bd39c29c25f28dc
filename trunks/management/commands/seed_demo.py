"""Seed the demo: its people and, from the Zoom sandbox, its master accounts and requests in every state."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError

from trunks import audit
from trunks.management import demo_decisions, demo_people, demo_policy, demo_requests, demo_year
from trunks.models import MasterAccount, Role, TrunkRequest
from trunks.sandbox.estate import CONTOSO, NORTHWIND, DemoCredential
from trunks.workflow import connecting, estate, people

PEOPLE = (
    ("staff", "Stella Staff", Role.STAFF),
    ("second-staff", "Stan Second", Role.STAFF),
    ("supervisor", "Sam Supervisor", Role.SUPERVISOR),
    ("second-supervisor", "Sue Second", Role.SUPERVISOR),
    ("manager", "Mia Manager", Role.MANAGER),
    ("admin", "Ada Administrator", Role.ADMINISTRATOR),
)
WHY = "demo"


class Command(BaseCommand):
    help = (
        "Make staff@, second-staff@, supervisor@, second-supervisor@, manager@, admin@example.com, each with its role"
        " for all master accounts and the password from DEMO_PASSWORD; then connect the sandbox's two master accounts"
        " and file requests in every state, and show what the people page is for. Repeating it changes nothing."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--people", action="store_true", help="the people only; needs no Zoom")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["people"]:
            self._make_people()
            return
        _demand_sandbox()
        fresh = not TrunkRequest.objects.exists()
        with self._past():
            self._make_people()
            for credential in (NORTHWIND, CONTOSO):
                self._connect(credential)
        if fresh:
            demo_requests.make(self.stdout.write)
            demo_policy.make(self.stdout.write)
        demo_people.make(self.stdout.write)
        if fresh:
            demo_decisions.make(self.stdout.write)

    @contextmanager
    def _past(self) -> Iterator[None]:
        """Tell a year of the past around people and estate, where the trail is empty and can be told one."""
        if why_not := audit.why_not_retold():
            self.stdout.write(f"No year of the past: {why_not}")
            yield
            return
        with audit.retelling() as tell_time:
            demo_year.furnish()
            tell_time(demo_year.begun())
            yield
            demo_year.tell(tell_time, self.stdout.write)

    def _make_people(self) -> None:
        password = os.environ.get("DEMO_PASSWORD") or "demo-pass-2468"
        hashed = cache(
            partial(make_password, password)
        )  # a second for all six, and none where they are there
        made = [
            people.ensure_person(f"{address}@example.com", name=name, hashed=hashed, role=role, why=WHY)
            for address, name, role in PEOPLE
        ]
        self.stdout.write(f"{sum(made)} people made, {len(made) - sum(made)} were there already.")

    def _connect(self, credential: DemoCredential) -> None:
        if MasterAccount.objects.filter(zoom_id=credential.account_id, synced_at__isnull=False).exists():
            return
        try:
            master = connecting.connect(
                name=credential.name,
                account_id=credential.account_id,
                client_id=credential.client_id,
                client_secret=credential.client_secret,
                actor=None,
                why=WHY,
            )
        except connecting.CannotConnect as error:
            raise CommandError(f"The sandbox does not let the demo in: {error}") from error
        if not estate.sync(master.pk, progress=self.stdout.write, why=WHY):
            raise CommandError(f"The estate of {master} could not be read from the sandbox.")


def _demand_sandbox() -> None:
    """Refuse to seed anything but a sandbox: the demo's requests would become real assignments."""
    if urlsplit(settings.ZOOM_API_URL).scheme != "http":
        raise CommandError(
            "ZOOM_API_URL is not a sandbox on this machine; seed_demo --people makes people only."
        )
