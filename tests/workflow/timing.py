"""Letting time pass for one request, by moving everything that is written of it into the past."""

from datetime import timedelta

from django.db.models import F

from trunks.models import RateBudget, TrunkRequest
from trunks.workflow.provisioning import provision

TIMES = ("sent_at", "absent_at", "next_attempt_at", "lease_until")


def let_pass(trunk_request: TrunkRequest, seconds: float = 3600) -> None:
    """Make the request, and a pause after a 429, look as if `seconds` had gone by since it was last touched."""
    trunk_request.refresh_from_db()
    moments = {name: getattr(trunk_request, name) for name in TIMES}
    earlier = {name: at - timedelta(seconds=seconds) for name, at in moments.items() if at}
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(**earlier)
    for line in trunk_request.lines.all():
        if line.absent_at:
            line.absent_at -= timedelta(seconds=seconds)
            line.save(update_fields=["absent_at"])
    pauses = {name: F(name) - seconds for name in ("not_before", "next_at")}
    RateBudget.objects.filter(master=trunk_request.master_id, not_before__gt=0).update(**pauses)


def carry_out_in_time(trunk_request: TrunkRequest, takes: int = 3) -> None:
    """Have a worker take the request up `takes` times, the waits between being passed over."""
    for _ in range(takes):
        let_pass(trunk_request)
        provision(trunk_request.pk)


def provision_twice(trunk_request: TrunkRequest) -> None:
    """Have a worker find gone what it is to remove, and once more when the second look is due."""
    provision(trunk_request.pk)
    assert states(trunk_request)[0] == "approved"
    assert "one more look" in trunk_request.waiting_for
    let_pass(trunk_request)
    provision(trunk_request.pk)


def states(trunk_request: TrunkRequest) -> tuple[str, list[str]]:
    """Return the request's state and those of its lines, as the database has them now."""
    trunk_request.refresh_from_db()
    return trunk_request.state, list(trunk_request.lines.values_list("state", flat=True))
