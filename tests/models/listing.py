"""What Zoom lists, what the portal's last word about it was, and what of it drifts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import cast
from trunks.models import Hold, Kind, Line, LineState, ListedTrunk, State, SubAccount, TrunkRequest, User
from trunks.models.drift import ALARMING, Drift, drifting

DONE = datetime.now(UTC).replace(microsecond=0) - timedelta(days=10)
READ = DONE + timedelta(hours=1)
CALLER_ID = "+14155550100"


@pytest.fixture(autouse=True)
def read(estate: cast.Estate) -> None:
    """Have the lists of all sub accounts been read."""
    SubAccount.objects.update(trunks_read_at=READ)


def listed(sub: SubAccount, dnis: str = "18888001", **values: Any) -> ListedTrunk:
    seen = {
        "first_seen_at": values.pop("first_seen_at", DONE),
        "last_seen_at": values.pop("last_seen_at", READ),
    }
    zoom_id = values.pop("zoom_id", f"own-{dnis}")
    return ListedTrunk.objects.create(
        master=sub.master, sub_account=sub, zoom_id=zoom_id, dnis=dnis, **seen, **values
    )


def gone(sub: SubAccount, dnis: str = "18888001", **values: Any) -> ListedTrunk:
    return listed(sub, dnis, last_seen_at=DONE, gone_at=values.pop("gone_at", READ), **values)


def word(
    estate: cast.Estate,
    staff: User,
    state: LineState = LineState.ASSIGNED,
    *,
    dnis: str = "18888001",
    kind: Kind = Kind.ASSIGN,
    ended: datetime = DONE,
    request_state: State = State.DONE,
    **values: Any,
) -> Line:
    """Return the line of a request that has ended with `state`."""
    trunk_request = TrunkRequest.objects.create(
        master=estate.master,
        sub_account=estate.sub,
        kind=kind,
        state=request_state,
        filed_by=staff,
        filed_at=DONE,
        changed_at=ended,
        content_digest="",
    )
    has_it = kind != Kind.UNASSIGN and values.pop("holds", False)
    line: Line = trunk_request.lines.create(
        master=estate.master,
        position=1,
        trunk=estate.trunk,
        prefix=dnis[:5],
        dnis=dnis,
        state=state,
        hold=Hold.ASSIGNED if has_it else Hold.NONE,
        current_dnis=values.pop("current_dnis", "" if kind == Kind.ASSIGN else dnis),
        **values,
    )
    return line


def found(estate: cast.Estate, *kinds: Drift) -> list[tuple[str, str]]:
    """Return what drifts. Both quicker questions must find the same of it: that for what is alarming at many accounts
    at once, and that for what was not filed here, which gives no row a verdict."""
    accounts = SubAccount.objects.filter(master=estate.master)

    def ask(wanted: list[Drift], **how: bool) -> list[tuple[str, str]]:
        rows: Any = drifting(accounts, wanted, **how).order_by("dnis", "pk")
        return [(row.dnis, row.drift) for row in rows]

    wanted = list(kinds or Drift)
    told = ask(wanted)
    alarming = [row for row in told if row[1] in ALARMING]
    assert ask([kind for kind in wanted if kind in ALARMING], many=True) == alarming
    assert ask([Drift.NOT_FILED]) == [row for row in ask(list(Drift)) if row[1] == Drift.NOT_FILED]
    return told
