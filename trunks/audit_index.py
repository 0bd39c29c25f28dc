"""Keeps the index of the audit trail: every sweep and every reader bring it up to date after the events, in steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from django.db import connection, transaction

from trunks import audit_texts
from trunks.apps import SQLITE_LOWER
from trunks.asking import ask
from trunks.models import AuditArchive, MasterAccount, User
from trunks.models.audit_event import AuditEvent, AuditHead
from trunks.models.audit_index import AuditEntry, AuditFacet, AuditIndexed, AuditNumber

STEP = 5_000  # events in one transaction

# A line for each text, so that no search finds the end of one and the beginning of the next.
_FACETS = (
    "INSERT INTO {facet} (actor, action, outcome, master, object_type, events)"
    " SELECT COALESCE(actor_id, 0), action, outcome, COALESCE(master_id, 0), object_type, 0"
    " FROM {event} WHERE id > %s AND id <= %s GROUP BY 1, 2, 3, 4, 5 ON CONFLICT DO NOTHING"
)
_ENTRIES = (
    "INSERT INTO {entry} (event_id, at, facet_id, sub_account, ip, text)"
    " SELECT e.id, e.at, f.id, e.sub_account_id, NULLIF(e.ip, ''), {lower}(e.object_label || {newline} || e.comment"
    " || {newline} || e.actor_name || {newline} || e.sub_account_name)"
    " FROM {event} e JOIN {facet} f ON f.actor = COALESCE(e.actor_id, 0) AND f.action = e.action"
    " AND f.outcome = e.outcome AND f.master = COALESCE(e.master_id, 0) AND f.object_type = e.object_type"
    " WHERE e.id > %s AND e.id <= %s"
)
_COUNTS = (
    "UPDATE {facet} SET events = events + n.found FROM (SELECT facet_id, COUNT(*) AS found FROM {entry}"
    " WHERE event_id > %s AND event_id <= %s GROUP BY facet_id) n WHERE n.facet_id = {facet}.id"
)
_NUMBERS = {
    "postgresql": (
        "INSERT INTO {number} (dnis, event_id) SELECT DISTINCT d, e.id FROM {event} e"
        " CROSS JOIN LATERAL unnest(string_to_array(e.dnis, ' ')) d"
        " WHERE e.id > %s AND e.id <= %s AND e.dnis <> '' AND d <> ''"
    ),
    "sqlite": (
        "INSERT INTO {number} (dnis, event_id) SELECT DISTINCT d.value, e.id FROM {event} e,"
        " json_each('[\"' || replace(e.dnis, ' ', '\",\"') || '\"]') d"
        " WHERE e.id > %s AND e.id <= %s AND e.dnis <> '' AND d.value <> ''"
    ),
}
# One statement, which sees one moment: a row that says where the index is, and one for each facet.
_STANDING = (
    "SELECT COALESCE((SELECT position FROM {head}), 0), COALESCE((SELECT position FROM {indexed}), 0),"
    " (SELECT MAX(last) FROM {archive}), (SELECT MAX(month) FROM {archive}), {texts},"
    " NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"
    " UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, f.id, f.actor, f.action, f.outcome, f.master, f.object_type,"
    " f.events, COALESCE(NULLIF(u.name, ''), u.email, ''), COALESCE(m.name, '')"
    " FROM {facet} f LEFT JOIN {user} u ON u.id = f.actor LEFT JOIN {master} m ON m.id = f.master"
)
_TABLES = {
    "event": AuditEvent._meta.db_table,
    "facet": AuditFacet._meta.db_table,
    "entry": AuditEntry._meta.db_table,
    "number": AuditNumber._meta.db_table,
    "archive": AuditArchive._meta.db_table,
    "head": AuditHead._meta.db_table,
    "indexed": AuditIndexed._meta.db_table,
    "user": User._meta.db_table,
    "master": MasterAccount._meta.db_table,
}
_NEWLINE = {"postgresql": "chr(10)", "sqlite": "char(10)"}
# SQLite's own lower() leaves every letter but A to Z as it is, and whoever searches for them is asked in small ones.
_LOWER = {"postgresql": "lower", "sqlite": SQLITE_LOWER}


class Facet(NamedTuple):
    """One combination that events have, how many have it, and the present names of its person and master account."""

    id: int
    actor: int
    action: str
    outcome: str
    master: int
    object_type: str
    events: int
    actor_name: str
    master_name: str


class Archived(NamedTuple):
    """What has left the trail: the number of its last event, and the month of that."""

    last: int
    month: date


@dataclass(frozen=True)
class Standing:
    """How far the index has come, by how many events it is behind, its facets, and what has left the trail.

    `texts` says whether the database has the index of the texts as well.
    """

    position: int
    behind: int
    facets: list[Facet]
    texts: bool
    archived: Archived | None = None

    def reaches(self, bound: int | None) -> bool:
        """Say whether all events older than the one numbered `bound`, or with None all there are, are in the index."""
        return not self.behind or (bound is not None and bound <= self.position + 1)


def catch_up(most: int = STEP) -> int:
    """Take up to `most` events into the index that are not in it; return how many are left.

    Events become visible in the order of their numbers, so what is there up to a number is all there will be.
    """
    with transaction.atomic():
        state, _ = AuditIndexed.objects.select_for_update().get_or_create(pk=1)
        head = _head()
        until = min(state.position + most, head)
        if until > state.position:
            _take_in(state.position, until)
            AuditIndexed.objects.filter(pk=1).update(position=until)
    return head - until


def standing(bound: int | None = None) -> Standing:
    """Return how far the index has come, and its facets with the present names of people and master accounts.

    Events written since the last update are taken in first, unless they are too many for a reader to wait for, or of no
    use because the reader looks only for events older than number `bound`.
    """
    found = _standing()
    if not found.reaches(bound) and found.behind <= STEP:
        catch_up()
        found = _standing()
    return found


def named(sql: str) -> str:
    """Return a statement with the names of the tables in place of {entry}, {number} and so on."""
    vendor = connection.vendor
    words = {"newline": _NEWLINE[vendor], "lower": _LOWER[vendor], "texts": audit_texts.EXISTS[vendor]}
    return sql.format(**_TABLES, **words)


def _standing() -> Standing:
    rows = ask(named(_STANDING))
    [(head, position, last, month, texts)] = [row[:5] for row in rows if row[5] is None]
    facets = [Facet(*row[5:]) for row in rows if row[5] is not None]
    archived = Archived(last, date.fromisoformat(str(month))) if last else None  # SQLite holds days as text
    return Standing(position, head - position, facets, bool(texts), archived)


def _head() -> int:
    return AuditHead.objects.values_list("position", flat=True).first() or 0


def rebuild() -> None:
    """Forget the whole index and make it anew, and the index of the texts with it where the database can."""
    with transaction.atomic():
        AuditIndexed.objects.select_for_update().get_or_create(pk=1)
        for model in (AuditEntry, AuditNumber, AuditFacet):
            model.objects.all().delete()
        audit_texts.forget(_head())
        AuditIndexed.objects.update(position=0)
    while catch_up():
        pass


def forget(until: int) -> None:
    """Take the events up to a number out of the index: they have left the portal."""
    with transaction.atomic():
        AuditIndexed.objects.select_for_update().get_or_create(pk=1)
        _run(_COUNTS.replace("+ n.found", "- n.found"), 0, until)
        AuditEntry.objects.filter(event_id__lte=until).delete()
        AuditNumber.objects.filter(event_id__lte=until).delete()
        AuditFacet.objects.filter(events=0).delete()
        audit_texts.forget(until)


def index_texts() -> str:
    """Make the index of the texts where there is none; return why the database does not allow it ("" when it does)."""
    with transaction.atomic():
        state, _ = AuditIndexed.objects.select_for_update().get_or_create(pk=1)
        return audit_texts.make(state.position)


def _take_in(after: int, until: int) -> None:
    for statement in (_FACETS, _ENTRIES, _COUNTS, _NUMBERS[connection.vendor]):
        _run(statement, after, until)
    audit_texts.take_in(after, until)


def _run(statement: str, *bounds: int) -> None:
    # Planning them for the tables of all months takes longer than a few events do.
    ask(named(statement), list(bounds), rows=False)
