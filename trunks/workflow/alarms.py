"""Whether what supervisors are alarmed of is so still: a customer is without a trunk."""

from __future__ import annotations

from trunks.models import Line, Occasion
from trunks.models.trunk_request import named_request
from trunks.workflow import displaced


def is_over(occasion: Occasion) -> bool:
    """Say whether the alarm of `occasion` is none.

    The trunks are at Zoom still, or again, the customer has left, or a supervisor has ended it.
    """
    gone = occasion.facts.get(displaced.GONE)
    trunk_request = named_request(occasion.trunk_request_id) if gone and occasion.trunk_request_id else None
    if gone and trunk_request:
        return not displaced.still_missing(trunk_request.sub_account, displaced.alarmed(occasion.facts))
    return not Line.objects.lost().filter(trunk_request=occasion.trunk_request_id).exists()
