"""The only writer of the audit trail. How it is read is in `trunks.audit_reading`; both are used from here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from operator import itemgetter
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.utils import timezone

from trunks import audit_pending, chain, context
from trunks.actions import Action, Outcome
from trunks.asking import ask
from trunks.audit_columns import Column
from trunks.audit_pending import Stored
from trunks.audit_reading import (
    READERS,
    Filters,
    done_to,
    event_for,
    has_done,
    history,
    last_mover,
    readable,
    search,
    story,
    type_of,
    unanswered,
)
from trunks.models import MasterAccount, SubAccount, User
from trunks.models.audit_event import AuditEvent, AuditHead

__all__ = [
    "READERS",
    "Filters",
    "NotRecorded",
    "change",
    "done_to",
    "event_for",
    "has_done",
    "history",
    "last_mover",
    "make_coming_months",
    "readable",
    "record",
    "retelling",
    "search",
    "secret_fields",
    "story",
    "unanswered",
    "why_not_retold",
]

# Secrets in others' tables, which cannot declare them for us: the hash of a password, the seed of a second factor.
_SECRETS_OF_OTHERS = frozenset({"password", "data"})
_NOT_RECORDED = "(not recorded)"
# Kinds of values that every column but JSON takes as they are, and that a column of JSON never has.
_AS_IT_IS = (str, int, type(None))


# When what is being recorded is to have happened; None, always but in `retelling`, is now.
_retold: ContextVar[datetime | None] = ContextVar("retold", default=None)


class NotRecorded(Exception):
    """An event that may not be written: an unknown action, nobody named as actor, or no transaction around it."""


@contextmanager
def change(*, savepoint: bool = True) -> Iterator[None]:
    """Open a transaction that writes its events in its last statements, in the order in which they were recorded.

    Writing an event takes the lock of the chain, for the whole portal, until the commit. Taken last, it is held only
    for a moment, and nobody who holds it waits for a row, so it cannot be part of a deadlock. Within another change
    this is a savepoint, and rolling back to it drops its events as well; without `savepoint` it is part of the other.
    """
    with audit_pending.change(_append, savepoint=savepoint):
        yield


def record(
    action: Action,
    *,
    actor: User | None,
    on: models.Model,
    master: MasterAccount | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    comment: str = "",
    tracking_id: str = "",
    why: str = "",
    on_behalf_of: User | None = None,
    outcome: Outcome | None = None,
    also: Iterable[str] = (),
) -> None:
    """Write one event about `on` in the caller's transaction: change and event are committed together or not at all.

    Within `change` it is written at the end of the block, otherwise at once. `actor` None means the system; `why` must
    then say on what ground it acts. `before` and `after` hold only what changed. `on_behalf_of` is the person whose
    right the actor used. `outcome` is that of the action unless given. Sub account and DNIS are taken from `on`; `also`
    are further DNIS by which it is to be found. Raises NotRecorded for an event that would be incomplete.
    """
    if not isinstance(action, Action):
        raise NotRecorded(f"{action!r} is not an action of the audit trail.")
    if actor is None and not why:
        raise NotRecorded(f"{action}: neither a person nor the system's reason is named.")
    if not connection.in_atomic_block:
        raise NotRecorded(f"{action}: an event is written in the transaction of the change it tells of.")
    here = context.current()
    account = _sub_account_of(on)
    belongs_to = master or _master_of(on)
    event = _stored(
        action=action.value,
        outcome=(outcome or action.outcome).value,
        actor_id=actor.pk if actor else None,
        actor_email=actor.email if actor else "",
        actor_name=(str(actor) if actor else f"System ({why})")[:120],
        on_behalf_of_id=on_behalf_of.pk if on_behalf_of else None,
        on_behalf_of_name=str(on_behalf_of or "")[:120],
        object_type=type_of(on),
        object_id=str(on.pk),
        object_label=str(on)[:255],
        master_id=belongs_to.pk if belongs_to else None,
        master_name=str(belongs_to or "")[:120],
        sub_account_id=account.pk if account else None,
        sub_account_name=str(account or "")[:255],
        dnis=" ".join((getattr(on, "numbers", ""), *also)).lstrip(),
        before=_without_secrets(before),
        after=_without_secrets(after),
        comment=comment,
        request_id=here.request_id,
        tracking_id=tracking_id[:200],
        ip=here.ip,
        user_agent=here.user_agent,
        portal_version=settings.PORTAL_VERSION,
    )
    if not audit_pending.put_off(event):
        _append(event)


def _append(event: Stored, last: bool = False) -> None:
    """Write the event; it gets its position, time and hash under the lock of the chain's head.

    The `last` event of a transaction is sent together with the commit, so that the lock is not held while this process
    waits to run again.
    """
    vendor = connection.vendor
    said = _values(vendor)({**event, **_chained(event)} if vendor == "sqlite" else event)
    if vendor == "postgresql":
        # As text: the columns say what it is, where psycopg would have a plan made for each size of a number.
        said = tuple(str(it) if type(it) is int else it for it in said)
    ask(_insertion(vendor), said, rows=False, last=last)


@contextmanager
def retelling() -> Iterator[Callable[[datetime], None]]:
    """Let the demo write a past year: within the block, events get the time that the yielded function was last given.

    Raises NotRecorded unless the trail is empty, the database is the demo's kind (SQLite) and Zoom is a stand-in on
    this machine: where anything is or could be on record, no event may be dated by hand. On PostgreSQL the database
    itself dates events. No event may come before the last one, or lie in the future.
    """
    if why_not := why_not_retold():
        raise NotRecorded(why_not)
    before = _retold.set(timezone.now())

    def tell_time(moment: datetime) -> None:
        _retold.set(moment)

    try:
        yield tell_time
    finally:
        _retold.reset(before)


def why_not_retold() -> str:
    """Return why `retelling` is not for this portal, or "" where it is."""
    if connection.vendor != "sqlite" or not settings.ZOOM_API_URL.startswith("http://"):
        return "Only the demo's own database is told when something happened."
    if AuditHead.objects.get(pk=1).position:
        return "The audit trail is not empty, and what is on record was dated as it happened."
    return ""


def make_coming_months() -> int:
    """Make the tables of this month's and the next three months' events, and return how many were missing.

    Until there is one, its events go to the table for the rest. SQLite has one table for all.
    """
    if connection.vendor == "sqlite":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_months_ahead()")
        return int(cursor.fetchone()[0])


def _stored(**told: Any) -> Stored:
    """Return what an event comes with on every database, by its columns, as it is stored.

    A model would be made for nothing: it takes as long as all the rest of this. Raises NotRecorded for text with a NUL,
    which PostgreSQL has no place for, or with half a character.
    """
    texts = {name: it for name, it in told.items() if isinstance(it, str)}
    if _is_broken("".join(texts.values())):  # nearly never, so it is asked of all at once
        name = next(name for name, text in texts.items() if _is_broken(text))
        raise NotRecorded(f"{told['action']}: {name} holds a character that cannot be stored.")
    return {
        name: it if type(it) in _AS_IT_IS else _fields()[name].get_prep_value(it) for name, it in told.items()
    }


def _chained(event: Stored) -> dict[str, Any]:
    """Return what on PostgreSQL a trigger gives; BEGIN IMMEDIATE is the lock. The head follows by a trigger."""
    head = AuditHead._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT position, at, hash FROM {head} WHERE id = 1")  # noqa: S608  # names only
        [(position, before, last)] = cursor.fetchall()
    now = timezone.now()
    at = max(min(_retold.get() or now, now), before.replace(tzinfo=UTC))
    given = {"id": position + 1, "at": at}
    kept = connection.ops.adapt_datetimefield_value(at)
    return {**given, "at": kept, "hash": chain.link(last, {**event, **given})}


@cache
def _told(vendor: str = "postgresql") -> list[Column]:
    """Return the columns that an event comes with; on PostgreSQL position, time and hash are the database's to give."""
    given = () if vendor == "sqlite" else ("id", "at", "hash")
    return [field for field in AuditEvent._meta.concrete_fields if field.attname not in given]


