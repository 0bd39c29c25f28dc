"""Inviting people: an administrator offers an account with roles, and the person takes it up by a link."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone

from trunks import access, audit
from trunks.actions import Action
from trunks.models import Invitation, MasterAccount, Role, RoleGrant, User
from trunks.workflow import authority, naming, roles
from trunks.workflow.errors import Invalid, Problems, Stale
from trunks.workflow.roles import ALL_MASTERS

MAIL_TIMEOUT_SECONDS = 10.0
NAME_MAX_LENGTH = 120

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sent:
    """An invitation with its link, which is known at this moment only; `mailed` says whether a mail server took it."""

    invitation: Invitation
    link: str
    mailed: bool


@dataclass(frozen=True)
class Offer:
    """What somebody is invited to; `masters` holds None for all of them."""

    email: str
    wanted: Sequence[Role]
    masters: Sequence[MasterAccount | None] = ALL_MASTERS
    name: str = ""
    ends_on: date | None = None


def invite(offer: Offer, *, actor: User | None, why: str = "", by_mail: bool = True) -> Sent:
    """Make an invitation and send its link, which works once, for 72 hours. Raises Refused or Invalid."""
    invitation = Invitation(
        email=offer.email.strip().lower(),
        name=offer.name.strip(),
        roles=[role.value for role in offer.wanted],
        for_all_masters=None in offer.masters,
        ends_on=offer.ends_on,
        invited_by=actor,
        invited_at=timezone.now(),
    )
    if actor is not None:
        answer = authority.may_give(actor, offer.masters)
        authority.demand(answer, "invite", actor=actor, on=actor)
    _demand_sound(invitation, offer, actor)
    token = invitation.renew()
    try:
        with audit.change():
            invitation.save(force_insert=True)
            invitation.masters.set([master for master in offer.masters if master])
            after = _described(invitation)
            audit.record(
                Action.PERSON_INVITED, actor=actor, why=why, on=invitation, after=after, master=_only(offer)
            )
    except IntegrityError as error:
        hidden = (
            actor is not None and not access.invitations_for(actor).filter(email=invitation.email).exists()
        )
        raise Invalid({"email": [_INVITED_ELSEWHERE if hidden else _ALREADY_INVITED]}) from error
    return _send(invitation, token, by_mail)


def renew(invitation: Invitation, *, actor: User | None, why: str = "", by_mail: bool = True) -> Sent:
    """Send an open invitation with a new link, valid from now; the old link is void. Raises Refused or Stale."""
    if actor is not None:
        answer = authority.may_give(actor, masters_of(invitation))
        authority.demand(answer, "renew", actor=actor, on=invitation)
    if invitation.has_ended:
        raise Stale("The last day of what is offered is over. Withdraw the invitation, then send a new one.")
    token = invitation.renew()
    changes = {
        "token_digest": invitation.token_digest,
        "expires_at": invitation.expires_at,
        "invited_by": actor,
    }
    with audit.change():
        _change(invitation, changes)
        after = {"valid_until": invitation.expires_at.isoformat()}
        audit.record(Action.INVITATION_RENEWED, actor=actor, why=why, on=invitation, after=after)
    invitation.invited_by = actor
    return _send(invitation, token, by_mail)


def withdraw(invitation: Invitation, *, actor: User) -> None:
    """Make the link of an open invitation void. Raises Refused or Stale."""
    answer = authority.may_give(actor, masters_of(invitation))
    authority.demand(answer, "withdraw", actor=actor, on=invitation)
    with audit.change():
        _change(invitation, {"withdrawn_at": timezone.now()})
        before = _described(invitation)
        audit.record(Action.INVITATION_WITHDRAWN, actor=actor, on=invitation, before=before)


def accept(invitation: Invitation, *, name: str, password: str | None) -> User:
    """Make the invited person's account with the roles that were offered, and return it.

    Without a password the person signs in through the organisation's identity provider alone. Raises Invalid, or Stale
    when the link is used, void or too old, when the last day of the roles is over, or when whoever invited may no
    longer give them.
    """
    user = User(email=invitation.email, name=name.strip())
    _demand_account(user, password)
    masters = masters_of(invitation)
    user.set_password(password)
    try:
        with audit.change():
            _take_up(invitation, masters)
            user.save(force_insert=True)
            _change_accepted(invitation, user)
            _give(user, invitation, masters)
    except IntegrityError as error:
        raise Stale("There is an account for this address already. Sign in instead.") from error
    return user


def masters_of(invitation: Invitation) -> list[MasterAccount | None]:
    """Return the master accounts that the roles are offered for; None stands for all of them."""
    return [None] if invitation.for_all_masters else list(invitation.masters.all())


_ALREADY_INVITED = "This address has been invited already. Send that invitation again, or withdraw it first."
_INVITED_ELSEWHERE = (
    "This address has been invited already. An administrator of all master accounts sends it again."
)
_ELSEWHERE = (
    "There is an account for this address already. An administrator of all master accounts grants the role."
)
_VOID = (
    "This link has been used, was withdrawn, or is older than 72 hours. Ask an administrator for a new one."
)


def _demand_sound(invitation: Invitation, offer: Offer, actor: User | None) -> None:
    problems: Problems = {}
    if naming.is_address(invitation.email):
        problems |= _taken(invitation.email, actor)
    else:
        problems["email"] = ["This is not an e-mail address."]
    if not offer.wanted:
        problems["roles"] = ["Choose at least one role."]
    if not offer.masters:
        problems["masters"] = ["Choose for which master accounts, or all of them."]
    if invitation.name and (found := list(naming.problems(invitation.name, NAME_MAX_LENGTH))):
        problems["name"] = found
    try:
        roles.demand_future(offer.ends_on)
    except Invalid as error:
        problems |= error.problems
    if problems:
        raise Invalid(problems)


def _taken(email: str, actor: User | None) -> Problems:
    person = User.objects.filter(email=email).first()
    if person is None:
        return {}
    if actor is not None and not access.people_for(actor).filter(pk=person.pk).exists():
        # Their page does not exist for the actor, and neither does it matter to them whether they are deactivated.
        return {"email": [_ELSEWHERE]}
    what = "Grant the role on their page." if person.is_active else "They are deactivated: reactivate them."
    return {"email": [f"There is an account for this address already. {what}"]}


def _demand_account(user: User, password: str | None) -> None:
    problems: Problems = {}
    if not user.name:
        problems["name"] = ["Give your name: it is shown beside everything you do."]
    elif found := list(naming.problems(user.name, NAME_MAX_LENGTH)):
        problems["name"] = found
    try:
        if password is not None:
            validate_password(password, user)
    except ValidationError as error:
        problems["password1"] = list(error.messages)
    if problems:
        raise Invalid(problems)


def _take_up(invitation: Invitation, masters: Sequence[MasterAccount | None]) -> None:
    """Hold the invitation for the caller's transaction; raise Stale when it is no longer good."""
    held = Invitation.objects.select_for_update().filter(
        pk=invitation.pk, token_digest=invitation.token_digest
    )
    if not held.usable():
        raise Stale(_VOID)
    if invitation.has_ended:
        raise Stale(
            "What you were invited to has ended meanwhile. Ask an administrator for a new invitation."
        )
    # Whoever was sacked yesterday must not come in again today by an invitation they wrote themselves.
    inviter = invitation.invited_by
    if inviter is not None and not authority.may_give(User.objects.get(pk=inviter.pk), masters):
        raise Stale(
            "Whoever invited you can no longer give these roles. Ask an administrator for a new link."
        )


