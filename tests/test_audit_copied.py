"""How the quick way reads what COPY sends, which PostgreSQL alone has: late, wrong, and broken off."""

import pytest
from django.db import DataError, transaction

from tests import trail
from trunks import audit_quick

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "columns",
    [
        "1",
        "1, 2, 3, repeat('x', 90)",
        "1::bigint, 2::bigint, repeat('x', 64), 'x', 'x'",
        "1::bigint, 2::bigint, 'x', 'x'",
    ],
)
def test_what_is_no_row_of_ours_is_no_event(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    copied(monkeypatch, f"SELECT {columns} FROM (VALUES (1), (2), (3)) AS rows")
    assert list(audit_quick._copied(0, 3)) == [audit_quick._NO_EVENT] * 3


def test_no_rows_are_no_events() -> None:
    assert list(audit_quick._copied(0, 3)) == []


def test_rows_that_are_waited_for_are_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_sleep() returns nothing, so that each row comes alone and late."""
    slowly = "SELECT n, n, repeat('x', 64), pg_sleep(0.05)::text || repeat('y', 9000) FROM generate_series(1, 4) AS n"
    copied(monkeypatch, slowly.replace("n, n", "n::bigint, n::bigint"))
    rows = [(number, bytes(rest)) for number, _, _, rest in audit_quick._copied(0, 4)]
    assert rows == [(number, b"y" * 9000) for number in (1, 2, 3, 4)]


def test_an_error_in_the_middle_of_the_rows_is_the_databases_and_leaves_the_connection_usable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing = "SELECT n::bigint, n::bigint, repeat('x', 64), (1 / (900 - n))::text FROM generate_series(1, 1000) AS n"
    copied(monkeypatch, failing)
    with pytest.raises(DataError, match="division by zero"), transaction.atomic():
        list(audit_quick._copied(0, 1000))
    assert trail.query("SELECT 1") == [(1,)]


def copied(monkeypatch: pytest.MonkeyPatch, select: str) -> None:
    statement = f"COPY ({select} WHERE %s <= %s) TO STDOUT (FORMAT binary)"
    monkeypatch.setattr(audit_quick, "_copy", lambda: statement)
