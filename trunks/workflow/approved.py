"""Whether what a worker is about to do is still what was approved, and still fits the world."""

from __future__ import annotations

from dataclasses import dataclass

from trunks.models import Line, LineState
from trunks.workflow import permits, rules
from trunks.workflow.claims import Claim
from trunks.workflow.content import content_of, digest_of
from trunks.workflow.drafts import draft_of
from trunks.workflow.errors import distinct
from trunks.workflow.reading import refuse


@dataclass
class World:
    """What has changed since the approval. `moved` says why what has not begun no longer fits; "" while it does.

    `on_credit` says that the permit was spent for a change already halfway, which does not need enough decisions.
    """

    claim: Claim
    on_credit: bool
    moved: str = ""
    _asked: bool = False

    def look(self, waiting: list[Line]) -> None:
        """Ask once about the lines that have not begun.

        Half of a change is at Zoom already: it must be finished, or taken back, whatever the world looks like. What has
        not begun is asked about after that.
        """
        if not (self._asked or begun(waiting)):
            self._asked = True
            self.moved = _in_the_way(self.claim, waiting, on_credit=self.on_credit)


def not_as_approved(claim: Claim, lines: list[Line]) -> str:
    """Return why the request may not be carried out as it stands, or "" when it may."""
    trunk_request = claim.trunk_request
    if digest_of(content_of(trunk_request, lines)) != trunk_request.approved_digest:
        return "The request's content is not the content that was approved."
    if digest_of(trunk_request.policy) != trunk_request.policy_digest:
        return "The policy kept with the request is not the one it was approved under."
    return claim.not_permitted


def still_free(claim: Claim, group: list[Line]) -> list[Line]:
    """Return `group` without second steps of changes whose DNIS another sub account has taken meanwhile.

    The step may come long after the rules were checked, and a retry does not hold its old values. May raise Fenced.
    """
    free = []
    for line in group:
        dnis, _ = line.target()
        if line.has_begun and (taken := rules.others_have(dnis, claim.trunk_request)):
            refuse(claim, [line], taken)
        else:
            free.append(line)
    return free


def begun(lines: list[Line]) -> list[Line]:
    """Return the lines of which half is at Zoom already, and the other half not sent."""
    return [line for line in lines if line.state == LineState.NOT_SENT and line.has_begun]


def _in_the_way(claim: Claim, waiting: list[Line], *, on_credit: bool) -> str:
    """Return why what has not begun no longer fits what was approved, or "" when it does.

    Lines that have ended, perhaps in an earlier run, are left out: they are not sent again, whoever has their DNIS by
    now. For `on_credit` see `World`.
    """
    if on_credit and (fallen := permits.fallen(claim.trunk_request)):
        return fallen
    draft = draft_of(claim.trunk_request, waiting)
    return " ".join(distinct(rules.problems(draft, amending=claim.trunk_request, executing=True)))