def _change_accepted(invitation: Invitation, user: User) -> None:
    _change(invitation, {"accepted_at": timezone.now(), "accepted_by": user})


def _give(user: User, invitation: Invitation, masters: Sequence[MasterAccount | None]) -> None:
    why = f"invited by {invitation.invited_by or 'the command line'}"
    given = [(role, master) for role in invitation.roles for master in masters]
    # All rows before the first event: whoever writes an event keeps all others from writing theirs until the commit.
    for role, master in given:
        RoleGrant.objects.create(user=user, role=role, master=master, ends_on=invitation.ends_on)
    audit.record(Action.PERSON_JOINED, actor=user, on=user, after=_described(invitation))
    for role, master in given:
        after = roles.described(role, master, invitation.ends_on)
        audit.record(Action.ROLE_GRANTED, actor=None, why=why, on=user, master=master, after=after)


def _change(invitation: Invitation, changes: dict[str, Any]) -> None:
    """Change the invitation while it is open, or raise Stale: somebody was first."""
    if not Invitation.objects.open().filter(pk=invitation.pk).update(**changes):
        ended = Invitation.objects.filter(pk=invitation.pk, accepted_at=None)
        raise Stale(f"The invitation has been {'withdrawn' if ended.exists() else 'accepted'} already.")


def _described(invitation: Invitation) -> dict[str, Any]:
    masters = [str(master) for master in masters_of(invitation) if master]
    return {
        "email": invitation.email,
        "roles": invitation.roles,
        "masters": "all" if invitation.for_all_masters else masters,
        "ends_on": invitation.ends_on and str(invitation.ends_on),
        "valid_until": invitation.expires_at.isoformat(),
    }


def _only(offer: Offer) -> MasterAccount | None:
    """Return the one master account that the offer is about: its managers may read of it."""
    return offer.masters[0] if len(offer.masters) == 1 else None


def _send(invitation: Invitation, token: str, by_mail: bool) -> Sent:
    """Send the letter, if wanted. A mail server that does not take it stops nothing: the link is shown as well."""
    link = settings.SITE_URL + reverse("invitation", args=[token])
    if not by_mail:
        return Sent(invitation, link, mailed=False)
    try:
        _letter(invitation, link).send()
    except OSError as error:
        logger.warning("An invitation could not be sent by e-mail: %s", type(error).__name__)
        with audit.change():
            comment = f"{type(error).__name__}: {error}"
            audit.record(
                Action.INVITATION_NOT_MAILED, actor=None, why="mail server", on=invitation, comment=comment
            )
        return Sent(invitation, link, mailed=False)
    return Sent(invitation, link, mailed=True)


def _letter(invitation: Invitation, link: str) -> mail.EmailMessage:
    inviter = str(invitation.invited_by or "An administrator")
    paragraphs = (
        f"{inviter} invites you to the SIP trunk portal ({settings.SITE_URL}), "
        f"with the role {' and '.join(invitation.role_names).lower()}.",
        "Set your name and password here. The link works once, until "
        f"{invitation.expires_at:%d %B %Y, %H:%M} UTC:",
        link,
        "If you did not expect this, do nothing: without the link no account is made.",
    )
    subject = " ".join(f"{inviter} invites you to the SIP trunk portal".split())
    connection = mail.get_connection(timeout=MAIL_TIMEOUT_SECONDS)
    return mail.EmailMessage(
        subject, "\n\n".join(paragraphs) + "\n", to=[invitation.email], connection=connection
    )
