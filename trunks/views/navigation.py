"""What every page shows around its content: the menu by role, and whether a worker is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from django.db.models import DateField, DurationField, Exists, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from trunks import access
from trunks.compiled import Param, Values
from trunks.models import Circuit, Delegation, Heartbeat, Role, User, WriteStop

EVERYONE = frozenset(Role)


@dataclass(frozen=True)
class Item:
    """One line of the menu."""

    title: str
    url: str
    icon: str
    active: bool
    count: int = 0


# title, url name, icon, roles that have a use for it
PAGES = (
    ("Home", "home", "house", EVERYONE),
    ("Requests", "requests", "file-text", EVERYONE),
    ("Approvals", "approvals", "inbox", frozenset({Role.SUPERVISOR})),
    ("Delegations", "delegations", "handshake", frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR})),
    ("Sub accounts", "sub_accounts", "building-2", EVERYONE),
    ("Master trunks", "trunks", "cable", EVERYONE),
    ("Drift", "drift", "git-compare", EVERYONE),
    ("Audit trail", "audit", "scroll-text", frozenset({Role.MANAGER, Role.ADMINISTRATOR})),
    ("Master accounts", "masters", "key-round", frozenset({Role.ADMINISTRATOR})),
    ("People", "people", "users", frozenset({Role.ADMINISTRATOR})),
    ("Unsent mail", "notices_unsent", "mail-x", frozenset({Role.ADMINISTRATOR})),
    ("Webhooks", "webhooks", "webhook", frozenset({Role.ADMINISTRATOR})),
)


class Signs(NamedTuple):
    """What every page asks at once: about the worker, and whether there is anything to tell.

    Without a worker's row there is none to ask with: then stops and circuits are looked for, and what is missing from
    the menu is found by its address.
    """

    worker_seen_at: datetime | None = None
    worker_lately: bool = False
    stopped: bool = True
    troubled: bool = True
    stands_in: bool = False


class Navigation:
    """The menu of one person on one page. Read only when a template asks: partials cost no query."""

    def __init__(self, user: User, path: str) -> None:
        self.user = user
        self.path = path

    @cached_property
    def items(self) -> list[Item]:
        # Who stands in for a supervisor has their pages.
        roles = self.user.roles | ({Role.SUPERVISOR} if self._signs.stands_in else set())
        return [self._item(title, name, icon) for title, name, icon, wanted in PAGES if roles & wanted]

    def _item(self, title: str, name: str, icon: str) -> Item:
        url = _address(name)
        active = self.path == url if name == "home" else self.path.startswith(url)
        count = access.decidable_by(self.user).count() if name == "approvals" else 0
        return Item(title, url, icon, active, count)

    @property
    def roles(self) -> str:
        return ", ".join(str(role.label) for role in Role if role in self.user.roles) or "No role yet"

    @cached_property
    def _signs(self) -> Signs:
        """Ask the one query of every page; the others are asked only when there is something to tell."""
        found = _SIGNS(user=self.user.pk, today=timezone.now().date(), before=-Heartbeat.patience())
        return Signs(*found[0]) if found else Signs()

    @property
    def worker_seen_at(self) -> datetime | None:
        return self._signs.worker_seen_at

    @property
    def worker_missing(self) -> bool:
        """Say whether no worker was seen lately, by the rule that /readyz goes by."""
        return not self._signs.worker_lately

    @cached_property
    def write_stop(self) -> WriteStop | None:
        """Return the stop that keeps the portal from writing to Zoom, or None."""
        return WriteStop.current() if self._signs.stopped else None

    @cached_property
    def open_circuits(self) -> list[Circuit]:
        """Return the person's master accounts for which Zoom does not answer, each with what it last said."""
        if not self._signs.troubled:
            return []
        masters = access.masters_for(self.user)
        return list(Circuit.objects.open().filter(master__in=masters).select_related("master"))


@cache
def _address(name: str) -> str:
    """Return the address of a page of the menu: the same on every page."""
    return reverse(name)


def _signs() -> QuerySet[Heartbeat, Any]:
    stopped, troubled = Exists(WriteStop.objects.filter(in_force=True)), Exists(Circuit.objects.open())
    given = Delegation.objects.in_force(Param("today", DateField())).filter(receiver=Param("user"))
    recently = Heartbeat.recently(Param("before", DurationField()))
    worker = Heartbeat.objects.filter(name=Heartbeat.WORKER)
    return worker.values_list("at", recently, stopped, troubled, Exists(given))


_SIGNS = Values(_signs)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Give templates `nav` (None when nobody is signed in)."""
    return {"nav": navigation_of(request)}


def navigation_of(request: Any) -> Navigation | None:
    """Return the one menu of a web request, so that views and templates ask its questions once between them."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return None
    found: Navigation | None = getattr(request, "navigation", None)
    if found is None or found.user != user:
        found = request.navigation = Navigation(user, request.path)
    return found
