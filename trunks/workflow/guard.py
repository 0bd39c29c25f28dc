"""What every verb on a trunk request does first: ask the policy, and write down a refusal."""

from typing import NoReturn

from trunks.actions import Action
from trunks.models import TrunkRequest, User
from trunks.workflow import policy, refusals, rules
from trunks.workflow.errors import Invalid, Stale
from trunks.workflow.transitions import who_was_first


def demand(user: User, verb: str, trunk_request: TrunkRequest, *, version: int | None = None) -> None:
    """Raise Refused (and record it) when a rule forbids `verb`, Stale when the page showed another version or state.

    The object must be freshly loaded. Not for use inside a transaction that the caller would roll back: the record
    of a refusal must outlive what was refused.
    """
    answer = policy.may(user, verb, trunk_request)
    if not answer and not (answer.by_state or answer.by_zoom):
        refuse(user, verb, trunk_request, answer.reason, who=answer.who)
    if not answer or (version is not None and version != trunk_request.version):
        # A page that shows an old version is told who was first; who loads it again is told the rest.
        old = version is not None and version != trunk_request.version
        ground = answer.by_time or (answer.by_zoom and not old)
        raise Stale(answer.reason if ground else who_was_first(trunk_request))


def refuse(user: User, verb: str, trunk_request: TrunkRequest, reason: str, *, who: str = "") -> NoReturn:
    """Record that `user` was refused `verb`, and raise Refused; see `refusals.refuse`."""
    refusals.refuse(Action.ACTION_REFUSED, verb, reason, who=who, actor=user, on=trunk_request)


def demand_comment(comment: str, *, why: str = "") -> None:
    """Raise Invalid for a comment that cannot be kept, and for an empty one where `why` asks for it."""
    found = list(rules.text_problems(comment, rules.REASON_MAX_LENGTH))
    if why and rules.says_nothing(comment):
        found.append(why)
    if found:
        raise Invalid({"comment": found})
