"""Deadlines are told by the database's clock: workers' clocks differ, and a wrong one would end a lease early."""

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import DateTimeField, ExpressionWrapper, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from trunks.asking import ask
from trunks.compiled_writing import Later

_SQLITE = "SELECT STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')"


_NOW = Now()


def now() -> Combinable:
    """Return the database's present time as an expression: one for all, so that it is compared quickly."""
    return _NOW


def after(seconds: float | Combinable) -> Combinable:
    """Return the moment `seconds` (a number, or an expression for a duration) from the database's present time."""
    if isinstance(seconds, Combinable):
        return ExpressionWrapper(now() + seconds, output_field=DateTimeField())
    return Later(now(), timedelta(seconds=seconds))


def unleased() -> Q:
    """Return the condition that no worker holds a row: it has no lease, or one that has run out."""
    return Q(lease_until=None) | Q(lease_until__lt=now())


def read() -> datetime:
    """Return the database's present time as a value (UTC; milliseconds on SQLite, as in `now`)."""
    [(value,)] = ask(_SQLITE if connection.vendor == "sqlite" else "SELECT CURRENT_TIMESTAMP")
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)


def left(since: datetime | None, seconds: float) -> float:
    """Return how many of the `seconds` after `since` are still to pass; none when it is None."""
    return 0.0 if since is None else max(0.0, seconds - (read() - since).total_seconds())
