"""People's accounts: making and deactivating them, and what administrators do for somebody who is locked out."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import make_password

from trunks import audit
from trunks.actions import Action
from trunks.models import OPEN_STATES, Role, RoleGrant, TrunkRequest, User
from trunks.workflow import authority, delegating
from trunks.workflow.answers import Answer
from trunks.workflow.errors import Stale


def ensure_person(email: str, *, name: str, hashed: Callable[[], str] | None, role: Role, why: str) -> bool:
    """Make the person with `role` for all master accounts if they are missing; say whether they were.

    An existing person keeps their password and grants. `hashed` returns the password as `make_password` does; that
    takes a second, so it is called only for a new person, who has no password without it.
    """
    with audit.change():
        if User.objects.filter(email=email).exists():
            return False
        user = User(email=email, name=name, password=hashed() if hashed else make_password(None))
        user.save()
        RoleGrant.objects.create(user=user, role=role)
        granted = {"role": role.value, "masters": "all"}
        audit.record(Action.ROLE_GRANTED, actor=None, why=why, on=user, after=granted)
    return True


def deactivate(person: User, *, actor: User) -> None:
    """Let the person in no more, and end their sessions at once. Raises Refused or Stale.

    Their requests stay as they are, and so do their roles, which are not in force until they are reactivated.
    """
    authority.demand(authority.may_change_person(actor, person), "deactivate", actor=actor, on=person)
    with audit.change():
        governed = authority.governed_without(person)
        if governed:
            _set_active(person, False, f"{person} has been deactivated already.")
            after = {"active": False, "sessions_ended": _end_sessions(person)}
            delegating.end_all_of(person, actor=actor)
            left = TrunkRequest.objects.filter(filed_by=person, state__in=OPEN_STATES).count()
            audit.record(
                Action.PERSON_DEACTIVATED,
                actor=actor,
                on=person,
                before={"active": True},
                after=after | {"open_requests_left": left},
            )
    if not governed:
        authority.refuse(Answer(False, authority.LAST), "deactivate", actor=actor, on=person)


def reactivate(person: User, *, actor: User) -> None:
    """Let the person in again, with the roles they held. Raises Refused or Stale."""
    authority.demand(authority.may_change_person(actor, person), "reactivate", actor=actor, on=person)
    with audit.change():
        _set_active(person, True, f"{person} has been reactivated already.")
        before, after = {"active": False}, {"active": True}
        audit.record(Action.PERSON_REACTIVATED, actor=actor, on=person, before=before, after=after)


def end_sessions(person: User, *, actor: User) -> None:
    """Sign the person out everywhere. Raises Refused."""
    authority.demand(authority.may_change_person(actor, person), "end_sessions", actor=actor, on=person)
    with audit.change():
        after = {"sessions_ended": _end_sessions(person)}
        audit.record(Action.SESSIONS_ENDED, actor=actor, on=person, after=after)


def reset_second_factors(person: User, *, actor: User) -> None:
    """Remove all second factors of somebody who has lost them, and end their sessions. Raises Refused or Stale.

    A role that needs a second factor asks for a new one at the next sign-in.
    """
    answer = authority.may_change_person(actor, person)
    authority.demand(answer, "reset_second_factors", actor=actor, on=person)
    with audit.change():
        factors = Authenticator.objects.filter(user=person)
        kinds = sorted(factors.values_list("type", flat=True))
        if not kinds:
            raise Stale(f"{person} has no second factor.")
        factors.delete()
        after = {"second_factors": [], "sessions_ended": _end_sessions(person)}
        before = {"second_factors": kinds}
        audit.record(Action.SECOND_FACTORS_RESET, actor=actor, on=person, before=before, after=after)


def _set_active(person: User, active: bool, too_late: str) -> None:
    rows = User.objects.filter(pk=person.pk, is_active=not active)
    if not rows.update(is_active=active):
        raise Stale(too_late)
    person.is_active = active


def _end_sessions(person: User) -> int:
    """Break the seal of every session of the person, and return how many were known."""
    person.session_stamp = secrets.token_hex(8)
    person.save(update_fields=["session_stamp"])
    sessions = list(UserSession.objects.filter(user=person))
    for session in sessions:
        session.end()
    return len(sessions)
