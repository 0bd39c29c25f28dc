"""Each fault has its row, and the schedules know every fault and every switch that the sandbox can play."""

import re

from tests.chaos.mayhem import ZOOM_FAULTS
from tests.faults import zoom
from tests.faults.points import PLACES
from tests.faults.schedule import MOST, WRITE_PLACES
from tests.processes import ROOT
from trunks.sandbox.faults import APPLY
from trunks.sandbox.switches import CHOICES, DEFAULTS

# The sandbox's names for what the schedules play under another: a hang that ends in time, a token refused.
OTHERWISE = {"slow": "latency of each call", "latency": "latency of each call", "unauthorized": "401"}


def test_each_of_the_thirty_faults_has_a_row_that_names_a_test() -> None:
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (F\d+) \|.*\| ([^|]+) \|$", text, re.MULTILINE))
    assert list(rows) == [f"F{number}" for number in range(1, 31)]
    assert [name for name, shown in rows.items() if not re.search(r"`test_\w+`", shown)] == []


def test_the_schedules_play_every_fault_of_the_sandbox() -> None:
    played = set(zoom.KINDS) | set(OTHERWISE)
    assert set(APPLY) - played == set()
    assert set(OTHERWISE.values()) - {"latency of each call"} <= set(zoom.KINDS)


def test_the_schedules_set_every_switch_to_every_choice() -> None:
    """`Zoom.switch` counts through the choices with four numbers, and knows the one switch that has none."""
    assert set(DEFAULTS) - set(CHOICES) == {"list_delay"}
    assert {name: choices for name, choices in CHOICES.items() if len(choices) > 4} == {}


def test_the_chaos_has_every_fault_that_can_leave_a_write_open() -> None:
    doubtful = {kind for kind, effects in APPLY.items() if "never" in effects}
    assert doubtful - {str(fault["kind"]) for fault in ZOOM_FAULTS} == set()


def test_writes_are_struck_where_their_places_are() -> None:
    """Once `PLACES` named calls by their method, where the client names them by read and write: half never struck."""
    assert set(WRITE_PLACES) - set(PLACES) == set()
    assert set(MOST) - set(PLACES) == set()
