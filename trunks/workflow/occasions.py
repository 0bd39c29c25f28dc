"""Writing down what people are to be told of, in the transaction in which it happens."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from trunks import dispatch
from trunks.actions import Action
from trunks.compiled_writing import Inserts
from trunks.models import Topic, TrunkRequest, User, clock
from trunks.models.notice import Occasion

# What a move tells people of. What is not here changes nothing for anybody yet, or is told by who finds it out.
TOPICS: dict[Action, Topic] = {
    Action.REQUEST_FILED: Topic.ASKED,
    Action.REQUEST_AMENDED: Topic.ASKED,
    # The one occasion more that a quorum makes: those who are still needed hear that the others have begun.
    Action.REQUEST_APPROVAL_GIVEN: Topic.ASKED,
    Action.REQUEST_APPROVED: Topic.DECIDED,
    Action.REQUEST_DENIED: Topic.DECIDED,
    Action.REQUEST_SENT_BACK: Topic.DECIDED,
    Action.REQUEST_WITHDRAWN: Topic.DECIDED,
    Action.REQUEST_EXPIRED: Topic.DECIDED,
    Action.REQUEST_GIVEN_UP: Topic.SETTLED,
    Action.PROVISIONING_SETTLED: Topic.SETTLED,
    Action.PROVISIONING_STOPPED: Topic.SETTLED,
    Action.PROVISIONING_ATTENTION: Topic.UNSETTLED,
}


def note(
    action: Action,
    trunk_request: TrunkRequest,
    *,
    actor: User | None,
    comment: str = "",
    on_behalf_of: User | None = None,
) -> None:
    """Record that people are to be told of `action`, if it is one of those; a worker is rung after the commit.

    Not of an approval that a worker is rung for anyway: letters would take the processors and the database from it just
    then. What comes of it is told in a second or so, and the approval with it, or by the next sweep.
    """
    topic = TOPICS.get(action)
    if topic is None:
        return
    facts = {"action": action.value, "comment": comment}
    made = _write(topic, trunk_request, actor, facts | ({"for": str(on_behalf_of)} if on_behalf_of else {}))
    if action is not Action.REQUEST_APPROVED or trunk_request.next_attempt_at:
        dispatch.ring(dispatch.SPREAD, made.pk)


def note_lost(trunk_request: TrunkRequest) -> None:
    """Write down that the supervisors are to be told that a customer is without a trunk; once for each move."""
    note_once(Topic.LOST, trunk_request, f"{Topic.LOST}:{trunk_request.pk}:{trunk_request.version}", {})


def note_once(topic: Topic, trunk_request: TrunkRequest | None, key: str, facts: dict[str, Any]) -> bool:
    """Write down an occasion that a sweep found; say whether it is the first to do so. Needs no transaction."""
    if Occasion.objects.filter(key=key).exists():
        return False
    try:
        with transaction.atomic():
            made = _create(topic, trunk_request, None, facts, key)
            dispatch.ring(dispatch.SPREAD, made.pk)
    except IntegrityError:
        return False  # another sweep was first
    return True


def _write(topic: Topic, trunk_request: TrunkRequest, actor: User | None, facts: dict[str, str]) -> Occasion:
    # The version rises with each move, so one thing that happened to a request has one key.
    return _create(topic, trunk_request, actor, facts, f"{topic}:{trunk_request.pk}:{trunk_request.version}")


_OCCASIONS = Inserts(Occasion)


def _create(
    topic: Topic,
    trunk_request: TrunkRequest | None,
    actor: User | None,
    facts: dict[str, Any],
    key: str,
) -> Occasion:
    facts = {"state": trunk_request.state, **facts} if trunk_request else facts
    made = Occasion(
        key=key, topic=topic, trunk_request=trunk_request, actor=actor, facts=facts, at=clock.now()
    )
    _OCCASIONS.insert(made)
    return made
