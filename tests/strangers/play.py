"""One seed, one stranger: what is asked of it, and what must be true in the end."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.faults.judging import of_trail
from tests.strangers.ledger import BAD_ENDING, Row
from tests.strangers.stage import Stage
from tests.strangers.zoom import NO_PLAN, SUBS
from trunks.models import (
    GOOD_LINE_STATES,
    WORKING_STATES,
    Kind,
    Line,
    LineState,
    MasterAccount,
    State,
    SubAccount,
    TrunkRequest,
)
from trunks.workflow import estate
from trunks.workflow.errors import WorkflowError

CALLER_IDS = ("", "+14155550100", "4155550100")


def play(seed: int) -> list[str]:
    """Have the portal do its work with the stranger of `seed`, and return what went wrong."""
    with Stage(seed) as stage:
        try:
            found = list(_found(stage, random.Random(seed)))  # noqa: S311  # repeatable on purpose
        except Exception as error:  # noqa: BLE001  # whatever it is, nothing may end so
            found = [f"crash: {error!r}"]
        return [f"{what}   {stage.habits.unusual()}" for what in found]


def _found(stage: Stage, chance: random.Random) -> Iterator[str]:
    master = stage.connect()
    if not _read(master):
        master.refresh_from_db()
        yield f"sync: {master.sync_problem}"
        return
    yield from _of_estate(stage)
    prefixes, endings = ("18888", "90001"), f"0123456{BAD_ENDING}"
    wanted = [
        f"{chance.choice(prefixes)}70{ending}"
        for ending in chance.sample(endings, chance.choice((1, 1, 2, 4)))
    ]
    first = stage.file(SUBS[0], wanted, chance.choice(CALLER_IDS))
    second = stage.file(SUBS[1], ["18888800"], chance.choice(CALLER_IDS))
    stage.rest()
    for trunk_request in (first, second):
        yield from _of_assigning(stage, trunk_request)
    if second.state == State.DONE:
        yield from _of_after(stage, chance)
    if not _read(master):
        yield "sync: the second reading failed"
    yield from (f"double: {sub} was given {dnis} again" for sub, dnis in stage.stranger.ledger.doubled)


def _read(master: MasterAccount) -> bool:
    """Read the estate. Three faults in a row cost a reading, and nobody has enough of them for two."""
    return estate.sync(master.pk) or estate.sync(master.pk)


def _of_estate(stage: Stage) -> Iterator[str]:
    subs = {
        sub.zoom_id: sub.trunks_problem
        for sub in SubAccount.objects.filter(master=stage.master, gone_at=None)
    }
    if set(subs) != set(SUBS):
        yield f"sync: read {sorted(subs)}"
    for zoom_id, problem in subs.items():
        if zoom_id != NO_PLAN and problem:
            yield f"sync: {zoom_id}: {problem}"


def _of_after(stage: Stage, chance: random.Random) -> Iterator[str]:
    """Have the second sub account's trunk changed, or taken away again."""
    kind = chance.choice((Kind.CHANGE, Kind.UNASSIGN))
    number = "18888800" if kind == Kind.UNASSIGN else chance.choice(("18888801", "18888809", "18888800"))
    try:
        third = stage.file(SUBS[1], [number], "4155550199", kind, "18888800")
    except WorkflowError as error:
        yield f"refused: {kind} {number}: {error.reason}"
        return
    stage.rest()
    third.refresh_from_db()
    there = [row.dnis for row in _rows(stage, third)]
    line = third.lines.get()
    good = line.state in GOOD_LINE_STATES
    there_at_least = good or line.state == LineState.DIFFERENT
    expected = [] if kind == Kind.UNASSIGN and good else [number] if there_at_least else ["18888800"]
    if line.without_trunk:
        expected = []
    if third.state in WORKING_STATES:
        yield f"stuck: {kind} {third.state}: {third.waiting_for}"
    elif there != expected and not (kind == Kind.UNASSIGN and not good):
        yield f"false: {kind} to {number} is {line.state} ({line.detail}); at Zoom {there}"
    elif not good and _must_succeed(stage, line):
        yield f"failed: {kind} to {number}: {line.state} {line.detail}"


def _of_assigning(stage: Stage, trunk_request: TrunkRequest) -> Iterator[str]:
    trunk_request.refresh_from_db()
    name = f"{trunk_request.state}: {trunk_request.waiting_for}"
    if trunk_request.state in WORKING_STATES:
        yield f"stuck: {name}"
        return
    if trunk_request.state not in (State.DONE, State.PARTIAL, State.FAILED):
        yield f"given back: {name}"
        return
    yield from of_trail(trunk_request)
    for line in trunk_request.lines.select_related("trunk"):
        good = line.state in GOOD_LINE_STATES
        rows = [(row.trunk_id, row.caller_id) for row in _rows(stage, trunk_request) if row.dnis == line.dnis]
        wanted = [(line.trunk.zoom_id, line.outbound_caller_id)]
        if rows != (wanted if good or line.state == LineState.DIFFERENT else []):
            yield f"false: {line.dnis} is {line.state} ({line.detail}); at Zoom {rows}"
        elif not good and _must_succeed(stage, line):
            yield f"failed: {line.dnis} is {line.state} ({line.detail})"


def _rows(stage: Stage, trunk_request: TrunkRequest) -> list[Row]:
    return stage.stranger.ledger.accounts[trunk_request.sub_account.zoom_id]


def _must_succeed(stage: Stage, line: Line) -> bool:
    """Say whether nothing at Zoom stands against the line: no refusal, nothing that went wrong or was displaced."""
    displaced = stage.habits["second_post"] == "replaces" and line.trunk_request.lines.count() > 1
    kept = stage.habits["caller_id"] != "another" or not line.outbound_caller_id
    return not line.dnis.endswith(BAD_ENDING) and not stage.lied and not displaced and kept
