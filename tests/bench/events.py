"""A year of believable audit events, chained, as many as wanted, put into the table by COPY or in batches."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any

from django.db import connection
from django.utils import timezone

from tests import cast, trail
from tests.bench.standing import say
from trunks import audit_index, audit_texts, chain
from trunks.actions import Action
from trunks.models import (
    AuditEntry,
    AuditFacet,
    AuditIndexed,
    AuditNumber,
    MasterAccount,
    Role,
    SubAccount,
    User,
)
from trunks.models.audit_event import AuditEvent, AuditHead

PEOPLE, MASTERS, CUSTOMERS = 60, 4, 300
BATCH = 5_000
BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
# What one request leaves behind, with who says it: filer, supervisor, or the portal itself.
LIFE = (
    ("request.filed", "staff"),
    ("request.approved", "supervisor"),
    ("provisioning.started", ""),
    ("provisioning.intended", ""),
    ("provisioning.answered", ""),
    ("provisioning.settled", ""),
)
DENIED = (("request.filed", "staff"), ("request.denied", "supervisor"))
REASONS = (
    "New customer",
    "Moving to the new site",
    "Number ported",
    "Second site opens",
    "Replaces the old PBX",
)


class Story:
    """Draws events in the order of time: requests with their whole life, refusals, readings of the estate."""

    def __init__(self, seed: int = 1) -> None:
        self.chance = random.Random(seed)  # noqa: S311  # nothing is secret here
        self.masters = list(MasterAccount.objects.order_by("pk"))
        self.accounts = list(SubAccount.objects.order_by("pk"))
        self.staff = list(User.objects.filter(role_grants__role=Role.STAFF).order_by("pk"))
        self.supervisors = list(User.objects.filter(role_grants__role=Role.SUPERVISOR).order_by("pk"))
        self.requests = count(1)

    def events(self) -> Iterator[dict[str, Any]]:
        while True:
            if self.chance.random() < 0.02:
                yield self._reading()
                continue
            yield from self._request(next(self.requests))

    def _reading(self) -> dict[str, Any]:
        master = self.chance.choice(self.masters)
        failed = self.chance.random() < 0.05
        action = Action.SYNC_FAILED if failed else Action.SYNC_FINISHED
        return self._event(action.value, None, "masteraccount", master.pk, str(master), master=master)

    def _request(self, number: int) -> Iterator[dict[str, Any]]:
        account = self.accounts[int(len(self.accounts) * self.chance.random() ** 2)]
        # Everybody works for some master accounts, so that most people and most masters never meet.
        people = {
            "staff": self.staff[(account.master_id + 4 * self.chance.randrange(9)) % len(self.staff)],
            "supervisor": self.chance.choice(self.supervisors),
        }
        numbers = " ".join(
            f"{self.chance.choice((18888, 90001))}{self.chance.randrange(1000):03d}" for _ in range(2)
        )
        reason = f"{self.chance.choice(REASONS)}, contract {number % 9000}"
        for action, role in LIFE if self.chance.random() < 0.9 else DENIED:
            yield self._event(
                action,
                people.get(role),
                "trunkrequest",
                number,
                f"TR-{number:06d}",
                account=account,
                dnis=numbers,
                comment=reason if action == "request.filed" else "",
            )

    def _event(
        self, action: str, actor: User | None, kind: str, pk: int, label: str, **more: Any
    ) -> dict[str, Any]:
        account: SubAccount | None = more.get("account")
        master = more.get("master") or next(
            row for row in self.masters if account and row.pk == account.master_id
        )
        return {
            "action": action,
            "outcome": Action(action).outcome.value,
            "actor_id": actor.pk if actor else None,
            "actor_email": actor.email if actor else "",
            "actor_name": str(actor) if actor else "System (approved request)",
            "on_behalf_of_id": None,
            "on_behalf_of_name": "",
            "object_type": kind,
            "object_id": str(pk),
            "object_label": label,
            "master_id": master.pk,
            "master_name": master.name,
            "sub_account_id": account.pk if account else None,
            "sub_account_name": account.name if account else "",
            "dnis": more.get("dnis", ""),
            "before": "{}",
            "after": json.dumps({"state": action.partition(".")[2]}),
            "comment": more.get("comment", ""),
            "request_id": f"{self.chance.getrandbits(64):016x}",
            "tracking_id": "",
            "ip": f"192.0.2.{actor.pk % 250}" if actor else "",
            "user_agent": "Browser" if actor else "",
            "portal_version": "bench",
            "hash": "",
        }


def populate(number: int, *, people: bool = True) -> None:
    """Put `number` chained events of the last year on record, past the triggers, and take them into the index."""
    if people:
        _people_and_estate()
    moment = timezone.now() - timedelta(days=365)
    step = timedelta(days=365) / (number + 1)
    if connection.vendor == "postgresql":
        _make_months(moment)
    story = Story().events()
    end = {"position": 0, "at": moment, "hash": chain.GENESIS}
    rows = _chained(
        ({"id": place, "at": moment + step * place} | next(story) for place in range(1, number + 1)), end
    )
    with trail.unguarded():
        _copy(rows) if connection.vendor == "postgresql" else _insert(rows)
        AuditHead.objects.update_or_create(pk=1, defaults=end)
    while audit_index.catch_up(100_000):
        pass
    vacuum = connection.vendor == "postgresql" and not connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if vacuum else "ANALYZE")
        if vacuum:
            # Else the server would write for minutes, beside what is measured, what was filled in.
            cursor.execute("CHECKPOINT")


def ensure(number: int) -> None:
    """Have `number` events on record, and few more that what was measured has left: those there, or new ones."""
    there = AuditHead.objects.get().position
    if not number <= there <= number * 1.05 + 1_000:
        if there:
            empty()
        begun = time.monotonic()
        populate(number, people=not SubAccount.objects.exists())
        say(f"{number:,} events on record in {time.monotonic() - begun:.0f} s")


def empty() -> None:
    """Take every event away, and the index with it."""
    with trail.unguarded(), connection.cursor() as cursor:
        wipe = "TRUNCATE {}" if connection.vendor == "postgresql" else "DELETE FROM {}"
        for model in (AuditEvent, AuditEntry, AuditFacet, AuditNumber):
            cursor.execute(wipe.format(model._meta.db_table))
        audit_texts.forget(AuditHead.objects.get().position)
        AuditHead.objects.update(position=0, at=BEFORE_ALL, hash=chain.GENESIS)
    AuditIndexed.objects.update(position=0)


def _chained(rows: Iterator[dict[str, Any]], end: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give each event its hash, and leave in `end` what the head of the chain holds."""
    for row in rows:
        row["hash"] = chain.link(end["hash"], row)
        end.update(position=row["id"], at=row["at"], hash=row["hash"])
        yield row


