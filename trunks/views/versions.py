"""The versions of a request, and what differs between any two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from trunks import access
from trunks.models import Look, Revision, TrunkRequest, User, Verdict
from trunks.templatetags.events import Difference
from trunks.views.http import HtmxHttpRequest
from trunks.workflow import looks
from trunks.workflow import versions as known
from trunks.workflow.quorum import Vote


@dataclass(frozen=True)
class Since:
    """What changed since a supervisor saw an earlier version, and whose approvals that has voided."""

    look: Look
    differences: list[Difference]
    voided: list[Vote]


def since(
    user: User, trunk_request: TrunkRequest, revisions: Sequence[Revision], votes: Sequence[Vote]
) -> Since | None:
    """Return what `user` has to be told before they decide, or None where they saw no earlier version."""
    look = looks.before(trunk_request, user)
    if look is None:
        return None
    by_number = {one.content_version: one for one in revisions}
    voided = [vote for vote in votes if _voided_by_amendment(vote, trunk_request)]
    differences = _differences(by_number[look.content_version], by_number[trunk_request.content_version])
    return Since(look, differences, voided)


@require_GET
def versions(request: HtmxHttpRequest, reference: int) -> HttpResponse:
    """Show who made which version when, and what differs between two: the last two, unless others are asked for."""
    trunk_request = access.trunk_request_for(request.user, reference)
    revisions = known.of(trunk_request)
    old, new = sorted(
        (_asked(request, "from", revisions, -2), _asked(request, "to", revisions, -1)), key=_number
    )
    context = {
        "trunk_request": trunk_request,
        "revisions": revisions,
        "old": old,
        "new": new,
        "differences": _differences(old, new),
    }
    return render(request, "trunks/versions.html", context)


def _differences(old: Revision, new: Revision) -> list[Difference]:
    return [Difference(*change) for change in known.changes(old, new)]


def _number(revision: Revision) -> int:
    return revision.content_version


def _asked(request: HtmxHttpRequest, name: str, revisions: Sequence[Revision], otherwise: int) -> Revision:
    """Return the version that the address names under `name`; without one, that at the place `otherwise`."""
    asked = request.GET.get(name, "")
    if not asked:
        return revisions[max(otherwise, -len(revisions))]
    found = next((one for one in revisions if str(one.content_version) == asked), None)
    if found is None:
        raise Http404("The request has no such version.")
    return found


def _voided_by_amendment(vote: Vote, trunk_request: TrunkRequest) -> bool:
    decision = vote.decision
    approved = decision.verdict == Verdict.APPROVE and decision.taken_back_at is None
    return approved and decision.content_version < trunk_request.content_version
