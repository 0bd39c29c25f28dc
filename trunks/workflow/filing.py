"""Filing a trunk request, amending it, withdrawing it: what the requester does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from trunks import audit, numbers
from trunks.actions import Action
from trunks.models import (
    FIRST_PHASE,
    ApprovalPolicy,
    Hold,
    Kind,
    Line,
    ListedTrunk,
    MasterAccount,
    MasterTrunk,
    Revision,
    Role,
    State,
    SubAccount,
    TrunkRequest,
    User,
    clock,
)
from trunks.models.trunk_request import first_hold
from trunks.workflow import base, occasions, permits, refusals, rules, waiting
from trunks.workflow.approval_rules import facts_of, snapshot
from trunks.workflow.content import digest_of
from trunks.workflow.drafts import Draft, LineDraft, completed, draft_of, present_caller_ids, twin_of
from trunks.workflow.errors import AlreadyFiled, Invalid, Problems
from trunks.workflow.guard import demand, demand_comment
from trunks.workflow.transitions import move

KEPT = ("policy", "policy_digest", "approvals_needed")

__all__ = ["Draft", "LineDraft", "amend", "draft_of", "file", "next_free_dnis", "problems", "withdraw"]


def problems(draft: Draft, *, actor: User, amending: TrunkRequest | None = None) -> Problems:
    """Return every problem of `draft` by form field, that of the actor's role for its master account included."""
    found = rules.problems(completed(draft), amending=amending)
    kept = amending is not None and amending.not_before == draft.not_before
    if not kept and (wrong := waiting.window_problem(draft.not_before)):
        found.setdefault("not_before", []).append(wrong)
    if draft.sub_account and not actor.holds(Role.STAFF, draft.sub_account.master_id):
        found.setdefault("sub_account", []).append(_only_staff(draft.sub_account))
    return found


def file(draft: Draft, *, actor: User) -> TrunkRequest:
    """File `draft` and hold its DNIS. Raises Invalid with every problem, or AlreadyFiled for a page sent twice."""
    account = _account_of(draft, actor)
    draft = completed(draft)
    try:
        _demand_valid(draft, actor, None)
        with audit.change():
            return _create(draft, account, actor)
    except (Invalid, IntegrityError):
        # Who has the DNIS, before our look or between it and our insert, may be this very person, clicking twice.
        if twin := twin_of(draft, actor=actor):
            raise AlreadyFiled(twin) from None
        _demand_valid(draft, actor, None)
        raise


def amend(trunk_request: TrunkRequest, draft: Draft, *, actor: User, version: int) -> TrunkRequest:
    """Give the request a new version of its content, which voids what was decided on the old one.

    Raises Refused, Stale or Invalid; the old content then stays.
    """
    demand(actor, "amend", trunk_request, version=version)
    account = _account_of(draft, actor)
    draft = completed(draft)
    if account.master_id != trunk_request.master_id:
        raise Invalid(
            {"sub_account": ["A request stays with its master account; file a new one for another."]}
        )
    _demand_valid(draft, actor, trunk_request)
    try:
        with audit.change():
            _replace(trunk_request, draft, account, actor, version)
    except IntegrityError:
        _demand_valid(draft, actor, trunk_request)
        raise
    return trunk_request


def withdraw(trunk_request: TrunkRequest, *, actor: User, version: int, comment: str = "") -> TrunkRequest:
    """Take the request back before it reached Zoom, and let go of its DNIS. Raises Refused, Stale or Invalid."""
    demand(actor, "withdraw", trunk_request, version=version)
    demand_comment(comment)
    with audit.change():
        move(
            trunk_request,
            State.WITHDRAWN,
            Action.REQUEST_WITHDRAWN,
            actor=actor,
            version=version,
            comment=comment,
            changes={"next_attempt_at": None},
        )
        permits.cancel(trunk_request, "withdrawn")
        release_holds(trunk_request)
    return trunk_request


def take_turn(trunk_request: TrunkRequest) -> None:
    """Let one transaction at a time mark removals for the master account; the turn ends with the transaction.

    A line of a change claims two DNIS at once, one to hold and one to remove. No single order suits both, so two
    changes could wait for each other for ever. Assignments claim one DNIS each, in order, and need no turn.
    """
    if trunk_request.kind != Kind.ASSIGN:
        MasterAccount.objects.select_for_update(no_key=True).get(pk=trunk_request.master_id)


def release_holds(trunk_request: TrunkRequest) -> None:
    """Let go of every DNIS that the request holds: for each ending without Zoom; the others are in `settling`."""
    trunk_request.lines.filter(hold=Hold.HELD).update(hold=Hold.NONE)
    trunk_request.lines.filter(removing=True).update(removing=False)


def next_free_dnis(trunk: MasterTrunk, *, besides: Collection[str] = ()) -> str | None:
    """Return the lowest DNIS under the trunk's prefix that nobody has or holds and that is not in `besides`."""
    if not trunk.prefix:
        return None
    here = {"master": trunk.master_id, "dnis__startswith": trunk.prefix}
    taken = set(besides)
    taken.update(ListedTrunk.objects.filter(gone_at=None, **here).values_list("dnis", flat=True))
    taken.update(Line.objects.filter(**here).exclude(hold="").values_list("dnis", flat=True))
    # The trunks' own DNIS are valid for nobody else, as far as one can tell; they are never proposed.
    taken.update(MasterTrunk.objects.filter(**here).values_list("dnis", flat=True))
    return numbers.next_free(trunk.prefix, taken, max_length=settings.DNIS_MAX_LENGTH)


