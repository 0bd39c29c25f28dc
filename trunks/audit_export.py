"""Events of the audit trail as they leave the portal: streamed piece by piece, and with what proves them.

No cursor and no transaction is held while a client reads: each piece asks for what comes after the last number. Events
are only ever added, so the pieces fit together, and a client that goes away leaves nothing behind.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from trunks import audit_lines, chain
from trunks.audit_lines import FORMULA, Piece
from trunks.models import AuditArchive, AuditDigest
from trunks.models.audit_event import AuditEvent
from trunks.plans import without_jit

PIECE = 5000
COLUMNS = (*chain.FIELDS, "previous", "hash")
HEADER = ("\ufeff" + ",".join(COLUMNS) + "\r\n").encode()
Row = dict[str, Any]
Making = Callable[[QuerySet[AuditEvent], Piece | None], Piece | None]


@dataclass(frozen=True)
class Mark:
    """Until where an export has come: the number and the hash of the last event that has left."""

    last: int = 0
    hash: str = ""


def rows(found: QuerySet[AuditEvent], upto: int, mark: Mark = Mark()) -> Iterator[list[Row]]:  # frozen
    """Yield the events that were found and lie not beyond `upto`, oldest first, in pieces, as they are stored."""
    # Cast: the very text of the values that was hashed, without a JSON parser in between.
    stored = {"before_text": Cast("before", TextField()), "after_text": Cast("after", TextField())}
    names = [{"before": "before_text", "after": "after_text"}.get(name, name) for name in chain.FIELDS]
    ordered = found.order_by("id").annotate(**stored).values_list(*names, "hash")
    last, before = mark.last, mark.hash
    while piece := _read(ordered.filter(id__gt=last, id__lte=upto)[:PIECE]):
        hashes = _hashes_before([row[0] for row in piece], last, before)
        yield [_row(row, hashes) for row in piece]
        last, before = piece[-1][0], piece[-1][-1]


def following(position: int) -> list[Row]:
    """Return the events after a position, oldest first, at most PIECE of them."""
    return next(rows(AuditEvent.objects.filter(id__gt=position), sys.maxsize), [])


def json_pieces(found: QuerySet[AuditEvent], upto: int, mark: Mark = Mark()) -> Iterator[Piece]:
    """Yield the events as JSON Lines, unchanged, piece by piece; PostgreSQL puts them together itself."""
    if connection.vendor == "postgresql":
        yield from _copied(audit_lines.objects, found, upto, mark)
        return
    for some in rows(found, upto, mark):
        yield _piece(as_objects(some), some)


def csv_pieces(found: QuerySet[AuditEvent], upto: int, mark: Mark = Mark()) -> Iterator[Piece]:
    """Yield the events as lines of a table, piece by piece; PostgreSQL puts them together itself."""
    if connection.vendor == "postgresql":
        yield from _copied(audit_lines.table, found, upto, mark)
        return
    for some in rows(found, upto, mark):
        yield _piece(as_table(some), some)


def _copied(making: Making, found: QuerySet[AuditEvent], upto: int, mark: Mark) -> Iterator[Piece]:
    ordered, last, piece = found.order_by("id"), mark.last, None
    while piece := making(ordered.filter(id__gt=last, id__lte=upto)[:PIECE], piece):
        yield piece
        last = piece.last


def between(first: int, last: int) -> Iterator[bytes]:
    """Yield the events `first` to `last` as JSON Lines with their proof: what an archive holds."""
    found = AuditEvent.objects.filter(id__gte=first)
    return as_json_lines(json_pieces(found, last), f"events {first} to {last}")


@dataclass
class Tally:
    """Pieces that pass by, and what their proof says of them when all have."""

    pieces: Iterable[Piece]
    count: int = 0
    first: int = 0
    last: int = 0

    def __iter__(self) -> Iterator[Piece]:
        for piece in self.pieces:
            self.count, self.first, self.last = (
                self.count + piece.count,
                self.first or piece.first,
                piece.last,
            )
            yield piece

    def proof(self, filters: str) -> bytes:
        return proof(self.count, self.first, self.last, filters)


def as_json_lines(pieces: Iterable[Piece], filters: str) -> Iterator[bytes]:
    """Yield one line of JSON for each event, unchanged, and at last one with the proof."""
    tally = Tally(pieces)
    for piece in tally:
        yield piece.data
    yield tally.proof(filters)


def as_csv(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """Yield a table that a spreadsheet opens without running any of it; times in UTC."""
    yield HEADER
    for piece in pieces:
        yield piece.data


def proof(count: int, first: int, last: int, filters: str) -> bytes:
    """Return the line that proves an export of so many events."""
    said = {"events": count, "first": first, "last": last, "filters": filters} | _digests(first, last)
    return f"{json.dumps({'proof': said}, ensure_ascii=False)}\n".encode()


def as_objects(some: Iterable[Row]) -> str:
    """Return rows as JSON Lines; what PostgreSQL makes of them is the same."""
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in some)


def as_table(some: Iterable[Row]) -> str:
    """Return rows as lines of CSV; what PostgreSQL makes of them is the same."""
    table = io.StringIO()
    csv.writer(table).writerows([harmless(row[name]) for name in COLUMNS] for row in some)
    return table.getvalue()


def harmless(value: object) -> object:
    """Return a text that no spreadsheet takes for a formula: with an apostrophe before it where it could.

    Taking one apostrophe away from the beginning gives the text again, also where it began with one.
    """
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA):
        return f"'{value}"
    return value


def _read(some: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    with without_jit():
        return list(some)


def _piece(text: str, some: list[Row]) -> Piece:
    return Piece(text.encode(), len(some), some[0]["id"], some[-1]["id"], some[-1]["hash"])


def _row(row: tuple[Any, ...], hashes: dict[int, str]) -> Row:
    values = dict(zip(chain.FIELDS, row, strict=False))
    moment: datetime = values["at"]
    values["at"] = moment.isoformat()
    return values | {"previous": hashes[row[0]], "hash": row[-1]}


def _hashes_before(ids: list[int], last: int, last_hash: str) -> dict[int, str]:
    """Return for each event the hash of the one before it, which may be none of those that were asked for."""
    wanted = [number - 1 for number in ids]
    known = dict(AuditEvent.objects.filter(id__in=wanted).values_list("id", "hash"))
    known |= dict(AuditArchive.objects.filter(last__in=wanted).values_list("last", "head"))
    known |= {0: chain.GENESIS} | ({last: last_hash} if last_hash else {})
    return {number: known.get(number - 1, "") for number in ids}


def _digests(first: int, last: int) -> Row:
    """Return the digests that cover the events `first` to `last`, and the ids of the keys."""
    begin = AuditDigest.objects.filter(last__gte=first).order_by("day").first()
    end = AuditDigest.objects.filter(last__gte=last).order_by("day").first()
    covering = AuditDigest.objects.order_by("day")
    covering = covering.filter(day__gte=begin.day) if begin and last else covering.none()
    covering = covering.filter(day__lte=end.day) if end else covering
    said = covering.values("statement", "signature")
    return {"keys": [key.text for key in settings.AUDIT_PUBLIC_KEYS], "digests": list(said)}
