"""A moment that somebody types by their own clock."""

from __future__ import annotations

from datetime import UTC, datetime

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_datetime


def moment_of(text: str) -> datetime | None:
    """Return the moment that somebody asked to jump to, by their own clock; None for what is none."""
    field = forms.DateTimeField(required=False)
    try:
        found: datetime | None = field.clean(text)
    except ValidationError:
        # Django refuses an hour that a change of the clock leaves out or has twice; the trail has a place for either.
        found = _by_the_clock(text)
    try:
        return found.astimezone(UTC) if found else None
    except OverflowError:  # the years 1 and 9999
        return None


def _by_the_clock(text: str) -> datetime | None:
    try:
        naive = parse_datetime(text.strip())
    except ValueError:
        return None
    return naive.replace(tzinfo=timezone.get_current_timezone()) if naive and not naive.tzinfo else None
