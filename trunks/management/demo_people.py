"""The demo's people page: somebody invited, somebody whose role ends, somebody who has left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from trunks.models import Delegation, Invitation, MasterAccount, Role, User
from trunks.workflow import delegating, invitations, people, roles

INVITED = "nina@example.com"
TEMPORARY = ("temp@example.com", "Tim Temporary")
LEFT = ("former-staff@example.com", "Fred Former")
WHY = "demo"


def make(progress: Callable[[str], object]) -> None:
    """Make what is missing; nobody of these can sign in with the demo's password."""
    administrator = User.objects.get(email="admin@example.com")
    if not Invitation.objects.filter(email=INVITED).exists():
        master = MasterAccount.objects.get(name="Northwind Telecom")
        offer = invitations.Offer(INVITED, [Role.STAFF, Role.SUPERVISOR], [master], name="Nina New")
        invitations.invite(offer, actor=administrator, by_mail=False)
    if _made(*TEMPORARY):
        until = timezone.now().date() + timedelta(days=30)
        temporary = User.objects.get(email=TEMPORARY[0])
        roles.grant(temporary, actor=administrator, role=Role.STAFF, ends_on=until)
    if _made(*LEFT):
        people.deactivate(User.objects.get(email=LEFT[0]), actor=administrator)
    _lend("second-supervisor@example.com", "second-staff@example.com")
    progress("An invitation, a role that ends and somebody who has left are on the people page.")


def _lend(giver: str, receiver: str) -> None:
    """Have a supervisor let somebody decide on their behalf for one master account, for a fortnight."""
    supervisor = User.objects.get(email=giver)
    if Delegation.objects.filter(giver=supervisor).exists():
        return
    today = timezone.now().date()
    masters = [MasterAccount.objects.get(name="Northwind Telecom")]
    terms = delegating.Terms(
        User.objects.get(email=receiver), today, today + timedelta(days=14), "Holiday", masters
    )
    delegating.make(terms, actor=supervisor)


def _made(email: str, name: str) -> bool:
    if User.objects.filter(email=email).exists():
        return False
    # Without a password of their own: the cast that README lists is who signs in.
    return people.ensure_person(email, name=name, hashed=None, role=Role.STAFF, why=WHY)
