"""Finding the person whom the identity provider vouches for, and the roles that their groups give."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from trunks import audit
from trunks.actions import Action
from trunks.models import Invitation, Role, RoleGrant, User
from trunks.workflow import invitations, naming, roles
from trunks.workflow.errors import Refused, Stale, WorkflowError

FRESH_SECONDS = 300.0
WHY = "group at the identity provider"
UNMAPPED = "no group gives the role any more"
NOBODY = "Nobody is known here by this account. Ask an administrator for an invitation."
NOT_VERIFIED = (
    "The identity provider does not vouch for your e-mail address, so nobody can be recognised by it."
)

logger = logging.getLogger(__name__)
Claims = Mapping[str, Any]


def recognise(claims: Claims, *, known: User | None = None) -> User:
    """Return the person whom the claims are about, with the roles of their groups. Raises Refused.

    `known` is who has come with this very account before. Otherwise the address counts, if the provider has verified
    it: of somebody who has an account, or who is invited; anybody else comes in only by OIDC_CREATE_PEOPLE or a group.
    """
    wanted = _mapped(claims)
    user = known or _by_address(claims, wanted)
    if not user.is_active:
        raise Refused(NOBODY)
    _follow_groups(user, wanted)
    return user


def take_back_unmapped(user: User) -> None:
    """Take back what a group gave and none can give any more: OIDC_ROLE_MAP does not name the role now.

    For who comes in by a password or a passkey: single sign-on may have been taken away together with the map.
    """
    _take_back(user, set(settings.OIDC_ROLE_MAP.values()), why=UNMAPPED)


def is_fresh(claims: Claims) -> bool:
    """Say whether the provider asked the person just now; one that does not say when is taken at its word."""
    when = claims.get("auth_time")
    return when is None or abs(time.time() - float(when)) <= FRESH_SECONDS


def _by_address(claims: Claims, wanted: set[Role]) -> User:
    email = str(claims.get("email") or "").strip().lower()
    if not email or claims.get("email_verified") is not True:
        raise Refused(NOT_VERIFIED)
    user = User.objects.filter(email=email).first()
    if user is not None:
        return user
    name = (naming.seemly(str(claims.get("name") or "")) or email)[: invitations.NAME_MAX_LENGTH]
    invitation = Invitation.objects.usable().filter(email=email).first()
    if invitation is not None:
        return _invited(invitation, name)
    if not wanted and not settings.OIDC_CREATE_PEOPLE:
        raise Refused(NOBODY)
    with audit.change():
        user = User.objects.create_user(email, None, name=name)
        audit.record(Action.PERSON_JOINED, actor=user, on=user, after={"email": email, "by": "sso"})
    return user


def _invited(invitation: Invitation, name: str) -> User:
    try:
        return invitations.accept(invitation, name=name, password=None)
    except WorkflowError as error:
        raise Refused(error.reason) from error


def _mapped(claims: Claims) -> set[Role]:
    groups = claims.get(settings.OIDC_GROUPS_CLAIM) or []
    named = {groups} if isinstance(groups, str) else {str(group) for group in groups}
    return {Role(role) for group, role in settings.OIDC_ROLE_MAP.items() if group in named}


def _follow_groups(user: User, wanted: set[Role]) -> None:
    """Give the roles of the person's groups, and take back those that an earlier group gave; leave all others alone."""
    for role in sorted(wanted):
        if not RoleGrant.objects.in_force().filter(user=user, role=role, master=None).exists():
            try:
                roles.grant(user, actor=None, role=role, why=WHY, by_group=True)
            except Stale as error:  # deactivated at this moment
                raise Refused(NOBODY) from error
    _take_back(user, wanted, why=WHY)


def _take_back(user: User, kept: Iterable[str], *, why: str) -> None:
    """Revoke what a group gave the person but for the roles `kept`. The last administrator stays one."""
    for grant in RoleGrant.objects.filter(user=user, by_group=True).exclude(role__in=kept):
        try:
            roles.revoke(grant, actor=None, why=why)
        except WorkflowError as error:
            logger.warning("Person %s keeps a role although its group is gone: %s", user.pk, error.reason)
