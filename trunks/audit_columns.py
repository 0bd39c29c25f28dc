"""The columns of an event that the chain takes in, for whatever puts them into SQL."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

from django.db import models

from trunks import chain
from trunks.models.audit_event import AuditEvent

# Quoted, since Django's field takes no parameters while the portal runs.
Column: TypeAlias = "models.Field[Any, Any]"


@cache
def hashed() -> tuple[Column, ...]:
    """Return the columns of `trunks.chain.FIELDS`, in that order."""
    fields = {field.attname: field for field in AuditEvent._meta.concrete_fields}
    return tuple(fields[name] for name in chain.FIELDS)


def is_text(field: Column) -> bool:
    """Say whether the database holds a column as text. A moment is none, though SQLite keeps it as one."""
    return isinstance(field, models.CharField | models.TextField)


def sqlite_microseconds(column: str) -> str:
    """Return SQLite's expression for the whole microseconds since 1970 of a moment, with its percent signs doubled.

    SQLite holds a moment as text, with its fraction only where there is one.
    """
    return (
        f"(CAST(strftime('%%s', substr({column}, 1, 19)) AS INTEGER) * 1000000"
        f" + CAST(substr(substr({column}, 21) || '000000', 1, 6) AS INTEGER))"
    )
