"""Who may change people and roles, and why not: the same answers for buttons, views and verbs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from django.db import models

from trunks import access
from trunks.actions import Action
from trunks.models import MasterAccount, Role, RoleGrant, User
from trunks.workflow import refusals
from trunks.workflow.answers import YES, Answer

NOT_YOURSELF = "Nobody changes their own roles or account."
ONLY_ALL = "Only an administrator of all master accounts can do this."
LAST = (
    "This is the last administrator of all master accounts without an end date; "
    "without one nobody could give roles any more. Make somebody else administrator first."
)


def administers(user: User, master: MasterAccount | None) -> bool:
    """Say whether `user` may give and take roles for `master` or, with None, for all master accounts."""
    if master is None:
        return access.for_all_masters(user, Role.ADMINISTRATOR)
    return user.holds(Role.ADMINISTRATOR, master.pk)


def may_give(actor: User, masters: Iterable[MasterAccount | None]) -> Answer:
    """Answer whether `actor` may offer roles for every one of `masters` to somebody who has no account yet."""
    for master in masters:
        if not administers(actor, master):
            return _not_yours(actor, master)
    return YES


def may_change_roles(actor: User, person: User, masters: Iterable[MasterAccount | None]) -> Answer:
    """Answer whether `actor` may give or take roles of `person` for every one of `masters`."""
    # Before any role is looked at: who holds every role is no exception.
    if actor.pk == person.pk:
        return Answer(False, NOT_YOURSELF, "another administrator")
    return may_give(actor, masters)


def may_change_person(actor: User, person: User) -> Answer:
    """Answer whether `actor` may deactivate `person`, end their sessions and the like.

    An account counts for all master accounts, so that whoever changes it must be administrator for everything that
    the person may do.
    """
    if actor.pk == person.pk:
        return Answer(False, NOT_YOURSELF, "another administrator")
    grants = RoleGrant.objects.filter(user=person).select_related("master")
    held = [grant.master for grant in grants if not grant.has_ended]
    if not held and not access.for_all_masters(actor, Role.ADMINISTRATOR):
        return Answer(False, ONLY_ALL, "an administrator of all master accounts")
    return may_give(actor, held)


def demand(answer: Answer, what: str, *, actor: User, on: models.Model) -> None:
    """Raise Refused, and write the refusal down, unless the answer is yes."""
    if not answer:
        refuse(answer, what, actor=actor, on=on)


def refuse(answer: Answer, what: str, *, actor: User, on: models.Model) -> NoReturn:
    """Write the refusal of a change of people or roles down, and raise it; see `refusals.refuse`."""
    action = Action.PERSON_ACTION_REFUSED
    refusals.refuse(action, what, answer.reason, who=answer.who, actor=actor, on=on)


def governed_without(person: User, grant: RoleGrant | None = None) -> bool:
    """Say whether an administrator of all masters remains without `person`, or without this `grant` of theirs.

    Takes a lock on all such administrators, so that two of them cannot remove each other at the same moment; call it
    in the transaction of the change.
    """
    lock_governing()
    # Asked after that: what was read before may have changed while the locks were waited for.
    governing = RoleGrant.objects.of_lasting_administrators().filter(user__is_active=True)
    if not governing.filter(user=person).exists():
        return True
    others = governing.exclude(user=person) if grant is None else governing.exclude(pk=grant.pk)
    return others.exists()


def lock_governing() -> None:
    """Keep all others from removing an administrator of all master accounts, until the transaction ends."""
    list(RoleGrant.objects.of_lasting_administrators().order_by("pk").select_for_update())


def _not_yours(actor: User, master: MasterAccount | None) -> Answer:
    # A master account that the actor may not know of is not named to them.
    if master is None or not access.masters_for(actor).filter(pk=master.pk).exists():
        return Answer(False, ONLY_ALL, "an administrator of all master accounts")
    return Answer(False, f"Only an administrator of {master} can do this.", f"an administrator of {master}")
