"""What a COPY of PostgreSQL sends, taken as it comes.

psycopg waits for each row in a way of its own, in Python, which takes longer than many rows are worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

_WITHOUT_WAITING = 1


def messages(copy: Any) -> Iterator[memoryview]:
    """Yield each row of `copy`, in whatever format it was asked for, to the end.

    Raises psycopg's error where the statement failed: nobody who got all rows got too few.
    """
    pgconn = copy.connection.pgconn
    take = pgconn.get_copy_data
    while True:
        length, message = take(_WITHOUT_WAITING)
        if length == 0:  # nothing there yet
            message = copy.read()
            if not message:
                return
        elif length < 0:
            _finish(pgconn)
            return
        yield message


def _finish(pgconn: PGconn) -> None:
    """Take how the statement ended."""
    # All that there is, or the connection would take no other statement.
    results = list(iter(pgconn.get_result, None))
    if failed := [result for result in results if result.status != ExecStatus.COMMAND_OK]:
        raise error_from_result(failed[0])
