"""Each fault has its row, and the schedules know every fault and every switch that the sandbox can play."""

import re
from datetime import timedelta

from tests.chaos.mayhem import ZOOM_FAULTS
from tests.faults import zoom
from tests.faults.moments import BEGINNING, VirtualTime
from tests.faults.points import PLACES
from tests.faults.refusing import DAILY, PER_SECOND, Refusing
from tests.faults.schedule import MOST, WRITE_PLACES
from tests.processes import ROOT
from trunks.sandbox.faults import APPLY, LIMITS, RETRY_AFTER
from trunks.sandbox.switches import CHOICES, DEFAULTS
from trunks.zoom.retry_after import retry_at

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


def test_the_schedules_have_limits_of_the_second_and_of_the_day_told_in_every_form() -> None:
    """The first that each of the first hundred schedules would draw; the client reads what tells a moment."""
    drawn = [Refusing(VirtualTime(), seed).limited() for seed in range(100)]
    absurd = f"{BEGINNING + timedelta(days=10):%Y-%m-%d}"
    for body in (PER_SECOND, DAILY):
        told = {answer.headers.get("Retry-After", "") for answer in drawn if answer.body == body}
        assert {"", "soon"} <= told
        forms = [
            f"{value[:10] >= absurd} {value[-1]}" if value[-1] == "Z" else value[-3:]
            for value in told
            if value
        ]
        assert {"True Z", "False Z", "GMT"} <= set(forms)
        assert any(form.isdigit() for form in forms)
        assert all(retry_at(value, daily=False) for value in told - {"", "soon"})


def test_the_chaos_has_limits_of_every_kind_and_form() -> None:
    limits = [fault for fault in ZOOM_FAULTS if fault["kind"] == "429"]
    # An absurd instant of a limit that is not the day's is believed for an hour, which no run lasts.
    assert {str(fault.get("retry_after", "")) for fault in limits} >= set(RETRY_AFTER) - {"absurd"}
    assert {str(fault.get("limit", "qps")) for fault in limits} == set(LIMITS)


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
