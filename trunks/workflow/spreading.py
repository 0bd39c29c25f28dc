"""Finding out whom an occasion concerns: one letter for each person, each once."""

from __future__ import annotations

from trunks import audit, dispatch
from trunks.actions import Action
from trunks.compiled import Param, Rows
from trunks.compiled_writing import Inserts, Updates
from trunks.models import (
    Delivery,
    Notice,
    Occasion,
    Role,
    RoleGrant,
    State,
    Topic,
    TrunkRequest,
    User,
    clock,
)
from trunks.models.trunk_request import named_request
from trunks.workflow import alarms, deciders, deliveries

BATCH = 200
WHY_LOST = "a customer has lost a trunk"  # its own, or another that a call may have displaced


def spread(pk: int) -> None:
    """Make the letters of the occasion `pk`, after those of what the same request had people told of before.

    Quietly nothing when somebody was first, or there is no such occasion.
    """
    for occasion in _UNSPREAD(pk=pk):
        before = _BEFORE(pk=pk, trunk_request=occasion.trunk_request_id) if occasion.trunk_request_id else []
        for one in (*before, occasion):
            _spread(one)


def _spread(occasion: Occasion) -> None:
    with audit.change():
        if not _SPREAD.update({"pk": occasion.pk}, spread_at=clock.now()):
            return
        if occasion.topic == Topic.LOST and alarms.is_over(occasion):
            return
        people = concerned(occasion)
        for user in people:
            _NOTICES.insert(
                Notice(occasion=occasion, user=user, made_at=clock.now(), next_attempt_at=clock.now())
            )
        deliveries.make(occasion)
        _write_down(occasion, people)
        if people:
            dispatch.ring(dispatch.LETTERS, 0)


_UNSPREAD = Rows(lambda: Occasion.objects.unspread().filter(pk=Param("pk")))
_BEFORE = Rows(
    lambda: Occasion.objects.unspread().filter(pk__lt=Param("pk"), trunk_request=Param("trunk_request"))
)
_SPREAD = Updates(lambda: Occasion.objects.filter(pk=Param("pk"), spread_at=None))
_NOTICES = Inserts(Notice)


def spread_due() -> None:
    """Spread what waits for it, at most 200 occasions, the oldest first."""
    for pk in Occasion.objects.unspread().order_by("pk").values_list("pk", flat=True)[:BATCH]:
        spread(pk)


def ring_lost() -> None:
    """Ring for what has been lost on the way: occasions nobody was picked for, and letters that are due.

    One ring each, however many wait: workers come to this queue last, and rings for each of them at every sweep would
    pile up faster than busy workers take them.
    """
    if Occasion.objects.unspread().exists():
        dispatch.ring_now(dispatch.SPREAD_DUE, 0)
    if Notice.objects.due().exists():
        dispatch.ring_now(dispatch.LETTERS, 0)
    if Delivery.objects.due().exists():
        dispatch.ring_now(dispatch.DELIVERIES, 0)


def concerned(occasion: Occasion) -> list[User]:
    """Return who is to be told, by name; never who did it, and nobody for being a superuser."""
    trunk_request = _request_of(occasion)
    match occasion.topic:
        case Topic.ASKED | Topic.REMINDER if trunk_request:
            waits = trunk_request.state == State.PENDING
            people = deciders.remaining(trunk_request) if waits else []
        case Topic.ESCALATED if trunk_request:
            people = _not_told_yet(trunk_request)
        case Topic.DECIDED | Topic.SETTLED if trunk_request:
            people = [trunk_request.filed_by]
        case Topic.UNSETTLED if trunk_request:
            others = deciders.supervisors(trunk_request)
            people = [trunk_request.filed_by, *(user for user in others if user != trunk_request.filed_by)]
        case Topic.LOST if trunk_request:
            people = deciders.supervisors(trunk_request)
        case Topic.DIGEST:
            people = _everybody()
        case _:
            people = deciders.holders(Role.ADMINISTRATOR)
    return [user for user in people if user.is_active and user.pk != occasion.actor_id]


def _everybody() -> list[User]:
    held = RoleGrant.objects.in_force().values("user")
    return list(User.objects.filter(pk__in=held, is_active=True).order_by("pk"))


def _not_told_yet(trunk_request: TrunkRequest) -> list[User]:
    """Return whoever could decide on a request, or see to it, and has got no letter about it so far."""
    if trunk_request.state != State.PENDING:
        return []
    could = deciders.able(trunk_request)
    above = deciders.holders(Role.MANAGER, trunk_request.master_id)
    # With nobody to decide it is who grants roles that can help.
    above += [] if could else deciders.holders(Role.ADMINISTRATOR, trunk_request.master_id)
    told = set(
        Notice.objects.filter(
            occasion__trunk_request=trunk_request,
            occasion__topic__in=(Topic.ASKED, Topic.REMINDER),
            occasion__at__gte=trunk_request.changed_at,
            sent_at__isnull=False,
        ).values_list("user", flat=True)
    )
    barred = deciders.authors(trunk_request) | told
    wanted = [*deciders.remaining(trunk_request), *above]
    return [user for user in dict.fromkeys(wanted) if user.pk not in barred]


def _request_of(occasion: Occasion) -> TrunkRequest | None:
    if occasion.trunk_request_id is None:
        return None
    return named_request(occasion.trunk_request_id)


def _write_down(occasion: Occasion, people: list[User]) -> None:
    """Write into the request's history what everybody who looks at it should know: who else was told, and why."""
    told_of = occasion.topic in (Topic.LOST, Topic.ESCALATED)
    trunk_request = _request_of(occasion) if told_of else None
    if trunk_request is None:
        return
    told = {"to": [user.email for user in people]}
    if occasion.topic == Topic.LOST and not people:
        words = "Nobody is supervisor for it."
        audit.record(Action.NOTICE_FAILED, actor=None, why=WHY_LOST, on=trunk_request, comment=words)
    elif occasion.topic == Topic.LOST:
        audit.record(Action.NOTICE_SENT, actor=None, why=WHY_LOST, on=trunk_request, after=told)
    elif occasion.topic == Topic.ESCALATED and people:
        words = "Told: " + ", ".join(str(user) for user in people)
        why = "nobody has decided in time"
        audit.record(
            Action.NOTICE_ESCALATED, actor=None, why=why, on=trunk_request, after=told, comment=words
        )
