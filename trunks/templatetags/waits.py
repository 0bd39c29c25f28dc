"""How long a request may still wait, in words."""

from __future__ import annotations

from datetime import datetime

from django.template import Library

from trunks.models import TrunkRequest
from trunks.workflow import waiting

register = Library()


@register.filter
def standing(trunk_request: TrunkRequest) -> str:
    return waiting.standing(trunk_request)


@register.filter
def opens(trunk_request: TrunkRequest) -> datetime | None:
    """Return when the change window opens, while that is ahead."""
    return waiting.window_opens(trunk_request)