@cache
def _fields() -> dict[str, Column]:
    return {field.attname: field for field in _told()}


@cache
def _values(vendor: str) -> Callable[[Stored], tuple[Any, ...]]:
    """Return what reads those columns of an event, in their order and in one go."""
    return itemgetter(*(field.attname for field in _told(vendor)))


@cache
def _insertion(vendor: str) -> str:
    """Return the one statement that writes an event. On PostgreSQL its time only finds the partition."""
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in _told(vendor))
    places = ", ".join(["%s"] * len(_told(vendor)))
    table = connection.ops.quote_name(AuditEvent._meta.db_table)
    if vendor == "sqlite":
        return f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608  # names only
    return f"INSERT INTO {table} (at, {columns}) VALUES (clock_timestamp(), {places})"  # noqa: S608  # the same


def _is_broken(text: str) -> bool:
    if "\0" in text:
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _sub_account_of(on: models.Model) -> SubAccount | None:
    return on if isinstance(on, SubAccount) else getattr(on, "sub_account", None)


def _master_of(on: models.Model) -> MasterAccount | None:
    if isinstance(on, MasterAccount):
        return on if on.pk else None  # what could not be connected has no row
    return getattr(on, "master", None)


@cache
def secret_fields() -> frozenset[str]:
    """Return the names of what is never written down: every field that declares itself `secret`, in whatever table."""
    fields = (field for model in apps.get_models() for field in model._meta.get_fields())
    return _SECRETS_OF_OTHERS | {field.name for field in fields if getattr(field, "secret", False)}


def _without_secrets(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        name: _NOT_RECORDED if name in secret_fields() else _cleaned(it)
        for name, it in (values or {}).items()
    }


def _cleaned(value: Any) -> Any:
    """Return the value without the secrets that lie deeper in it."""
    if isinstance(value, Mapping):
        return _without_secrets(value)
    return [_cleaned(one) for one in value] if isinstance(value, list | tuple) else value
