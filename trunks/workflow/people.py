"""Making people and granting roles."""

from django.db import transaction

from trunks import audit
from trunks.actions import Action
from trunks.models import Role, RoleGrant, User


def ensure_person(email: str, *, name: str, password: str, role: Role, why: str) -> bool:
    """Make the person with `role` for all master accounts where they are missing; say whether they were.

    Somebody who exists keeps password and grants.
    """
    with transaction.atomic():
        if User.objects.filter(email=email).exists():
            return False
        user = User.objects.create_user(email, password, name=name)
        RoleGrant.objects.create(user=user, role=role)
        granted = {"role": role.value, "masters": "all"}
        audit.record(Action.ROLE_GRANTED, actor=None, why=why, on=user, after=granted)
    return True
