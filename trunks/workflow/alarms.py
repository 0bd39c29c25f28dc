"""Whether what supervisors are alarmed of is so still: a customer is without a trunk."""

from __future__ import annotations

from trunks.models import Line, Occasion
from trunks.models.trunk_request import named_request
from trunks.workflow import bystanders


def is_over(occasion: Occasion) -> bool:
    """Say whether the alarm of `occasion` is none: the trunks are at Zoom still, or again, or the customer has left."""
    gone = occasion.facts.get(bystanders.GONE)
    trunk_request = named_request(occasion.trunk_request_id) if gone and occasion.trunk_request_id else None
    if gone and trunk_request:
        return not bystanders.still_missing(trunk_request.sub_account, gone)
    return not Line.objects.lost().filter(trunk_request=occasion.trunk_request_id).exists()
