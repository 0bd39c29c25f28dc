"""How many events a second a verification reads, and what memory it takes: `python -m tests.bench audit_verify`."""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests import trail
from tests.bench.standing import say
from trunks import chain
from trunks.models.audit_event import AuditEvent, AuditHead
from trunks.workflow import verifying

BATCH = 2_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def main(_folder: Path, arguments: Sequence[str]) -> None:
    """Make `--events` events, verify them, and say how quick that was."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, nargs="*", default=[200_000])
    options, _ = parser.parse_known_args(arguments)  # what is for the other pieces is not for this one
    count = options.events[-1]
    fill(count)
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    finding = verifying.verify()
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    if finding.bad is not None or finding.checked != count:
        raise SystemExit(f"Event {finding.bad}: {finding.problem}")
    grown = (after.ru_maxrss - before.ru_maxrss) / 1024
    own = after.ru_utime - before.ru_utime
    say(
        f"verified {finding.checked:,} events in {seconds:.1f} s: {finding.checked / seconds:,.0f} a second;"
        f" Python's own share {own:.1f} s, memory +{grown:.0f} MB"
    )


def fill(count: int) -> None:
    """Put `count` chained events of ordinary size into the trail, past its triggers."""
    last = chain.GENESIS
    with trail.unguarded():
        batch = []
        for event in _events(count):
            fields = {field.attname: field for field in AuditEvent._meta.concrete_fields}
            said = {name: fields[name].get_prep_value(getattr(event, name)) for name in chain.FIELDS}
            last = event.hash = chain.link(last, said)
            batch.append(event)
            if len(batch) == BATCH:
                AuditEvent.objects.bulk_create(batch)
                batch = []
        AuditEvent.objects.bulk_create(batch)
        AuditHead.objects.update(position=count, hash=last, at=BEGIN + timedelta(seconds=30 * count))


def _events(count: int) -> Iterator[AuditEvent]:
    for number in range(1, count + 1):
        yield AuditEvent(
            id=number,
            at=BEGIN + timedelta(seconds=30 * number),
            action="request.approved",
            actor_id=number % 50 + 1,
            actor_email="sam-supervisor@example.com",
            actor_name="Sam Supervisor",
            object_type="trunkrequest",
            object_id=str(number),
            object_label=f"TR-{number:06d}",
            master_id=1,
            master_name="Northwind",
            sub_account_id=number % 900 + 1,
            sub_account_name="Adatum Logistics",
            dnis="18888123",
            before={"state": "pending"},
            after={"state": "approved", "lines": [{"dnis": "18888123", "caller_id": "+14155550100"}]},
            comment="As the customer asked",
            request_id="0b7fa5c2e3d14b0f8a9c6d5e4f3a2b1c",
            ip="192.0.2.7",
            user_agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
            portal_version="0.1.0",
        )
