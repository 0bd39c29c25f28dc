"""Deadlines are told by the database's clock: workers' clocks differ, and a wrong one would end a lease early."""

from datetime import timedelta

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Now


def now() -> Combinable:
    """Return the database's present time as an expression."""
    return Now()


def after(seconds: float) -> ExpressionWrapper:
    """Return the moment `seconds` from the database's present time as an expression."""
    span = Value(timedelta(seconds=seconds), output_field=DurationField())
    return ExpressionWrapper(now() + span, output_field=DateTimeField())
