"""Which version of a request each person who decides has seen."""

from __future__ import annotations

from trunks.models import Look, Role, State, TrunkRequest, User, clock
from trunks.workflow import deciders


def note(trunk_request: TrunkRequest, *, actor: User) -> bool:
    """Write down that `actor` sees this version, where they may be asked to decide; say whether it is new to them.

    Written once for each version: whoever looks ten times costs one row.
    """
    if trunk_request.state != State.PENDING or not _decides(actor, trunk_request):
        return False
    seen = {"trunk_request": trunk_request, "user": actor, "content_version": trunk_request.content_version}
    if Look.objects.filter(**seen).exists():
        return False
    # Two tabs of one person may be opened at the same moment; the second look tells nothing new.
    Look.objects.bulk_create([Look(**seen, at=clock.now())], ignore_conflicts=True)
    return True


def _decides(user: User, trunk_request: TrunkRequest) -> bool:
    """Say whether `user` is a supervisor for the request's master account, or stands in for one."""
    return user.holds(Role.SUPERVISOR, trunk_request.master_id) or bool(deciders.givers(user, trunk_request))


def before(trunk_request: TrunkRequest, user: User) -> Look | None:
    """Return the newest earlier version of a pending request that `user` has seen, or None: nothing to compare."""
    if trunk_request.state != State.PENDING or trunk_request.content_version == 1:
        return None
    seen = Look.objects.filter(trunk_request=trunk_request, user=user)
    return seen.filter(content_version__lt=trunk_request.content_version).order_by("-content_version").first()
