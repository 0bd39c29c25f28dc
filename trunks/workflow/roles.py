"""Giving people roles and taking them away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.utils import timezone

from trunks import audit
from trunks.actions import Action
from trunks.models import MasterAccount, Role, RoleGrant, User
from trunks.workflow import authority, delegating
from trunks.workflow.answers import Answer
from trunks.workflow.errors import Invalid, Stale

ALL_MASTERS: Sequence[MasterAccount | None] = (None,)


def grant(
    person: User,
    *,
    actor: User | None,
    role: Role,
    masters: Sequence[MasterAccount | None] = ALL_MASTERS,
    ends_on: date | None = None,
    why: str = "",
    by_group: bool = False,
) -> None:
    """Give `person` the role for each of `masters` (None: for all), until the end of `ends_on` in UTC if that is given.

    Where the role is held already, only its end changes, and who gave it: what a group gave goes with the group, unless
    it is given by hand as well. It counts from the person's next request on. Raises Refused, Invalid, or Stale when the
    person was deactivated meanwhile.
    """
    if actor is not None:
        answer = authority.may_change_roles(actor, person, masters)
        authority.demand(answer, "grant", actor=actor, on=person)
    demand_future(ends_on)
    with audit.change():
        if role == Role.ADMINISTRATOR and ends_on is not None:
            # Before the person, as deactivating does: the other way round each could wait for the other.
            authority.lock_governing()
        if not User.objects.select_for_update(no_key=True).filter(pk=person.pk, is_active=True).exists():
            raise Stale(f"{person} is deactivated. Reactivate the person first.")
        governed = None not in masters or ends_on is None or _stays_governed(_held(person, role, None))
        for master in masters if governed else ():
            _grant(
                RoleGrant(user=person, role=role, master=master, ends_on=ends_on, by_group=by_group),
                actor,
                why,
            )
    if not governed:
        _refuse_last(person, "grant", actor)


def revoke(held: RoleGrant, *, actor: User | None, why: str = "") -> None:
    """Take the role away, from the person's next request on. Raises Refused, or Stale when it is gone already."""
    person = held.user
    if actor is not None:
        answer = authority.may_change_roles(actor, person, [held.master])
        authority.demand(answer, "revoke", actor=actor, on=person)
    with audit.change():
        governed = _stays_governed(held)
        if governed:
            if not RoleGrant.objects.filter(pk=held.pk).delete()[0]:
                raise Stale("The role has been revoked already.")
            before = described(held.role, held.master, held.ends_on)
            audit.record(
                Action.ROLE_REVOKED, actor=actor, on=person, master=held.master, before=before, why=why
            )
            if held.role == Role.SUPERVISOR:
                delegating.end_what_is_void(person, actor=actor, why=why)
    if not governed:
        _refuse_last(person, "revoke", actor)


def demand_future(ends_on: date | None) -> None:
    """Raise Invalid for a last day that is over."""
    if ends_on is not None and ends_on < timezone.now().date():
        raise Invalid({"ends_on": ["The last day is over already. Choose today (UTC) or a later day."]})


def described(role: str, master: MasterAccount | None, ends_on: date | None) -> dict[str, Any]:
    """Return a grant as the audit trail keeps it."""
    return {"role": role, "masters": master.name if master else "all", "ends_on": ends_on and str(ends_on)}


def _grant(wanted: RoleGrant, actor: User | None, why: str) -> None:
    person, role, master = wanted.user, Role(wanted.role), wanted.master
    held = _held(person, role, master)
    after = described(role, master, wanted.ends_on)
    if held is None:
        wanted.save(force_insert=True)
        audit.record(Action.ROLE_GRANTED, actor=actor, why=why, on=person, master=master, after=after)
    elif (held.ends_on, held.by_group) != (wanted.ends_on, wanted.by_group):
        before = described(role, master, held.ends_on)
        if held.by_group != wanted.by_group:
            before["by_group"], after["by_group"] = held.by_group, wanted.by_group
        held.ends_on, held.by_group = wanted.ends_on, wanted.by_group
        held.save(update_fields=["ends_on", "by_group"])
        audit.record(
            Action.ROLE_CHANGED, actor=actor, why=why, on=person, master=master, before=before, after=after
        )


def _held(person: User, role: Role, master: MasterAccount | None) -> RoleGrant | None:
    return RoleGrant.objects.filter(user=person, role=role, master=master).first()


def _stays_governed(held: RoleGrant | None) -> bool:
    """Say whether the portal can do without this grant; where it may not, its like are locked."""
    if held is None or held.role != Role.ADMINISTRATOR or held.master_id is not None:
        return True
    return authority.governed_without(held.user, held)


def _refuse_last(person: User, what: str, actor: User | None) -> None:
    answer = Answer(False, authority.LAST)
    if actor is None:
        raise Stale(answer.reason)
    authority.refuse(answer, what, actor=actor, on=person)
