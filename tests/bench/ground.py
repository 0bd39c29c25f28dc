"""What a measurement runs on: a sandbox with many sub accounts, approved requests in the database, real workers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from portal import memory
from tests import cast
from tests.bench.watch import Watch, limit_of
from tests.processes import Process, start_worker
from trunks import dispatch
from trunks.models import (
    Decision,
    Line,
    MasterAccount,
    MasterTrunk,
    Permit,
    RatePlan,
    Role,
    State,
    SubAccount,
    TrunkRequest,
    User,
    Verdict,
)
from trunks.sandbox.estate import NORTHWIND, big_estate
from trunks.sandbox.records import Account
from trunks.sandbox.server import Sandbox
from trunks.workflow import filing
from trunks.workflow.content import content_of, digest_of

NUMBERS = 1000  # after a prefix of five digits, where a DNIS has at most eight
FULL_LIMIT = 80  # Light calls a second of the business plan
START_SECONDS = 120.0  # of a worker; getting ready is not measured, and the machine may be busy
ENDED = (State.DONE, State.PARTIAL, State.FAILED, State.SENT_BACK, State.WITHDRAWN)


@dataclass
class Ground:
    """One master account that the portal and the sandbox know, and the processes that work for it."""

    folder: Path
    environment: dict[str, str]
    sandbox: Sandbox
    watch: Watch
    master: MasterAccount
    trunks: list[MasterTrunk]
    limit: int
    people: list[User] = field(default_factory=list)
    workers: list[Process] = field(default_factory=list)
    effort: str = ""  # what the last measurement took of the processors, in words

    @property
    def account(self) -> Account:
        """The master account as the sandbox has it."""
        return self.sandbox.estate.accounts[NORTHWIND.account_id]

    @transaction.atomic
    def approve(self, count: int, *, due_in: float = 0.0) -> list[int]:
        """Put `count` approved requests of one line into the database, each for a sub account of its own.

        At once: a worker's sweep would otherwise find one before its permit, and send it back. Of those that are due
        later the last number is one that Zoom would not take, so that they use up none of the others'.
        """
        free = SubAccount.objects.filter(master=self.master, trunk_requests=None).order_by("pk")[:count]
        now = timezone.now()
        rows = [
            TrunkRequest(
                master=self.master,
                sub_account=account,
                reason="measured",
                state=State.APPROVED,
                content_digest="",
                filed_by=self.people[0],
                filed_at=now,
                approved_by=self.people[1],
                changed_at=now,
                next_attempt_at=now + timedelta(seconds=due_in) if due_in else None,
            )
            for account in free
        ]
        made = TrunkRequest.objects.bulk_create(rows)
        alike = Line.objects.filter(trunk_request__next_attempt_at__isnull=not due_in)
        first = alike.count() + (NUMBERS * len(self.trunks) if due_in else 0)
        lines = [self._line(row, place) for place, row in enumerate(made, start=first)]
        Line.objects.bulk_create(lines)
        for row, line in zip(made, lines, strict=True) if not due_in else ():
            row.content_digest = row.approved_digest = digest_of(content_of(row, [line]))
        TrunkRequest.objects.bulk_update(made, ["content_digest", "approved_digest"], batch_size=500)
        self._permit(made)
        return [row.pk for row in made]

    def _permit(self, made: list[TrunkRequest]) -> None:
        """Have each request decided on, and the permit issued that its approval would have issued."""
        bound = [(row, row.content_digest, row.policy_digest) for row in made]
        now = timezone.now()
        decisions = Decision.objects.bulk_create(
            Decision(
                trunk_request=row,
                verdict=Verdict.APPROVE,
                decided_by=self.people[1],
                filed_by=self.people[0],
                decided_at=now,
                content_version=1,
                content_digest=content,
                policy_digest=policy,
            )
            for row, content, policy in bound
        )
        permits = Permit.objects.bulk_create(
            Permit(
                trunk_request=row,
                issued_at=now,
                ground="approval",
                needed=1,
                content_digest=content,
                policy_digest=policy,
            )
            for row, content, policy in bound
        )
        named = Permit.decisions.through
        named.objects.bulk_create(
            named(permit=permit, decision=decision)
            for permit, decision in zip(permits, decisions, strict=True)
        )

    def file(self, count: int) -> list[int]:
        """File `count` requests of one line as staff, to be approved."""
        free = SubAccount.objects.filter(master=self.master, trunk_requests=None).order_by("pk")[:count]
        used = Line.objects.count()
        filed = []
        for place, account in enumerate(free, start=used):
            trunk = self.trunks[place % len(self.trunks)]
            dnis = f"{trunk.prefix}{place // len(self.trunks):03d}"
            filed.append(filing.file(cast.draft(account, trunk, dnis), actor=self.people[0]).pk)
        return filed

    def _line(self, row: TrunkRequest, place: int) -> Line:
        # Three digits after the prefix while they last, as Zoom has it; more for those that are never sent.
        trunk = self.trunks[place % len(self.trunks)]
        end = f"{place // len(self.trunks):03d}"
        return Line(
            trunk_request=row,
            master=self.master,
            position=1,
            trunk=trunk,
            prefix=trunk.prefix,
            dnis=trunk.prefix + end,
            outbound_caller_id="+14155550100",
        )

    def ring(self, requests: list[int]) -> None:
        for pk in requests:
            dispatch.ring_now(dispatch.PROVISION, pk)

    def work(self, processes: int, concurrency: int) -> None:
        """Start workers, and return when all take tasks."""
        for number in range(processes):
            log = self.folder / f"worker-{time.monotonic_ns()}-{number}.log"
            self.workers.append(
                start_worker(
                    log=log, environment=self.environment, concurrency=concurrency, seconds=START_SECONDS
                )
            )

    def rest(self) -> None:
        for worker in self.workers:
            worker.stop()
        self.workers.clear()

    def end(self) -> None:
        """Kill the workers: nothing of them is kept, and ending in order takes seconds."""
        for worker in self.workers:
            worker.kill()

    def wait_for(self, requests: list[int], seconds: float) -> dict[str, int]:
        """Return how many requests are in which state, once all have ended or time is up."""
        end = time.monotonic() + seconds
        # A short question: the sandbox answers in this process, and is to be kept from nothing.
        asked = TrunkRequest.objects.filter(pk__range=(min(requests), max(requests)))
        waiting = asked.exclude(state__in=ENDED)
        while waiting.exists() and time.monotonic() < end:
            time.sleep(0.2)
        states = list(TrunkRequest.objects.filter(pk__in=requests).values_list("state", flat=True))
        return {state: states.count(state) for state in sorted(set(states))}

    def delay(self, seconds: float, jitter: float) -> None:
        """Have each call take `seconds` to arrive, and up to `jitter` more."""
        self.sandbox.clear_faults()
        if seconds or jitter:
            self.sandbox.fault("latency", times=0, seconds=seconds, jitter=jitter)


@contextmanager
def ground(
    folder: Path, environment: dict[str, str], *, sub_accounts: int, limit: int = FULL_LIMIT
) -> Iterator[Ground]:
    """Give the ground for a measurement with `limit` calls a second, on the database that Django is connected to."""
    estate = big_estate(sub_accounts)
    memory.settle()  # a collection of all that this process has loaded would be a pause of Zoom's
    estate.accounts[NORTHWIND.account_id].rate_plan = "business"
    with ExitStack() as cleaning:
        cleaning.enter_context(limit_of(limit))
        sandbox = cleaning.enter_context(Sandbox(estate))
        addresses = {"ZOOM_API_URL": sandbox.api_url, "ZOOM_OAUTH_URL": sandbox.oauth_url}
        cleaning.enter_context(override_settings(**addresses))
        usual = {"LOG_LEVEL": "WARNING", "STATIC_MANIFEST": "0"}
        master, trunks = _estate(sandbox, limit)
        made = Ground(
            folder,
            {**usual, **environment, **addresses},
            sandbox,
            Watch(sandbox),
            master,
            trunks,
            limit,
            [cast.person("Bea Bench", Role.STAFF), cast.person("Bob Bench", Role.SUPERVISOR)],
        )
        cleaning.callback(made.end)
        yield made


def _estate(sandbox: Sandbox, limit: int) -> tuple[MasterAccount, list[MasterTrunk]]:
    """Store the master account with its credentials, two trunks of different prefixes, and all sub accounts."""
    master = cast.master_account(
        NORTHWIND.name, NORTHWIND.account_id, (NORTHWIND.client_id, NORTHWIND.client_secret)
    )
    master.rate_plan, master.rate_share = RatePlan.BUSINESS, limit * 100 // FULL_LIMIT
    master.sync_started_at = (
        timezone.now()
    )  # else the workers, which hear no beat, would read the estate meanwhile
    master.save()
    known = sandbox.estate.accounts[NORTHWIND.account_id].trunks[:2]
    trunks = [cast.master_trunk(master, row.id, row.name, row.dnis, row.sip_server_address) for row in known]
    SubAccount.objects.bulk_create(
        SubAccount(
            master=master,
            zoom_id=account.id,
            name=account.name,
            first_seen_at=cast.LONG_AGO,
            last_seen_at=cast.LONG_AGO,
        )
        for account in sandbox.estate.sub_accounts(master.zoom_id)
        if not account.assigned and account.sip_plan
    )
    return master, trunks
