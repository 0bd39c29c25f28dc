"""Who could decide on a trunk request, in whose right, and whether there are enough of them."""

from __future__ import annotations

from trunks.compiled import Param, Values
from trunks.models import (
    ApprovalPolicy,
    Delegation,
    MasterAccount,
    Revision,
    Role,
    RoleGrant,
    TrunkRequest,
    User,
)
from trunks.models.delegation import DelegationQuerySet
from trunks.workflow import quorum

GIVEN = "You have already approved it; another supervisor has to give the next approval."


def authors(trunk_request: TrunkRequest) -> set[int]:
    """Return the ids of everybody who filed the request or made any version of its content."""
    return {author for (author,) in _AUTHORS(trunk_request=trunk_request.pk)} | {trunk_request.filed_by_id}


_AUTHORS = Values(
    lambda: Revision.objects.filter(trunk_request=Param("trunk_request")).values_list("author_id")
)


def supervisors(trunk_request: TrunkRequest) -> list[User]:
    """Return the supervisors for the request's master account, by name."""
    return supervisors_for(trunk_request.master_id)


def supervisors_for(master_id: int) -> list[User]:
    """Return the supervisors for a master account, by name."""
    return holders(Role.SUPERVISOR, master_id)


def holders(role: Role, master_id: int | None = None) -> list[User]:
    """Return who holds `role` for the master account (without one: for all of them), by name."""
    grants = RoleGrant.objects.in_force().filter(role=role).select_related("user")
    return _by_name({grant.user for grant in grants if grant.master_id in (None, master_id)})


def voices(trunk_request: TrunkRequest) -> list[User]:
    """Return the supervisors in whose right the request could be decided on, by name."""
    barred = authors(trunk_request)
    return [user for user in supervisors(trunk_request) if user.pk not in barred]


def able(trunk_request: TrunkRequest) -> list[User]:
    """Return who could decide on the request, by name: supervisors, and those who stand in for one of them."""
    return _by_name({*voices(trunk_request), *(one.receiver for one in _lent(trunk_request))})


def remaining(trunk_request: TrunkRequest) -> list[User]:
    """Return who could give one of the approvals that are still missing, by name: of the able, who is not `spoken_for`.

    It asks as much for many as for few: each request that is filed asks it for its letters.
    """
    given, own = quorum.counted(trunk_request), set(voices(trunk_request))
    heard = {one.voice.pk for one in given}
    # Who is a supervisor as well decides in their own right, whoever else has lent them one.
    lent = {one.receiver for one in _lent(trunk_request) if one.giver_id not in heard} - own
    free = {user for user in own if user.pk not in heard} | lent
    return _by_name(free - {one.decided_by for one in given})


def on_behalf_of(user: User, trunk_request: TrunkRequest) -> User | None:
    """Return the supervisor in whose right `user` decides; None for who does it in their own, or has none."""
    if user.holds(Role.SUPERVISOR, trunk_request.master_id):
        return None
    heard = {one.voice.pk for one in quorum.counted(trunk_request)}
    lenders = givers(user, trunk_request)
    return next((giver for giver in lenders if giver.pk not in heard), lenders[0] if lenders else None)


def delegations(trunk_request: TrunkRequest) -> DelegationQuerySet:
    """Return the delegations by which somebody may decide for the request's master account today."""
    return Delegation.objects.in_force().covering(trunk_request.master_id)


def _lent(trunk_request: TrunkRequest) -> DelegationQuerySet:
    """Return those by which somebody may decide on the very request, with who: the ban on authors follows both."""
    barred = authors(trunk_request)
    given = delegations(trunk_request).exclude(giver__in=barred).exclude(receiver__in=barred)
    return given.select_related("receiver")


def givers(user: User, trunk_request: TrunkRequest) -> list[User]:
    """Return for whom `user` may stand in on this request: the ban on authors follows them."""
    given = delegations(trunk_request).filter(receiver=user).exclude(giver__in=authors(trunk_request))
    return [one.giver for one in given.select_related("giver").order_by("id")]


def shortage(trunk_request: TrunkRequest) -> str:
    """Return in words that not enough people could approve the request, or ""."""
    return shortage_of(voices(trunk_request), quorum.of(trunk_request).needed)


def shortage_of(could: list[User], needed: int) -> str:
    """Return in words that fewer people than `needed` could approve, or ""."""
    if len(could) >= needed:
        return ""
    if not could:
        return "Nobody but its authors could approve it: an administrator has to make somebody a supervisor."
    takes = "It takes 1 approval" if needed == 1 else f"It takes {needed} approvals"
    return f"{takes}, and only {names(could)} could give one: an administrator has to make somebody a supervisor."


def lacking(master: MasterAccount | None, *, author: User) -> str:
    """Return in words that too few people could approve what `author` is about to file for `master`, or ""."""
    if master is None:
        return ""
    could = [user for user in supervisors_for(master.pk) if user.pk != author.pk]
    return shortage_of(could, ApprovalPolicy.current(master).approvals)


def _by_name(users: set[User]) -> list[User]:
    return sorted(users, key=lambda user: (str(user), user.pk))


def names(users: list[User]) -> str:
    """Return people in words, some of them where they are many."""
    return ", ".join(str(user) for user in users[:5]) + (" and others" if len(users) > 5 else "")


def spoken_for(user: User, trunk_request: TrunkRequest) -> str:
    """Return why an approval by `user` would count twice for one person or one supervisor's right, or ""."""
    given = quorum.counted(trunk_request)
    if any(one.decided_by_id == user.pk for one in given):
        return GIVEN
    right = on_behalf_of(user, trunk_request) or user
    heard = next((one for one in given if one.voice == right), None)
    if heard is None:
        return ""
    if right == user:
        return given_for_you(str(heard.decided_by))
    return (
        f"There is already an approval on behalf of {right}, for whom you decide; another supervisor has to"
        " give the next one."
    )


def given_for_you(by: str) -> str:
    return f"{by} has already approved it on your behalf; another supervisor has to give the next approval."
