"""What managers do with the trail itself: keep views of it, and look into what one person has done."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from trunks import audit
from trunks.actions import Action
from trunks.models import SavedView, User
from trunks.workflow import refusals, rules
from trunks.workflow.errors import Invalid

MOST_VIEWS = 50


def keep_view(*, actor: User, name: str, query: str, shared: bool) -> SavedView:
    """Keep filters under a name.

    Raises Refused for who reads no trail, Invalid for a name that is taken or cannot be seen, or one view too many.
    """
    if not any(actor.holds(role) for role in audit.READERS):
        who, why = (
            "a manager or an administrator",
            "Only managers and administrators keep views of the audit trail.",
        )
        refusals.refuse(Action.VIEW_ACTION_REFUSED, "keep a view", why, who=who, actor=actor, on=actor)
    if rules.says_nothing(name):
        raise Invalid({"name": ["Give it a name that can be seen: it is the link to the view."]})
    if SavedView.objects.filter(owner=actor).count() >= MOST_VIEWS:
        raise Invalid({"name": [f"You have {MOST_VIEWS} views. Remove one first."]})
    try:
        with audit.change():
            view = SavedView.objects.create(owner=actor, name=name, query=query, shared=shared)
            audit.record(Action.VIEW_SAVED, actor=actor, on=view, after={"filters": query, "shared": shared})
    except IntegrityError as error:
        raise Invalid({"name": ["You have a view of this name."]}) from error
    return view


def remove_view(view: SavedView, *, actor: User) -> None:
    """Remove a view, once. Raises Refused for one that is somebody else's."""
    if view.owner_id != actor.pk:
        who, why = str(view.owner), "Only the person who keeps a view can remove it."
        refusals.refuse(Action.VIEW_ACTION_REFUSED, "remove a view", why, who=who, actor=actor, on=view)
    with audit.change():
        audit.record(
            Action.VIEW_REMOVED, actor=actor, on=view, before={"filters": view.query, "shared": view.shared}
        )
        removed, _ = SavedView.objects.filter(pk=view.pk).delete()
        if not removed:
            transaction.set_rollback(True)  # a second click: whoever was first has told of it


def note_reading_of_person(person: User, *, actor: User) -> None:
    """Put on record that somebody read all that another person has done: once a day (UTC)."""
    if person.pk != actor.pk and not _noted_today(person, actor, Action.PERSON_READ):
        with audit.change():
            audit.record(Action.PERSON_READ, actor=actor, on=person)


def note_reading_of_sessions(person: User, *, actor: User) -> None:
    """Put on record that somebody read at which addresses another person is signed in: once a day (UTC)."""
    if person.pk != actor.pk and not _noted_today(person, actor, Action.SESSIONS_READ):
        with audit.change():
            audit.record(Action.SESSIONS_READ, actor=actor, on=person)


def note_reading_of_address(ip: str, *, actor: User) -> None:
    """Put on record that somebody read all that came from one address, which can be a person's: once for each day."""
    if not _noted_today(actor, actor, Action.ADDRESS_READ, after={"ip": ip}):
        with audit.change():
            audit.record(Action.ADDRESS_READ, actor=actor, on=actor, after={"ip": ip})


def _noted_today(on: User, actor: User, action: Action, **more: object) -> bool:
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return audit.has_done(actor, action, on=on, since=midnight, **more)
