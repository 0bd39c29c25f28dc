"""The five counters over real processes: what the database says, against what the sandbox saw and has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.chaos.field import WORKING, Field
from tests.faults.judging import of_trail
from trunks import audit
from trunks.actions import Action
from trunks.models import GOOD_LINE_STATES, State, TrunkRequest

COUNTERS = ("lost", "double", "false", "stuck", "gaps")


def count(field: Field, filed: Sequence[TrunkRequest]) -> list[str]:
    """Return every violation as `counter: what`; empty is good."""
    state = field.sandbox("state")
    applied = Counter({(row["account_id"], row["dnis"]): int(row["count"]) for row in state["applications"]})
    there = {(account["id"], row["dnis"]) for account in state["accounts"] for row in account["assigned"]}
    posts = Counter(
        item["dnis"]
        for call in field.sandbox("calls?method=POST&path=sip_trunk/trunks")["calls"]
        for item in call["body"]["sip_trunks"]
    )
    found = []
    for trunk_request in filed:
        trunk_request.refresh_from_db()
        account = trunk_request.sub_account.zoom_id
        name = f"{trunk_request.reference}, {trunk_request.state}"
        for line in trunk_request.lines.all():
            key, good = (account, line.dnis), line.state in GOOD_LINE_STATES
            if applied[key] > 1:
                found.append(f"double: {line.dnis} was assigned {applied[key]} times ({name})")
            if good != (key in there):
                found.append(f"false: {line.dnis} is {line.state}; at Zoom: {key in there} ({name})")
        found += [f"{complaint} ({name})" for complaint in _of(trunk_request, posts)]
    return found


def _of(trunk_request: TrunkRequest, posts: Counter[str]) -> Iterator[str]:
    good = [line.state in GOOD_LINE_STATES for line in trunk_request.lines.all()]
    expected = State.DONE if all(good) else State.PARTIAL if any(good) else State.FAILED
    if trunk_request.state in WORKING:
        yield "stuck: nothing moves it any more"
    elif trunk_request.state != expected:
        yield f"lost: its lines say {expected}"
    yield from of_trail(trunk_request)
    intents = audit.history(trunk_request).filter(action=Action.PROVISIONING_INTENDED)
    told = Counter(line["dnis"] for intent in intents for line in intent.after["sip_trunks"])
    for line in trunk_request.lines.all():
        if posts[line.dnis] > told[line.dnis]:
            yield f"gaps: {line.dnis} was sent {posts[line.dnis]} times, intended {told[line.dnis]} times"


def table(found: Sequence[str]) -> str:
    """Return the counters as a table of two lines."""
    counts = Counter(complaint.split(":")[0] for complaint in found)
    names = " | ".join(f"{name:>7}" for name in COUNTERS)
    return f"{names}\n" + " | ".join(f"{counts[name]:>7}" for name in COUNTERS)
