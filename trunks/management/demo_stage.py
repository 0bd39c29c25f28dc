"""The people and the estate of the demo's past, and what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from trunks import audit
from trunks.actions import Action
from trunks.management import demo_past as steps
from trunks.management.demo_past import ENDS, Deed, Doing, Past, Told
from trunks.models import MasterAccount, MasterTrunk, SubAccount, TrunkRequest, User, WriteStop
from trunks.models.trunk_request import line_content
from trunks.workflow.content import digest_of


@dataclass(frozen=True)
class Stage:
    """The demo's people and estate."""

    master: MasterAccount
    trunks: list[MasterTrunk]
    accounts: dict[str, SubAccount]
    staff: list[User]
    supervisors: list[User]
    people: list[User]

    @classmethod
    def of(cls, account_id: str, trunks: list[str]) -> Stage:
        people = {user.email.partition("@")[0]: user for user in User.objects.all()}
        master = MasterAccount.objects.get(zoom_id=account_id)
        return cls(
            master=master,
            trunks=[MasterTrunk.objects.get(master=master, zoom_id=zoom_id) for zoom_id in trunks],
            accounts={account.name: account for account in SubAccount.objects.filter(master=master)},
            staff=[people["staff"], people["second-staff"]],
            supervisors=[people["supervisor"], people["second-supervisor"]],
            people=list(people.values()),
        )

    def story(self, past: Past, number: int) -> list[Doing]:
        """Return what happened to a request, step by step: it is filed, decided, and perhaps carried out."""
        told = Told(past, self.staff[number % 3 == 2], self.supervisors[number % 5 == 4])
        ends = {"denied": steps.denied, "withdrawn": steps.withdrawn, "expired": steps.expired}
        carried_out = [steps.approved, steps.begun, steps.intended, steps.answered, steps.settled]
        if past.fate == "waits":
            return [_bound(self._filed, told)]
        filed = _both(self._filed, steps.tried_by_its_author) if past.fate == "self" else self._filed
        course = [filed, *([ends[past.fate]] if past.fate in ends else carried_out)]
        return [_bound(step, told) for step in course]

    def _filed(self, told: Told, at: datetime) -> None:
        past, trunk = told.past, self.trunks[told.past.trunk]
        removes = past.dnis if past.kind == "unassign" else ""
        account = self.accounts[past.customer]
        lines = [line_content(trunk.zoom_id, past.dnis, "" if removes else past.caller_id, removes)]
        ids = {"master": self.master.zoom_id, "sub_account": account.zoom_id}
        told.content = {**ids, "kind": past.kind, "lines": lines}
        told.row = TrunkRequest.objects.create(
            master=self.master,
            sub_account=account,
            kind=past.kind,
            reason=past.reason,
            ticket=f"CHG-{at:%y%m%d}",
            state=ENDS[past.fate],
            content_digest=digest_of(told.content),
            numbers=past.dnis,
            filed_by=told.filer,
            filed_at=at,
            changed_at=at,
        )
        steps.line(told, trunk, removes)
        steps.revision(told, at)
        after = {"state": "pending", "reason": past.reason, "ticket": told.row.ticket, **told.content}
        audit.record(Action.REQUEST_FILED, actor=told.filer, on=told.row, after=after, comment=past.reason)

    def synced(self, at: datetime) -> None:
        after = {"trunks": len(self.trunks), "sub_accounts": len(self.accounts), "gone": 0}
        audit.record(Action.SYNC_FINISHED, actor=None, why="schedule", on=self.master, after=after)

    def stopped(self, at: datetime) -> Iterator[Deed]:
        """Yield the moments of a stop of writing, which two supervisors end within the hour."""
        first, second = self.supervisors
        stop = WriteStop(reason="A carrier reports calls to wrong numbers", stopped_by=first, stopped_at=at)
        stop.in_force, stop.start_asked_by, stop.started_by = False, first, second
        stop.start_asked_at, stop.started_at = at + timedelta(minutes=25), at + timedelta(minutes=31)

        def tell(action: Action, actor: User) -> Doing:
            return lambda _: _of_stop(stop, action, actor)

        yield Deed(stop.stopped_at, tell(Action.WRITING_STOPPED, first))
        yield Deed(stop.start_asked_at, tell(Action.WRITING_START_ASKED, first))
        yield Deed(stop.started_at, tell(Action.WRITING_STARTED, second))


def _of_stop(stop: WriteStop, action: Action, actor: User) -> None:
    if stop._state.adding:
        stop.save()
    audit.record(action, actor=actor, on=stop, comment=stop.reason)


def _bound(step: Callable[[Told, datetime], None], told: Told) -> Doing:
    do: Doing = partial(step, told)
    return steps.by_a_worker(do) if step in steps.OF_WORKERS else do


def _both(*steps: Callable[[Told, datetime], None]) -> Callable[[Told, datetime], None]:
    def do(told: Told, at: datetime) -> None:
        for step in steps:
            step(told, at)

    return do
