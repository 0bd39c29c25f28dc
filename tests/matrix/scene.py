"""The people who knock on every door, and the things behind the doors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from tests import cast
from trunks.models import (
    Delegation,
    Invitation,
    MasterAccount,
    Notice,
    Occasion,
    Role,
    RoleGrant,
    Sending,
    TrunkRequest,
    User,
    WriteStop,
)
from trunks.workflow import delegating, filing, invitations, stopping

HERE = ("staff", "colleague", "supervisor", "manager", "administrator")
ELSEWHERE = ("foreign_staff", "foreign_supervisor", "foreign_manager", "foreign_administrator")
NOBODY = ("anonymous", "deactivated")
# Signed in without a role, and with a role that was taken away after the sign-in: the next request counts.
ROLELESS = ("stranger", "demoted")
CALLERS = HERE + ELSEWHERE + ROLELESS + NOBODY
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class Scene:
    """One request of one master account, which those elsewhere may not know of, and a client for each caller."""

    estate: cast.Estate
    trunk_request: TrunkRequest
    stop: WriteStop
    invitation: Invitation
    delegation: Delegation
    event: int
    notice: Notice
    people: dict[str, User]
    clients: dict[str, Client]

    @property
    def marks(self) -> tuple[str, ...]:
        """Return what only those of the master account may read: its name, its customers, its numbers."""
        names = (self.estate.master.name, self.estate.sub.name, self.estate.other_sub.name)
        return (*names, self.estate.sub.zoom_id, self.trunk_request.reference, "18888123", "4155550100")


def make() -> Scene:
    """Return the scene; every caller has signed in before the demoted and the deactivated lost what they had."""
    estate = cast.make_estate()
    people = {name: _person(name, estate) for name in CALLERS if name != "anonymous"}
    clients = {name: _client(people.get(name)) for name in CALLERS}
    draft = cast.draft(estate.sub, estate.trunk, "18888123", caller_id="+14155550100")
    trunk_request = filing.file(draft, actor=people["staff"])
    stopper = cast.person("Stop Supervisor", Role.SUPERVISOR)
    stop = stopping.stop(actor=stopper, reason="Numbers of another customer were touched.")
    offer = invitations.Offer("invited@example.com", [Role.STAFF], [estate.master])
    invitation = invitations.invite(offer, actor=people["administrator"], by_mail=False).invitation
    RoleGrant.objects.filter(user=people["demoted"]).delete()
    User.objects.filter(pk=people["deactivated"].pk).update(is_active=False)
    delegation = _to_come(people, estate)
    notice = _unsent(trunk_request, stopper)
    return Scene(estate, trunk_request, stop, invitation, delegation, 1, notice, people, clients)


def _to_come(people: dict[str, User], estate: cast.Estate) -> Delegation:
    """Return a delegation that does not hold yet, so that nobody's answers change by it."""
    day = timezone.now().date() + timedelta(days=30)
    terms = delegating.Terms(people["colleague"], day, day, "Holiday", [estate.master])
    return delegating.make(terms, actor=people["supervisor"])


def _unsent(trunk_request: TrunkRequest, user: User) -> Notice:
    """Return a letter about the request that the mail server has refused for good."""
    return Notice.objects.create(
        occasion=Occasion.objects.get(trunk_request=trunk_request),
        user=user,
        sending=Sending.FAILED,
        made_at=cast.LONG_AGO,
        next_attempt_at=cast.LONG_AGO,
        problem="no such mailbox",
    )


def _person(name: str, estate: cast.Estate) -> User:
    where: MasterAccount = estate.foreign_master if name in ELSEWHERE else estate.master
    roles = {
        "colleague": [Role.STAFF],
        "stranger": [],
        "demoted": [Role.STAFF, Role.SUPERVISOR, Role.MANAGER, Role.ADMINISTRATOR],
        "deactivated": [Role.STAFF, Role.SUPERVISOR, Role.MANAGER, Role.ADMINISTRATOR],
    }
    given = roles.get(name) if name in roles else [Role(name.removeprefix("foreign_"))]
    return cast.person(name.replace("_", " ").title(), *(given or []), master=where)


def _client(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


class Route(NamedTuple):
    """One pattern of the URL configuration, and whether the portal's own view answers it."""

    pattern: str
    own: bool


def routes() -> list[Route]:
    """Return every address that the portal answers, in the order in which they are tried; the first one counts."""
    found: dict[str, Route] = {}
    for pattern, callback in _walk(get_resolver(), ""):
        own = str(getattr(callback, "__module__", "")).startswith("trunks.")
        found.setdefault(pattern, Route(pattern, own))
    return list(found.values())


def _walk(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, Callable[..., object]]]:
    for one in resolver.url_patterns:
        pattern = prefix + str(one.pattern)
        if isinstance(one, URLPattern):
            yield pattern, one.callback
        else:
            yield from _walk(one, pattern)
