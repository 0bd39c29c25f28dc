"""How each person wants to hear of what happens: at once, in the morning mail, or not at all."""

from __future__ import annotations

from collections.abc import Mapping

from trunks import audit
from trunks.actions import Action
from trunks.compiled import Param, Values
from trunks.models import How, NoticeChoice, Topic, User
from trunks.models.notice import ALARMS
from trunks.workflow.errors import Invalid

# The morning mail comes or it does not; what a person has put into it always comes.
DIGEST_WAYS = (How.AT_ONCE, How.NEVER)


def ways(topic: Topic) -> tuple[How, ...]:
    """Return what a person can choose for `topic`: for an alarm, only to be told at once."""
    if topic in ALARMS:
        return (How.AT_ONCE,)
    return DIGEST_WAYS if topic == Topic.DIGEST else tuple(How)


def choices_of(user: User) -> dict[Topic, How]:
    """Return how `user` hears of each topic."""
    chosen = {str(topic): how for topic, how in _CHOSEN(user=user.pk)}
    return {topic: How(chosen.get(topic.value, How.AT_ONCE)) for topic in Topic}


_CHOSEN = Values(lambda: NoticeChoice.objects.filter(user=Param("user")).values_list("topic", "how"))


def how(user: User, topic: Topic) -> How:
    return choices_of(user)[topic]


def choose(chosen: Mapping[Topic, How], *, actor: User) -> None:
    """Keep how `actor` wants to hear of each topic. Raises Invalid for an alarm that is to be switched off."""
    problems = {
        topic.value: [f"This cannot be chosen for: {topic.label}."]
        for topic, way in chosen.items()
        if way not in ways(topic)
    }
    if problems:
        raise Invalid(problems)
    with audit.change():
        User.objects.select_for_update().get(pk=actor.pk)  # twice at once: one after the other
        before = choices_of(actor)
        changed = {topic: way for topic, way in chosen.items() if before[topic] != way}
        for topic, way in changed.items():
            NoticeChoice.objects.update_or_create(user=actor, topic=topic.value, defaults={"how": way.value})
        if changed:
            audit.record(
                Action.NOTICES_CHOSEN,
                actor=actor,
                on=actor,
                before={topic.value: before[topic].value for topic in changed},
                after={topic.value: way.value for topic, way in changed.items()},
            )
