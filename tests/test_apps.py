"""What each new connection is taught."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.db import DataError, connection
from psycopg.pq import Format
from psycopg.types.datetime import TimestamptzLoader

from trunks import apps


def read(value: str) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT '{value}'::timestamptz")
        found: datetime = cursor.fetchone()[0]
    return found


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-28 23:00:00.123456+00", datetime(2026, 11, 28, 23, 0, 0, 123456, UTC)),
        ("2026-11-28 23:00:00.12+00", datetime(2026, 11, 28, 23, 0, 0, 120000, UTC)),
        ("2026-11-28 23:00:00.000001+05:30", datetime(2026, 11, 28, 17, 30, 0, 1, UTC)),
        ("2026-11-28 23:00:00+00", datetime(2026, 11, 28, 23, tzinfo=UTC)),
        ("0001-01-01 00:00:00+00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31 23:59:59.999999+00", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_as_django_reads_it(value: str, moment: datetime) -> None:
    found = read(value)
    assert (found, found.tzinfo) == (moment, UTC)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value", ["infinity", "-infinity", "0044-03-15 10:00:00+00 BC", "12000-01-01 00:00:00+00"]
)
def test_a_moment_that_python_has_not_is_the_error_that_it_was(value: str) -> None:
    with pytest.raises(DataError, match="timestamp too"):
        read(value)


@pytest.mark.django_db
def test_moments_are_not_taken_apart_by_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TimestamptzLoader, "load", None)
    assert read("2026-11-28 23:00:00+00") == datetime(2026, 11, 28, 23, tzinfo=UTC)


def test_a_connection_of_another_zone_keeps_its_own_reader() -> None:
    elsewhere = SimpleNamespace(timezone=None, load=lambda _, data: data)
    quick = apps._quicker(type("Loader", (), vars(elsewhere)))()
    assert quick.load(b"2026-11-28 23:00:00+00") == b"2026-11-28 23:00:00+00"


@pytest.mark.django_db
def test_django_finds_its_zone_in_the_reader() -> None:
    connection.ensure_connection()
    assert connection.connection.adapters.get_loader(apps._MOMENT, Format.TEXT).timezone is UTC