def _make_months(since: datetime) -> None:
    """Have a table for each month, as a portal has that has run for so long."""
    months = "generate_series(date_trunc('month', %s), now(), interval '1 month')"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT audit_month(month) FROM {months} month", [since])


def _people_and_estate() -> None:
    for number in range(PEOPLE):
        cast.person(f"Person {number:02d}", Role.STAFF if number % 3 else Role.SUPERVISOR)
    masters = [cast.master_account(f"Master {number}", f"master-{number}") for number in range(MASTERS)]
    seen = {"first_seen_at": cast.LONG_AGO, "last_seen_at": cast.LONG_AGO}
    SubAccount.objects.bulk_create(
        SubAccount(master=masters[number % MASTERS], zoom_id=f"c{number}", name=f"Customer {number}", **seen)
        for number in range(CUSTOMERS)
    )


def _batches(rows: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, size)):
        yield batch


def _copy(rows: Iterator[dict[str, Any]]) -> None:
    with connection.cursor() as cursor:
        columns: str | None = None
        for batch in _batches(rows, 50_000):
            columns = columns or ", ".join(f'"{name}"' for name in batch[0])
            with cursor.copy(f"COPY {AuditEvent._meta.db_table} ({columns}) FROM STDIN") as copy:
                for row in batch:
                    copy.write_row(list(row.values()))


def _insert(rows: Iterator[dict[str, Any]]) -> None:
    table = AuditEvent._meta.db_table
    with connection.cursor() as cursor:
        for batch in _batches(rows, BATCH):
            columns = ", ".join(f'"{name}"' for name in batch[0])
            marks = ", ".join(["%s"] * len(batch[0]))
            values = [[_stored(value) for value in row.values()] for row in batch]
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)


def _stored(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ") if isinstance(value, datetime) else value
