"""A trail of several days with digests, for tests: keys, a second place, and a clock that can be put forward."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from tests import trail
from trunks import audit, chain, seals
from trunks.actions import Action
from trunks.models import AuditDigest, User, clock
from trunks.models.audit_event import AuditEvent, AuditHead
from trunks.workflow import sealing


@dataclass
class Sealed:
    """The portal with a signing key and a second place; `pass_days` makes the digests that are then due."""

    settings: Settings
    folder: Path
    user: User
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    days: int = 0

    def __post_init__(self) -> None:
        self.trust(self.key)
        self.settings.AUDIT_DIGEST_DIR = str(self.folder)

    def trust(self, key: Ed25519PrivateKey, *more: seals.TrustedKey) -> None:
        self.settings.AUDIT_SIGNING_KEY = key
        self.settings.AUDIT_PUBLIC_KEYS = list(more) or [seals.TrustedKey(seals.public_bytes(key))]

    def act(self, times: int = 1) -> None:
        """Let `times` events happen."""
        for number in range(times):
            with transaction.atomic():
                after = {"place": number, "who": "Zoë"}
                audit.record(Action.ROLE_GRANTED, actor=self.user, on=self.user, after=after)

    def pass_days(self, days: int = 1) -> list[AuditDigest]:
        """Let so many days end, and make their digests."""
        self.days += days
        with clock_at(noon(self.days)):
            return sealing.make_due()


def noon(days: int) -> datetime:
    """Return the noon of the day after so many: what is due then does not depend on the hour at which tests run."""
    today = timezone.now().astimezone(UTC).date()
    return datetime.combine(today + timedelta(days=days), time(12), UTC)


@contextmanager
def clock_at(moment: datetime, *, database: datetime | None = None) -> Iterator[None]:
    """Let it be `moment` by the clock of the process, and by that of the database unless that is given."""
    ours = mock.patch.object(timezone, "now", return_value=moment)
    with ours, mock.patch.object(clock, "read", return_value=database or moment):
        yield


def of_day(day: date) -> AuditDigest:
    return AuditDigest.objects.get(day=day)


def hash_anew(first: int) -> None:
    """Compute the hashes of `first` and all after it, and that of the head: what who knows the chain would do."""
    fields = {item.attname: item for item in AuditEvent._meta.concrete_fields}
    before = AuditEvent.objects.filter(id=first - 1).first()
    last, position = before.hash if before else chain.GENESIS, first - 1
    for event in AuditEvent.objects.filter(id__gte=first).order_by("id"):
        said = {name: fields[name].get_prep_value(getattr(event, name)) for name in chain.FIELDS}
        last, position = chain.link(last, said), event.id
        AuditEvent.objects.filter(id=position).update(hash=last)
    AuditHead.objects.update(position=position, hash=last)


unguarded = trail.unguarded
