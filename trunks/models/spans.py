"""Lengths of time and months as the database itself computes them, so that many rows are told in few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, Count, F, FloatField, Func, Q, QuerySet, Value, Window
from django.db.models.expressions import Combinable
from django.db.models.functions import RowNumber

# Of so many hundredths of the rows, ordered by their length, the last one is told.
MEDIAN, P95 = 50, 95


class Stamp(Func):
    """A moment in seconds, to be subtracted from another."""

    arity = 1
    output_field = FloatField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        words = "EXTRACT(EPOCH FROM %(expressions)s)::double precision"
        return self.as_sql(compiler, connection, template=words, **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="(julianday(%(expressions)s) * 86400.0)", **extra)


class MonthOf(Func):
    """The month of a moment in UTC, as 2026-11."""

    arity = 1
    output_field = CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        words = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM')"
        return self.as_sql(compiler, connection, template=words, **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="substr(%(expressions)s, 1, 7)", **extra)


def seconds(began: Any, ended: Any) -> Combinable:
    """Return the seconds from one moment to another as an expression."""
    return Stamp(ended) - Stamp(began)


@dataclass(frozen=True)
class Lengths:
    """How many rows a month has, and how long the median and the 95th percentile of them lasted, in seconds."""

    rows: int
    median: float
    p95: float


def lengths(rows: QuerySet[Any], lasted: Combinable, month: Combinable) -> dict[str, Lengths]:
    """Return the lengths of `rows` for each month that has some.

    By nearest rank: what is told is the length of one row, and none that lies between two.
    """
    each = [F("month")]
    ranked = rows.order_by().annotate(month=month, lasted=lasted)
    ranked = ranked.annotate(
        among=Window(Count("pk"), partition_by=each),
        place=Window(RowNumber(), partition_by=each, order_by=[F("lasted").asc(), F("pk").asc()]),
    )
    told = ranked.filter(Q(place=_rank(MEDIAN)) | Q(place=_rank(P95))).order_by("month", "place")
    found: dict[str, list[tuple[int, float]]] = {}
    for name, among, lasting in told.values_list("month", "among", "lasted"):
        found.setdefault(name, []).append((among, lasting))
    return {name: Lengths(told[0][0], told[0][1], told[-1][1]) for name, told in found.items()}


def _rank(hundredths: int) -> Combinable:
    """Return the place, from 1, of the row that so many hundredths do not exceed. Whole numbers divide as such."""
    return (F("among") * Value(hundredths) + Value(99)) / Value(100)
