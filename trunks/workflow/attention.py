"""What people have to look at: outcomes that reading could not find out in time, and master accounts in trouble."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable

from trunks import access, audit
from trunks.actions import Action
from trunks.models import Attempt, Circuit, MasterAccount, Role, State, TrunkRequest, User, clock
from trunks.models.trunk_request import TrunkRequestQuerySet
from trunks.workflow import displaced, occasions, policy, settling
from trunks.workflow.errors import Stale
from trunks.workflow.guard import demand, demand_comment
from trunks.workflow.transitions import who_was_first

BATCH = 200


def ask_people() -> None:
    """Flag the requests that have come to no end for ASK_PEOPLE_SECONDS. They go on being verified, or tried."""
    since = clock.after(-settings.ASK_PEOPLE_SECONDS)
    unflagged = TrunkRequest.objects.filter(needs_attention=False).with_names().order_by("changed_at")
    for trunk_request in unflagged.filter(state=State.UNCONFIRMED, changed_at__lt=since)[:BATCH]:
        _flag(trunk_request, "unconfirmed for too long")
    for trunk_request in unflagged.filter(_in_vain(since), state=State.APPROVED)[:BATCH]:
        _flag(trunk_request, "tried in vain for too long")


def _in_vain(since: Combinable) -> Q:
    """Return the condition that a request is tried in vain since before `since`, for a reason of its own.

    Either each try since then was put off, or more than one worker was lost with it. What keeps the whole master
    account waiting, people are told of as what it is; and a limit, or a stop, counts for nothing here.
    """
    tries = Attempt.objects.filter(trunk_request=OuterRef("pk"), started_at__lt=since)
    put_off = Q(Exists(tries.filter(fence__gt=OuterRef("fence") - OuterRef("tries"))), tries__gt=0)
    losses = Q(Exists(tries.filter(ended_at=None)[1:2]))
    known = Circuit.objects.filter(Q(refused_at__isnull=False) | Q(opened_at__isnull=False))
    return ~Exists(known.filter(master=OuterRef("master"))) & (put_off | losses)


def alarm_of_halfway() -> None:
    """Raise the alarm for changes that are stuck halfway: writing is stopped, or Zoom or a worker has failed."""
    since = clock.after(-settling.ALARM_SECONDS)
    for trunk_request in (
        TrunkRequest.objects.stranded().filter(changed_at__lt=since).order_by("changed_at")[:BATCH]
    ):
        with audit.change():
            # Under its lock: a worker that takes it up now ends it or alarms by itself.
            same = TrunkRequest.objects.filter(pk=trunk_request.pk, version=trunk_request.version)
            if list(same.select_for_update(no_key=True)):
                settling.alarm(trunk_request)


def end_alarm(trunk_request: TrunkRequest, *, actor: User, version: int, comment: str) -> None:
    """End the alarm about a customer without a trunk who needs none in its place (a third DNIS serves instead, say).

    Nothing changes at Zoom, and what failed can still be retried. Raises Refused, Stale, or Invalid without a reason.
    """
    demand(actor, "end_alarm", trunk_request, version=version)
    demand_comment(
        comment, why="Say what the customer has instead, or why nothing: the audit trail keeps it."
    )
    with audit.change():
        _lock(trunk_request, version)
        lost = dict(trunk_request.lines.lost().values_list("pk", "current_dnis"))
        if not lost:
            raise Stale(policy.NO_ALARM)
        trunk_request.lines.filter(pk__in=lost).miss_no_more()
        ended = {"dnis": sorted(lost.values())}
        audit.record(Action.REQUEST_ALARM_ENDED, actor=actor, on=trunk_request, before=ended, comment=comment)


def end_displaced(trunk_request: TrunkRequest, *, actor: User, version: int, comment: str) -> None:
    """End the alarm about other trunks that are gone since the request was sent: the customer is not to have them back.

    Nothing changes at Zoom. What another call displaces later alarms anew. Raises Refused, Stale, or Invalid without a
    reason.
    """
    demand(actor, "end_displaced", trunk_request, version=version)
    demand_comment(comment, why="Say why the customer is not to have them back: the audit trail keeps it.")
    with audit.change():
        _lock(trunk_request, version)
        gone = displaced.missed(trunk_request)
        if not gone:
            raise Stale(policy.NOTHING_DISPLACED)
        displaced.end(trunk_request, gone)
        audit.record(
            Action.REQUEST_DISPLACED_ENDED,
            actor=actor,
            on=trunk_request,
            before={displaced.GONE: gone},
            comment=comment,
            also=gone,
        )


def _lock(trunk_request: TrunkRequest, version: int) -> None:
    """Take the request's lock, so that a retry or another supervisor comes before or after. Raises Stale."""
    same = TrunkRequest.objects.filter(pk=trunk_request.pk, version=version)
    if not list(same.select_for_update(no_key=True)):
        raise Stale(who_was_first(trunk_request))


def requests_for(user: User) -> TrunkRequestQuerySet:
    """Return the flagged requests of the master accounts where `user` is supervisor, longest waiting first."""
    masters = access.masters_where(user, Role.SUPERVISOR)
    flagged = TrunkRequest.objects.filter(master__in=masters, needs_attention=True)
    return flagged.with_names().order_by("changed_at", "id")


def masters_for(user: User) -> QuerySet[MasterAccount]:
    """Return those of the user's master accounts whose credentials Zoom refuses or whose estate cannot be read."""
    trouble = Q(circuit__refused_at__isnull=False) | ~Q(sync_problem="")
    masters = access.masters_where(user, Role.SUPERVISOR, Role.ADMINISTRATOR)
    return masters.filter(trouble).select_related("circuit").order_by("name")


def _flag(trunk_request: TrunkRequest, why: str) -> None:
    same = TrunkRequest.objects.filter(
        pk=trunk_request.pk, state=trunk_request.state, version=trunk_request.version, needs_attention=False
    )
    action, words = Action.PROVISIONING_ATTENTION, trunk_request.waiting_for
    with audit.change():
        if same.update(needs_attention=True):
            occasions.note(action, trunk_request, actor=None, comment=words)
            audit.record(action, actor=None, why=why, on=trunk_request, comment=words)
