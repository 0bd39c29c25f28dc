"""How the database carries out what is asked in many pieces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def uncompiled() -> Iterator[None]:
    """Have PostgreSQL not compile the statements of the block, in a transaction that only reads.

    Compiling takes most of a second for a statement over all months' tables, and a piece of it a few milliseconds.
    SQLite compiles nothing, and a transaction would shut out whoever writes.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")
        yield
