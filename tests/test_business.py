"""Business days: time that passes only while people are at work."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunks.business import Calendar

MADRID = ZoneInfo("Europe/Madrid")
WEEK = Calendar(frozenset(range(5)), ZoneInfo("UTC"))
MOMENTS = st.datetimes(
    datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2035-01-01"), timezones=st.just(UTC)
)
SPANS = st.integers(0, 40 * 1440).map(lambda minutes: minutes / 1440)
HOLIDAYS = st.frozensets(st.dates(date(2020, 1, 1), date(2035, 1, 1)), max_size=5)
CALENDARS = st.builds(
    Calendar,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.sampled_from([ZoneInfo("UTC"), MADRID]),
    HOLIDAYS,
)
AN_HOUR = 1 / 24 + 1e-9  # what a change of the clocks can make of a span


def at(text: str, zone: ZoneInfo = MADRID) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-11-26 10:00", 1, "2026-11-27 10:00"),  # Thursday to Friday
        ("2026-11-27 10:00", 1, "2026-11-30 10:00"),  # Friday to Monday
        ("2026-11-27 10:00", 0, "2026-11-27 10:00"),
        ("2026-11-28 10:00", 1, "2026-12-01 00:00"),  # filed on a Saturday: Monday is the day
        ("2026-11-27 18:00", 0.5, "2026-11-30 06:00"),
        ("2026-11-30 00:00", 5, "2026-12-05 00:00"),  # until Friday is over
        ("2026-10-23 10:00", 1, "2026-10-26 10:00"),  # the clocks change between
        ("2026-12-24 10:00", 1, "2026-12-28 10:00"),  # the 25th is a holiday
    ],
)
def test_business_days_pass_on_business_days(start: str, days: float, end: str) -> None:
    calendar = Calendar(frozenset(range(5)), MADRID, {date(2026, 12, 25)})
    assert calendar.after(at(start), days) == at(end)


def test_the_zone_says_when_a_day_begins() -> None:
    late = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)  # already Saturday in Madrid
    assert WEEK.after(late, 0.5 / 24) == datetime(2026, 11, 28, 0, 0, tzinfo=UTC)
    assert Calendar(frozenset(range(5)), MADRID).after(late, 0) == at("2026-11-30 00:00")


def test_a_calendar_without_business_days_comes_to_an_end() -> None:
    nothing = Calendar(frozenset(), MADRID)
    assert nothing.after(at("2026-11-26 10:00"), 1) > at("2036-01-01 00:00")
    assert nothing.between(at("2026-11-26 10:00"), at("2026-12-26 10:00")) == 0


@given(CALENDARS, MOMENTS, SPANS)
def test_what_has_passed_until_then_is_what_was_to_pass(
    calendar: Calendar, start: datetime, days: float
) -> None:
    assert calendar.between(start, calendar.after(start, days)) == pytest.approx(days, abs=AN_HOUR)


@given(CALENDARS, MOMENTS, SPANS, SPANS)
def test_a_longer_span_ends_no_earlier(calendar: Calendar, start: datetime, days: float, more: float) -> None:
    assert calendar.after(start, days) <= calendar.after(start, days + more)


@given(CALENDARS, MOMENTS, st.integers(0, 60 * 24 * 30), SPANS)
def test_what_begins_later_ends_no_earlier(
    calendar: Calendar, start: datetime, minutes: int, days: float
) -> None:
    # An hour of grace: in the night in which the clocks go back, the same hour comes twice.
    later = start + timedelta(minutes=minutes)
    assert calendar.after(start, days) <= calendar.after(later, days) + timedelta(hours=1)


@given(CALENDARS, MOMENTS, SPANS)
def test_it_is_never_quicker_than_the_calendar(calendar: Calendar, start: datetime, days: float) -> None:
    assert calendar.after(start, days) >= start + timedelta(days=days) - timedelta(hours=1)


@given(MOMENTS, SPANS, SPANS)
def test_spans_add_up(start: datetime, first: float, second: float) -> None:
    middle = WEEK.after(start, first)
    end = WEEK.after(middle, second)
    assert WEEK.between(start, end) == pytest.approx(first + second)


@given(CALENDARS, MOMENTS, MOMENTS)
def test_nothing_passes_backwards(calendar: Calendar, one: datetime, other: datetime) -> None:
    early, late = sorted((one, other))
    late = min(late, early + timedelta(days=400))
    assert calendar.between(late, early) == 0
    assert 0 <= calendar.between(early, late) <= (late - early) / timedelta(days=1) + AN_HOUR
