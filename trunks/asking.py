"""Asking the database what it is asked with every request, by a cursor that is kept for each statement.

What Django and the driver make anew for each statement, a cursor in two wrappers and what turns values into text, takes
Python as long as an ordinary statement takes the database. On PostgreSQL, where the plan is kept as well, all of it is
made once for each connection.
"""

from __future__ import annotations

import select
import threading
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import generators

# Statements of one connection: of what is asked of several rows, one for each number of them.
MOST_PREPARED = 500
MOST_ROWS = 1000  # a cursor holds on to its last answer: to a longer one it is not left


def database() -> Any:
    """Return this thread's connection itself: what stands for it looks it up for each attribute."""
    return connections[DEFAULT_DB_ALIAS]


def ask(sql: str, values: Any = None, *, rows: bool = True, last: bool = False) -> Any:
    """Run a statement; return all its rows as the database gives them or, without `rows`, how many it changed.

    With `last` it is the last of the outermost transaction, and on PostgreSQL may commit it.
    """
    own = database()
    if own.vendor != "postgresql":
        with own.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if rows else cursor.rowcount
    # What Django does before it makes a cursor, and runs a statement.
    if own.health_check_enabled and not own.health_check_done and _is_quiet(own.connection):
        own.health_check_done = True
    own.close_if_health_check_failed()
    own.ensure_connection()
    own.validate_no_broken_transaction()
    kept = _cursor(own.connection, sql, last)
    # Django's wrappers tell whoever wants to know of a statement.
    asked = own._prepare_cursor(kept) if own.execute_wrappers or own.queries_logged else kept
    with own.wrap_database_errors:
        asked.execute(sql, values)
        if not rows:
            return kept.rowcount
        found = kept.fetchall()
    if len(found) > MOST_ROWS:
        kept.close()
    return found


def _is_quiet(connection: Any) -> bool:
    """Say whether an idle connection has nothing to read; one that PostgreSQL has closed has its end to read.

    Django asks with a statement when a request or a task begins. Of a network that went silent neither learns a thing.
    """
    if connection is None or connection.closed:
        return False
    looked = select.poll()
    looked.register(connection.fileno(), select.POLLIN)
    return not looked.poll(0)


class _Prepared(psycopg.Cursor[Any]):
    """Takes the place of Django's cursor, and has PostgreSQL plan a statement once for each connection."""

    def execute(self, query: Any, params: Any = None, **_: Any) -> _Prepared:
        return super().execute(query, params, prepare=True)

    def _convert_query(self, query: Any, params: Any = None) -> Any:
        # Where Django looks for what was asked; psycopg leaves it empty for what is prepared.
        self._query = super()._convert_query(query, params)
        return self._query


class _Last(_Prepared):
    """Sends the COMMIT of its transaction along with a statement of which the connection has the plan already.

    What that statement locks is then held while the database works, and not while this process is on its way to the
    commit, where it may wait for a processor, be stopped, or be killed. psycopg's own pipeline would do the same, and
    take Python as long as three commits.
    """

    def _maybe_prepare_gen(self, pgq: Any, *, prepare: bool | None = None, **more: Any) -> Any:
        planned, name = self._get_prepared(pgq, prepare)
        if planned.name != "YES":
            yield from super()._maybe_prepare_gen(pgq, prepare=prepare, **more)
            return
        self._pgconn.enter_pipeline_mode()
        try:
            self._send_query_prepared(name, pgq, **more)
            self._pgconn.send_query_params(b"COMMIT", None)
            self._pgconn.pipeline_sync()
            yield from generators.send(self._pgconn)
            results = yield from generators.fetch_many(self._pgconn)
            committed = yield from generators.fetch_many(self._pgconn)
            yield from generators.fetch_many(self._pgconn)  # that both have ended
        finally:
            self._pgconn.exit_pipeline_mode()
        for some in (results, committed):
            self._check_results(some)
        self._set_results(results)


class _Kept(threading.local):
    """The cursors of this thread's connection, by what they ask."""

    connection: Any = None
    forms: tuple[bytes | None, ...] = ()

    def __init__(self) -> None:
        self.cursors: dict[tuple[str, bool], _Prepared] = {}


_kept = _Kept()
# The settings by which values are told to the database, and by it.
_FORMS = (b"client_encoding", b"DateStyle")


def _cursor(connection: Any, sql: str, last: bool) -> _Prepared:
    """Return the cursor that asks `sql` on `connection`, which may be another one than the last time.

    A cursor goes on with the forms in which it began, so it is not kept where a session has set others.
    """
    forms = tuple(map(connection.pgconn.parameter_status, _FORMS))
    same = _kept.connection is connection and _kept.forms == forms
    if not same or len(_kept.cursors) >= MOST_PREPARED:
        connection.prepared_max = MOST_PREPARED
        _kept.connection, _kept.forms, _kept.cursors = connection, forms, {}
    cursor = _kept.cursors.get((sql, last))
    if cursor is None or cursor.closed:
        cursor = _kept.cursors[sql, last] = (_Last if last else _Prepared)(connection)
    return cursor
