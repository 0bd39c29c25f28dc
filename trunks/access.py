"""Loading and permission in one function: what a person may not know of is 404, in lists and by address alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, Model, OuterRef, Prefetch, Q, QuerySet
from django.http import Http404

from trunks.compiled import set_related
from trunks.models import (
    Decision,
    Delegation,
    Delivery,
    Invitation,
    Line,
    ListedTrunk,
    MasterAccount,
    MasterTrunk,
    Notice,
    Revision,
    Role,
    RoleGrant,
    SampledItem,
    SavedView,
    State,
    SubAccount,
    TrunkRequest,
    User,
    Webhook,
)
from trunks.models.saved_view import views_of
from trunks.models.trunk_request import TrunkRequestQuerySet, lines_with_trunks, named_request

Row = TypeVar("Row", bound=Model)


class Hidden(Http404):
    """Something that is there, and that the person may not know of; to them it is the 404 of what is not there."""


def for_all_masters(user: User, *roles: Role) -> bool:
    """Say whether `user` holds one of `roles` for every master account, those connected later included."""
    return any(grant.role in roles and grant.master_id is None for grant in user.grants)


def masters_where(user: User, *roles: Role) -> QuerySet[MasterAccount]:
    """Return the master accounts for which `user` holds one of `roles`."""
    if for_all_masters(user, *roles):
        return MasterAccount.objects.all()
    ids = {grant.master_id for grant in user.grants if grant.role in roles and grant.master_id}
    return MasterAccount.objects.filter(pk__in=ids)


def masters_for(user: User) -> QuerySet[MasterAccount]:
    return masters_where(user, *Role)


def fileable_masters(user: User) -> QuerySet[MasterAccount]:
    return masters_where(user, Role.STAFF)


def administered_masters(user: User) -> QuerySet[MasterAccount]:
    return masters_where(user, Role.ADMINISTRATOR)


def trunk_requests_for(user: User) -> TrunkRequestQuerySet:
    return TrunkRequest.objects.filter(master__in=masters_for(user)).with_names()


def trunk_request_for(user: User, pk: int) -> TrunkRequest:
    """Return the request with its lines and trunks, or raise Http404."""
    found = named_request(pk)
    if found is None:
        raise Http404
    if not reaches(user, found.master_id):
        raise Hidden
    set_related(found, "lines", lines_with_trunks(pk))
    return found


def reaches(user: User, master_id: int) -> bool:
    """Say whether the master account is one of `masters_for(user)`."""
    return any(grant.master_id in (None, master_id) for grant in user.grants)


def roles_seen(person: User, *, by: User) -> list[Role]:
    """Return the roles of the person in force for all master accounts or for one that `by` may know of."""
    held = {grant.role for grant in person.grants if grant.master_id is None or reaches(by, grant.master_id)}
    return [role for role in Role if role in held]


def trunk_requests_among(user: User, pks: Iterable[int]) -> TrunkRequestQuerySet:
    """Return those of the requests that `user` may know of, oldest first, with their lines and trunks."""
    lines = Prefetch("lines", queryset=Line.objects.select_related("trunk"))
    return trunk_requests_for(user).filter(pk__in=pks).prefetch_related(lines).order_by("id")


def decided_masters(user: User) -> QuerySet[MasterAccount]:
    """Return the master accounts for which `user` is supervisor, or stands in for one."""
    given = Delegation.objects.in_force().filter(receiver=user).covering(OuterRef("pk"))
    own = masters_where(user, Role.SUPERVISOR)
    return MasterAccount.objects.filter(Q(pk__in=own.values("pk")) | Exists(given))


def delegations_for(user: User) -> QuerySet[Delegation]:
    """Return the delegations that `user` gave or got and, for administrators, those of their master accounts."""
    found = Delegation.objects.select_related("giver", "receiver", "ended_by").prefetch_related("masters")
    if for_all_masters(user, Role.ADMINISTRATOR):
        return found
    masters = administered_masters(user)
    supervises = RoleGrant.objects.filter(user=OuterRef("giver"), role=Role.SUPERVISOR)
    of_theirs = Q(for_all_masters=True) & Exists(supervises.filter(Q(master=None) | Q(master__in=masters)))
    administered = Q(Exists(masters)) & (Q(masters__in=masters) | of_theirs)
    return found.filter(Q(giver=user) | Q(receiver=user) | administered).distinct()


def delegation_for(user: User, pk: int) -> Delegation:
    return _one(delegations_for(user), pk, scoped=True)


def decides(user: User) -> bool:
    """Say whether `user` is supervisor, or stands in for one, for any master account."""
    return user.holds(Role.SUPERVISOR) or decided_masters(user).exists()


def require_decider(user: User) -> None:
    """Raise PermissionDenied unless `user` is supervisor, or stands in for one, for any master account."""
    if not decides(user):
        require(user, Role.SUPERVISOR)


def waiting_for(user: User) -> TrunkRequestQuerySet:
    """Return the pending requests that `user` decides on as supervisor or in place of one, oldest first."""
    masters = decided_masters(user)
    return TrunkRequest.objects.filter(master__in=masters, state=State.PENDING).with_names().order_by("id")


def decidable_by(user: User) -> TrunkRequestQuerySet:
    """Return of what waits for `user` what they neither wrote nor approved, oldest first: what they are asked to do."""
    own = Revision.objects.filter(trunk_request=OuterRef("pk"), author=user)
    approved = Decision.objects.present().of(user)
    return waiting_for(user).exclude(filed_by=user).exclude(Exists(own)).exclude(Exists(approved))


def without_trunk_for(user: User) -> TrunkRequestQuerySet:
    """Return the requests that left a customer without a trunk, for their requesters and supervisors, newest first."""
    theirs = Q(filed_by=user) | Q(master__in=masters_where(user, Role.SUPERVISOR))
    return trunk_requests_for(user).filter(theirs, pk__in=Line.objects.lost().values("trunk_request"))


def questions_for(user: User) -> QuerySet[SampledItem]:
    """Return what managers ask about requests that `user` filed or decided on, themselves or by who stood in for them.

    A question is shown until its month is signed off.
    """
    decided = Exists(Decision.objects.of(user).filter(trunk_request=OuterRef("trunk_request")))
    theirs = Q(trunk_request__filed_by=user) | Q(decided)
    known = SampledItem.objects.questions().filter(
        theirs, trunk_request__in=trunk_requests_for(user).values("pk")
    )
    return known.filter(review__signed_at=None).order_by("-marked_at")


def sub_accounts_for(user: User) -> QuerySet[SubAccount]:
    return SubAccount.objects.filter(master__in=masters_for(user)).select_related("master")


def sub_account_for(user: User, pk: int) -> SubAccount:
    return _one(sub_accounts_for(user), pk)


def search_sub_accounts(user: User, q: str) -> QuerySet[SubAccount]:
    """Return the sub accounts whose name, Zoom id or number holds `q`, or that have a DNIS beginning with it."""
    found = sub_accounts_for(user)
    if not q:
        return found
    # Not `Exists`: of 100,000 questions PostgreSQL expects so much that it compiles the query, which takes seconds.
    listed = ListedTrunk.objects.filter(gone_at=None, dnis__startswith=q).values("sub_account")
    words = Q(name__icontains=q) | Q(zoom_id__icontains=q) | Q(number__startswith=q)
    return found.filter(words | Q(pk__in=listed))


def master_trunks_for(user: User) -> QuerySet[MasterTrunk]:
    return MasterTrunk.objects.filter(master__in=masters_for(user)).select_related("master")


def master_trunk_for(user: User, pk: int) -> MasterTrunk:
    return _one(master_trunks_for(user), pk)


def search_master_trunks(user: User, q: str) -> QuerySet[MasterTrunk]:
    found = master_trunks_for(user)
    if not q:
        return found
    return found.filter(Q(name__icontains=q) | Q(zoom_id__icontains=q) | Q(dnis__startswith=q))


def master_for(user: User, pk: int) -> MasterAccount:
    return _one(masters_for(user), pk, scoped=True)


def people_for(user: User) -> QuerySet[User]:
    """Return the people whose roles `user` administers: everybody, or who has a role for the same master accounts."""
    if for_all_masters(user, Role.ADMINISTRATOR):
        return User.objects.all()
    return User.objects.filter(Exists(grants_for(user).filter(user=OuterRef("pk"))))


def person_for(user: User, pk: int) -> User:
    return _one(people_for(user), pk, scoped=True)


def search_people(user: User, q: str) -> QuerySet[User]:
    found = people_for(user)
    return found.filter(Q(name__icontains=q) | Q(email__icontains=q)) if q else found


def grants_for(user: User) -> QuerySet[RoleGrant]:
    """Return the grants, ended ones included, that `user` may know of as administrator."""
    grants = RoleGrant.objects.select_related("user", "master")
    if for_all_masters(user, Role.ADMINISTRATOR):
        return grants
    masters = administered_masters(user)
    # Without a master account of one's own there is nothing to know, not even of those who have all.
    return grants.filter(Q(master__in=masters) | Q(Exists(masters), master=None))


def invitations_for(user: User, *, ended: bool = False) -> QuerySet[Invitation]:
    """Return the open invitations whose every master account `user` administers, newest first; `ended` ones too."""
    found = Invitation.objects.all() if ended else Invitation.objects.open()
    invitations = found.select_related("invited_by").prefetch_related("masters")
    if for_all_masters(user, Role.ADMINISTRATOR):
        return invitations.order_by("-id")
    masters = administered_masters(user)
    foreign = MasterAccount.objects.exclude(pk__in=masters)
    theirs = invitations.filter(for_all_masters=False, masters__in=masters).exclude(masters__in=foreign)
    return theirs.distinct().order_by("-id")


def invitation_for(user: User, pk: int) -> Invitation:
    return _one(invitations_for(user, ended=True), pk)  # so that who comes too late is told how it ended


def stuck_notices_for(user: User) -> QuerySet[Notice]:
    """Return the letters that could not be sent about what `user` administers, newest first."""
    about = Q(occasion__trunk_request__master__in=administered_masters(user))
    if for_all_masters(user, Role.ADMINISTRATOR):
        about |= Q(occasion__trunk_request=None)
    return Notice.objects.stuck().filter(about).select_related("user", "occasion__trunk_request")


def stuck_notice_for(user: User, pk: int) -> Notice:
    return _one(stuck_notices_for(user), pk)


def require_all_masters(user: User) -> None:
    """Raise PermissionDenied unless `user` administers every master account: what is asked for concerns them all."""
    if not for_all_masters(user, Role.ADMINISTRATOR):
        raise PermissionDenied("This page is for administrators of all master accounts.")


def webhook_for(user: User, pk: int) -> Webhook:
    require_all_masters(user)
    return _one(Webhook.objects.select_related("made_by"), pk)


def delivery_for(user: User, pk: int) -> Delivery:
    require_all_masters(user)
    return _one(Delivery.objects.select_related("webhook"), pk)


def saved_views_for(user: User, *readers: Role) -> list[SavedView]:
    """Return the own views of the trail, and those that others share: for all master accounts, or for one of one's own.

    What is shared without a master account chosen may name anybody's customers, and is for who reads all of the trail.
    """
    views = views_of(user.pk)
    if for_all_masters(user, *readers):
        return views
    masters = {grant.master_id for grant in user.grants if grant.role in readers}
    return [view for view in views if view.owner_id == user.pk or view.master_id in masters - {None}]


def require(user: User, *roles: Role, master_id: int | None = None) -> None:
    """Raise PermissionDenied, with the reason in plain words, unless `user` holds one of `roles`."""
    if any(user.holds(role, master_id) for role in roles):
        return
    wanted = " or ".join(role.label.lower() for role in roles)
    raise PermissionDenied(f"This page is for people with the role {wanted}.")


def _one(rows: QuerySet[Row], pk: int, *, scoped: bool = False) -> Row:
    """Return the row or raise Http404; Hidden where nothing but the person's roles keeps it out of `rows`."""
    row = rows.filter(pk=pk).first()
    if row is None:
        raise Hidden if scoped and rows.model._default_manager.filter(pk=pk).exists() else Http404
    return row
