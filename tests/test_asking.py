"""A statement that is asked again is asked by the cursor that is kept for it, as if there had been none."""

import threading
from collections.abc import Callable
from datetime import date

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from trunks import asking
from trunks.asking import ask

pytestmark = [pytest.mark.django_db]

PLUS = "SELECT 1 + %s"


@pytest.mark.sqlite
def test_each_answer_is_that_of_its_own_values() -> None:
    assert [ask(PLUS, [value]) for value in (1, 2)] == [[(2,)], [(3,)]]
    assert ask("SELECT 1 WHERE 1 = 0") == []


@pytest.mark.sqlite
def test_who_listens_to_statements_is_told() -> None:
    ask(PLUS, [1])
    with CaptureQueriesContext(connection) as told:
        assert ask(PLUS, [1]) == [(2,)]
    heard = []

    def listen(execute: Callable[..., object], sql: str, *rest: object) -> object:
        heard.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(listen):
        assert ask(PLUS, [2]) == [(3,)]
    assert len(told) == 1
    assert heard == [PLUS]


@pytest.mark.sqlite
def test_errors_are_djangos_and_the_next_question_is_answered() -> None:
    twice = "INSERT INTO trunks_audithead (id) SELECT id FROM trunks_audithead WHERE id = %s"
    for _ in range(2):
        with pytest.raises(IntegrityError), transaction.atomic():
            ask(twice, [1], rows=False)
    assert ask(PLUS, [1]) == [(2,)]


@pytest.mark.sqlite
def test_nothing_is_asked_in_a_transaction_that_cannot_be_committed() -> None:
    with transaction.atomic(), transaction.atomic(savepoint=False):
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            ask(PLUS, [1])


def test_a_cursor_is_kept_for_each_statement_and_let_go_with_a_long_answer() -> None:
    numbers = "SELECT generate_series(1, %s)"
    kept = [_kept_for(PLUS) for _ in range(2) if ask(PLUS, [1])]
    assert kept[0] is kept[1]
    assert len(ask(numbers, [asking.MOST_ROWS])) == asking.MOST_ROWS
    assert not _kept_for(numbers).closed
    assert len(ask(numbers, [asking.MOST_ROWS + 1])) == asking.MOST_ROWS + 1
    assert _kept_for(numbers).closed
    assert ask(numbers, [1]) == [(1,)]


def test_what_is_not_asked_again_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MOST_PREPARED", 3)
    for number in range(7):
        assert ask(f"SELECT {number}") == [(number,)]
        assert len(asking._kept.cursors) <= 3


def test_a_session_that_writes_dates_otherwise_is_understood() -> None:
    day = "SELECT DATE '2026-11-02'"
    for style in ("SQL, DMY", "ISO, MDY"):
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL DateStyle = '{style}'")
        assert ask(day) == [(date(2026, 11, 2),)]


def test_a_session_that_sets_another_encoding_is_asked_in_that_one() -> None:
    echo = "SELECT %s::text"
    assert ask(echo, ["Zürich"]) == [("Zürich",)]
    for encoding in ("LATIN1", "UTF8"):
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL client_encoding = '{encoding}'")
        assert ask(echo, ["Zürich"]) == [("Zürich",)]
        assert ask("SELECT length(%s::text)", ["Zürich"]) == [(6,)]


@pytest.mark.django_db(transaction=True)
def test_after_a_lost_connection_the_new_one_is_asked() -> None:
    [(before,)] = ask("SELECT pg_backend_pid()")
    _end(before)
    with pytest.raises(DatabaseError):
        ask("SELECT pg_backend_pid()")
    connection.close_if_unusable_or_obsolete()
    [(after,)] = ask("SELECT pg_backend_pid()")
    assert after != before


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_postgresql_has_closed_is_replaced_before_it_is_asked() -> None:
    [(before,)] = ask("SELECT pg_backend_pid()")
    _end(before)
    asking.database().health_check_done = False  # as when a request or a task begins
    [(after,)] = ask("SELECT pg_backend_pid()")
    assert after != before


@pytest.mark.django_db(transaction=True)
def test_a_connection_with_nothing_to_read_is_not_asked_whether_it_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask(PLUS, [1])
    asked = []

    def is_usable() -> bool:
        asked.append("SELECT 1")
        return True

    monkeypatch.setattr(connection, "is_usable", is_usable)
    asking.database().health_check_done = False  # as when a request or a task begins
    assert ask(PLUS, [1]) == [(2,)]
    assert asking.database().health_check_done
    assert asked == []
    asking.database().health_check_done = False
    with connection.cursor() as cursor:  # Django's own cursor asks as ever
        cursor.execute("SELECT 1")
    assert asked == ["SELECT 1"]


@pytest.mark.django_db(transaction=True)
def test_each_thread_asks_by_cursors_of_its_own() -> None:
    found = []

    def elsewhere() -> None:
        found.append(ask("SELECT pg_backend_pid()"))
        connection.close()

    here = ask("SELECT pg_backend_pid()")
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found[0] != here
    assert ask("SELECT pg_backend_pid()") == here


def _kept_for(sql: str) -> asking._Prepared:
    return asking._kept.cursors[sql, False]


def _end(backend: int) -> None:
    """Have PostgreSQL close a connection, and return when it has."""
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [backend])
    other.close()
