"""Beat's schedule in its file: what is wrong with it or with the clock stops no ringing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from celery import beat

from portal.celery import app
from portal.timetable import Timetable

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@contextmanager
def begun(folder: Path, at: datetime) -> Iterator[tuple[Timetable, list[str]]]:
    """Give a beat that begins at that time, and what it has rung for."""
    rung: list[str] = []
    with (
        mock.patch.object(app, "now", return_value=at),
        mock.patch.object(beat.ScheduleEntry, "default_now", lambda _: app.now()),  # noqa: PT008  # whenever asked,
    ):
        table = Timetable(app=app, schedule_filename=str(folder / "beat"))
        with mock.patch.object(table, "apply_entry", lambda entry, producer: rung.append(entry.name)):
            yield table, rung
        table.close()


def pass_time(table: Timetable, to: datetime) -> None:
    with mock.patch.object(app, "now", return_value=to):
        while table.tick() == 0:
            pass


def test_each_is_rung_for_when_its_time_has_come(tmp_path: Path) -> None:
    with begun(tmp_path, NOW) as (table, rung):
        pass_time(table, NOW + timedelta(seconds=0.5))
        assert rung == []
        pass_time(table, NOW + timedelta(seconds=400))
        assert sorted(rung) == ["keep-audit", "sweep"]


@pytest.mark.parametrize("again", [False, True], ids=["while it runs", "before it begins"])
def test_a_clock_that_was_ahead_and_is_set_back_stops_no_ringing(tmp_path: Path, again: bool) -> None:
    with begun(tmp_path, NOW + 9 * HOUR) as (table, rung):
        pass_time(table, NOW + 10 * HOUR)
        rung.clear()
        if not again:
            pass_time(table, NOW)
            pass_time(table, NOW + timedelta(seconds=400))
    if again:
        with begun(tmp_path, NOW) as (table, rung):
            pass_time(table, NOW + timedelta(seconds=400))
    assert sorted(rung) == ["keep-audit", "sweep"]


def test_a_schedule_that_was_cut_off_is_begun_anew(tmp_path: Path) -> None:
    with begun(tmp_path, NOW):
        pass
    for path in tmp_path.glob("beat.dat"):
        path.write_bytes(b"")
    for path in tmp_path.glob("beat"):
        path.write_bytes(b"")
    with begun(tmp_path, NOW) as (table, rung):
        pass_time(table, NOW + timedelta(seconds=400))
    assert sorted(rung) == ["keep-audit", "sweep"]