def _account_of(draft: Draft, actor: User) -> SubAccount:
    if draft.sub_account is None:
        raise Invalid(rules.problems(draft))
    if not actor.holds(Role.STAFF, draft.sub_account.master_id):
        reason = _only_staff(draft.sub_account)
        who = f"somebody with the role staff for {draft.sub_account.master}"
        refusals.refuse(Action.FILING_REFUSED, "file", reason, who=who, actor=actor, on=draft.sub_account)
    return draft.sub_account


def _only_staff(sub_account: SubAccount) -> str:
    return f"Only staff for {sub_account.master} can file requests for its sub accounts."


def _demand_valid(draft: Draft, actor: User, amending: TrunkRequest | None) -> None:
    found = problems(draft, actor=actor, amending=amending)
    if found:
        raise Invalid(found)


def _create(draft: Draft, account: SubAccount, actor: User) -> TrunkRequest:
    content = draft.content()
    kept = _policy_for(draft, account, None)
    stands_on = base.present(account, draft.lines)
    trunk_request = TrunkRequest.objects.create(
        master=account.master,
        sub_account=account,
        kind=draft.kind,
        reason=draft.reason,
        ticket=draft.ticket,
        not_before=draft.not_before,
        numbers=draft.numbers,
        filed_by=actor,
        filed_at=clock.now(),
        changed_at=clock.now(),
        content_digest=digest_of(content),
        base_digest=stands_on.digest,
        **kept,
    )
    trunk_request.refresh_from_db()
    _write_content(trunk_request, draft, actor, 1, stands_on)
    after = {"state": State.PENDING.value, "reason": draft.reason, "ticket": draft.ticket, **content}
    after |= _told(kept) | {"policy_digest": kept["policy_digest"]}
    occasions.note(Action.REQUEST_FILED, trunk_request, actor=actor)
    audit.record(Action.REQUEST_FILED, actor=actor, on=trunk_request, after=after, comment=draft.reason)
    return trunk_request


def _replace(
    trunk_request: TrunkRequest, draft: Draft, account: SubAccount, actor: User, version: int
) -> None:
    old = draft_of(trunk_request)
    before = {"reason": old.reason, "ticket": old.ticket, "not_before": "", **old.content()}
    after = {"reason": draft.reason, "ticket": draft.ticket, "not_before": "", **draft.content()}
    number = trunk_request.content_version + 1
    stands_on = base.present(account, draft.lines)
    changes = {
        "sub_account": account,
        "kind": draft.kind,
        "reason": draft.reason,
        "ticket": draft.ticket,
        "not_before": draft.not_before,
        "numbers": draft.numbers,
        "content_version": number,
        "content_digest": digest_of(draft.content()),
        "base_digest": stands_on.digest,
        "approved_by": None,
        "approved_digest": "",
        # What Zoom's list lacked, and how often it could not be read, was of what was approved before.
        "absent_at": None,
        "tries": 0,
        **_policy_for(draft, account, trunk_request),
    }
    before |= _told({name: getattr(trunk_request, name) for name in KEPT})
    after |= _told(changes)
    # First the compare-and-swap: whoever loses it has not touched the winner's lines.
    move(
        trunk_request,
        State.PENDING,
        Action.REQUEST_AMENDED,
        actor=actor,
        version=version,
        changes=changes,
        before={name: value for name, value in before.items() if value != after[name]},
        after={name: value for name, value in after.items() if value != before[name]},
    )
    trunk_request.lines.all().delete()
    _write_content(trunk_request, draft, actor, number, stands_on)


def _write_content(
    trunk_request: TrunkRequest, draft: Draft, actor: User, number: int, stands_on: base.Base
) -> None:
    present = {} if draft.kind == Kind.ASSIGN else present_caller_ids(draft)
    lines = [
        Line(
            trunk_request=trunk_request,
            master_id=trunk_request.master_id,
            position=position,
            trunk=line.trunk,
            # What was assigned in Zoom's console need not have the prefix, and can be removed all the same.
            prefix=line.trunk.prefix if line.trunk and draft.kind != Kind.UNASSIGN else "",
            dnis=line.dnis,
            outbound_caller_id=line.outbound_caller_id,
            current_dnis=line.current_dnis,
            current_caller_id=present.get(line.current_dnis) or "",
            removing=bool(line.current_dnis),
            hold=first_hold(draft.kind, line.dnis, line.current_dnis),
            phase=FIRST_PHASE[Kind(draft.kind)],
        )
        for position, line in enumerate(draft.lines, start=1)
    ]
    take_turn(trunk_request)
    # In one order for everybody: two requests that want the same DNIS in opposite orders would deadlock.
    Line.objects.bulk_create(sorted(lines, key=lambda line: line.dnis))
    Revision.objects.create(
        trunk_request=trunk_request,
        content_version=number,
        author=actor,
        at=clock.now(),
        content=draft.content(),
        digest=digest_of(draft.content()),
        base=stands_on.kept(),
        reason=draft.reason,
        ticket=draft.ticket,
    )


def _policy_for(draft: Draft, account: SubAccount, amending: TrunkRequest | None) -> dict[str, Any]:
    """Return what is stored with the request about the policy in force: weakening that later changes nothing here."""
    policy = ApprovalPolicy.current(account.master)
    kept = snapshot(policy, facts_of(draft, timezone.now(), besides=amending))
    return {"policy": kept, "policy_digest": digest_of(kept), "approvals_needed": kept["needed"]}


def _told(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return of the policy kept with a request what the audit event says."""
    policy = kept["policy"]
    told = {"policy_version": policy.get("version", 0), "approvals_needed": kept["approvals_needed"]}
    return told | {"approvals_why": policy.get("why", [])}
