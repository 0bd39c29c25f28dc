"""Filing many requests from one table: first looked at row by row, then filed as they were shown.

The rows of one sub account, kind, reason and ticket become one request, or several where they are more than Zoom takes
in one. Each is filed by the verb that the form calls, in a transaction of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from trunks import audit, tables
from trunks.actions import Action, Outcome
from trunks.models import MAX_LINES, Kind, MasterAccount, MasterTrunk, SubAccount, TrunkRequest, User
from trunks.workflow import filing
from trunks.workflow.called import Accounts, Trunks
from trunks.workflow.drafts import Draft, LineDraft, checkable, completed, twin_of
from trunks.workflow.errors import AlreadyFiled, Invalid, Problems, Refused, distinct

MOST_ROWS = 1_000
MOST_REQUESTS = 100
COLUMNS = {
    "sub_account": ("customer", "account", "sub account id", "account id"),
    "dnis": (),
    "outbound_caller_id": ("caller id",),
    "trunk": ("master trunk", "trunk id"),
    "kind": (),
    "current_dnis": ("present dnis",),
    "reason": (),
    "ticket": (),
}
NEEDED = ("sub_account", "dnis")
# What the form asks for once, for every row that does not say it itself.
COMMON = ("reason", "ticket", "not_before")
NAMED = 5  # of the rows that have a DNIS as well
NO_KIND = "Write assign, unassign or change; or nothing, to assign."


@dataclass(frozen=True)
class Common:
    """What holds for every row: the master account, and what a row leaves to the form."""

    master: MasterAccount
    reason: str
    ticket: str
    not_before: datetime | None = None


@dataclass(frozen=True)
class Trouble:
    """What is wrong: in which row (0: in what the form asks for once), under which column, and the sentence."""

    row: int
    column: str
    text: str


@dataclass(frozen=True)
class Planned:
    """One request to be made of the table: its draft, completed, and the numbers of the rows of its lines.

    `twin` is the request in which this person has filed exactly this already.
    """

    draft: Draft
    rows: tuple[int, ...]
    twin: TrunkRequest | None = None

    @property
    def kind_label(self) -> str:
        return Kind(self.draft.kind).label


@dataclass(frozen=True)
class Plan:
    """What a table comes to: the requests in the order of the table, and everything that is wrong with it."""

    planned: list[Planned]
    troubles: list[Trouble]

    @property
    def waiting(self) -> list[Planned]:
        """Return the requests that are not filed already."""
        return [one for one in self.planned if one.twin is None]

    @property
    def lines(self) -> int:
        return sum(len(one.rows) for one in self.planned)

    @property
    def digest(self) -> str:
        """Return what names exactly this content, so that nothing is filed but what was shown."""
        told = [[one.draft.content(), one.draft.reason, one.draft.ticket] for one in self.planned]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Result:
    """What became of one planned request: filed (now or, by the same person, before), or why not."""

    planned: Planned
    trunk_request: TrunkRequest | None = None
    reasons: Sequence[str] = ()
    who: str = ""


def plan(rows: Sequence[tables.Row], common: Common, *, actor: User) -> Plan:
    """Return what would be filed for the rows, and every problem at once. Changes nothing."""
    drafts, troubles = _drafts(rows, common)
    if len(drafts) > MOST_REQUESTS:
        words = f"At most {MOST_REQUESTS} requests at once; this table makes {len(drafts)}. Split it."
        return Plan([], [Trouble(0, "table", words)])
    troubles += [Trouble(row.number, "", "There are more cells than columns.") for row in rows if row.surplus]
    said = {row.number: row for row in rows}
    planned = []
    for one in drafts:
        found = filing.problems(checkable(one.draft, common.master), actor=actor)
        twin = twin_of(one.draft, actor=actor) if found and one.draft.sub_account else None
        planned.append(replace(one, twin=twin))
        troubles += [] if twin else _troubles(found, one, said)
    troubles += _clashes([one for one in planned if one.twin is None])
    return Plan(planned, sorted(dict.fromkeys(troubles), key=lambda trouble: trouble.row))


def file_all(plan: Plan, *, master: MasterAccount, actor: User, done: list[str]) -> list[Result]:
    """File what was planned, each by itself; return what became of each.

    `done` gets the name of each as it is filed, for when the database gives way in the middle.
    Begin and end are events of the master account; what is filed or refused between is told by its own.
    """
    told = {"requests": len(plan.planned), "lines": plan.lines, "digest": plan.digest}
    with audit.change():
        audit.record(Action.IMPORT_BEGUN, actor=actor, on=master, after=told)
    results = []
    for planned in plan.planned:
        result = _file(planned, actor)
        results.append(result)
        if result.trunk_request:
            done.append(result.trunk_request.reference)
    left = len(results) - len(done)
    with audit.change():
        after = {"filed": list(done), "not_filed": left, "digest": plan.digest}
        outcome = Outcome.FAILED if left else None
        audit.record(Action.IMPORT_ENDED, actor=actor, on=master, after=after, outcome=outcome)
    return results


def _file(planned: Planned, actor: User) -> Result:
    try:
        return Result(planned, filing.file(planned.draft, actor=actor))
    except AlreadyFiled as error:
        return Result(planned, error.trunk_request)
    except Refused as error:
        return Result(planned, reasons=[error.reason], who=error.who)
    except Invalid as error:
        return Result(planned, reasons=distinct(error.problems))


def _drafts(rows: Sequence[tables.Row], common: Common) -> tuple[list[Planned], list[Trouble]]:
    """Return the drafts that the rows make, and where a row names an account or a trunk that is not one."""
    accounts = Accounts(common.master, {row.get("sub_account") for row in rows})
    trunks = Trunks(common.master)
    troubles: list[Trouble] = []
    groups: dict[tuple[SubAccount | None, str, str, str], list[tuple[int, LineDraft]]] = defaultdict(list)
    for row in rows:
        account = accounts.called(row.get("sub_account"))
        trunk = trunks.meant(row.get("trunk"), row.get("dnis"))
        found = {"sub_account": account, "trunk": trunk}
        troubles += [
            Trouble(row.number, name, it) for name, it in found.items() if it and isinstance(it, str)
        ]
        key = (
            account if isinstance(account, SubAccount) else None,
            _kind(row),
            row.get("reason"),
            row.get("ticket"),
        )
        groups[key].append((row.number, _line(row, trunk if isinstance(trunk, MasterTrunk) else None)))
    planned = []
    for (whose, kind, reason, ticket), members in groups.items():
        for start in range(0, len(members), MAX_LINES):
            numbers, lines = zip(*members[start : start + MAX_LINES], strict=True)
            draft = Draft(
                sub_account=whose,
                kind=kind,
                reason=reason or common.reason,
                ticket=ticket or common.ticket,
                lines=lines,
                not_before=common.not_before,
            )
            planned.append(Planned(completed(draft), numbers))
    return planned, troubles


def _line(row: tables.Row, trunk: MasterTrunk | None) -> LineDraft:
    return LineDraft(trunk, row.get("dnis"), row.get("outbound_caller_id"), row.get("current_dnis"))


def _kind(row: tables.Row) -> str:
    """Return the kind that a row asks for: by its value or by its name, and assigning where it says nothing."""
    asked = row.get("kind").casefold()
    return next(
        (kind.value for kind in Kind if asked in (kind.value, kind.label.casefold())), asked or Kind.ASSIGN
    )


def _troubles(found: Problems, one: Planned, said: Mapping[int, tables.Row]) -> Iterator[Trouble]:
    """Yield the problems of one draft at the rows of the table; what the form asks for once is at row 0."""
    first = one.rows[0]
    for field, sentences in found.items():
        head, _, rest = field.partition("-")
        if head == "lines":
            position, _, column = rest.partition("-")
            if column == "trunk" and one.draft.lines[int(position)].trunk is None:
                continue  # it has been said which trunk is meant by nothing
            row = one.rows[int(position)]
        elif head in COMMON and not said[first].get(head):
            row, column = 0, head
        else:
            row, column = first, head
        words = [NO_KIND] if head == "kind" else sentences
        yield from (Trouble(row, column, sentence) for sentence in words)


def _clashes(planned: Iterable[Planned]) -> Iterator[Trouble]:
    """Yield where two requests of the table are about one DNIS: filed one after the other, the second would fail."""
    seen: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for number, one in enumerate(planned):
        for row, line in zip(one.rows, one.draft.lines, strict=True):
            for column in ("dnis", "current_dnis"):
                seen[getattr(line, column)].append((number, row, column))
    for dnis, places in seen.items():
        if not dnis or len(Counter(number for number, _, _ in places)) < 2:
            continue
        rows = sorted({row for _, row, _ in places})
        for _, row, column in places:
            # Of very many each would name all: as much text as their square.
            others = [other for other in rows[: NAMED + 2] if other != row]
            yield Trouble(row, column, f"{dnis} stands in row {_some(others)} as well.")


def _some(rows: Sequence[int]) -> str:
    return ", ".join(map(str, rows[:NAMED])) + (" and others" if len(rows) > NAMED else "")
