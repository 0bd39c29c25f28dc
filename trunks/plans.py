"""How the database carries out what is asked in many pieces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def without_jit(*, in_order: bool = False) -> Iterator[None]:
    """Have PostgreSQL not compile the statements of the block, in a transaction that only reads.

    Compiling takes most of a second for a statement over all months' tables, and a piece of it a few milliseconds.
    SQLite compiles nothing, and a transaction would shut out whoever writes. `in_order` has rows that an index holds in
    their order read by it, and never sorted: sorting a hundred thousand of them takes as much as all the rest.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL jit = off; SET LOCAL enable_sort = off" if in_order else "SET LOCAL jit = off"
        )
        yield
