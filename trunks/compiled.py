"""Queries that Django compiles once for each process and not each time: for what is asked with every request.

Compiling an ordinary query takes as long as the database takes to answer several. What differs from one time to the
next stands in it as a `Param`; all else is written into the statement for good, so a setting must be a `Param` as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.base import ModelState
from django.db.models.expressions import Expression
from django.db.models.query import get_related_populators

from trunks.asking import ask, database

Row = TypeVar("Row", bound=models.Model)
Given = Mapping[str, Any]
_Reader = tuple[Any, list[str], slice, Mapping[str, int], list[Any], Any]
Build = Callable[[], models.QuerySet[Any]]
TIMES = (date, timedelta, float)
WORD = re.compile("[a-z_]*")  # nothing that could end a text


class Param(Expression):
    """The place of a value that is known only when the statement is run: in a filter, an expression or an update.

    `field` turns the value into what the database holds, where that is not what Python has: times and durations.
    """

    def __init__(self, name: str, field: models.Field[Any, Any] | None = None) -> None:
        super().__init__(output_field=field)
        self.name = name
        self._field = field

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", [self]

    def value(self, given: Given) -> Any:
        value = given[self.name]
        return self._field.get_db_prep_value(value, database()) if self._field else value


def several(name: str, count: int) -> list[Param]:
    """Return the places of `count` values, for a filter with `__in`; `named` gives them their values."""
    return [Param(f"{name} {number}") for number in range(count)]


def named(name: str, values: Iterable[Any]) -> dict[str, Any]:
    return {f"{name} {number}": value for number, value in enumerate(values)}


class Statement:
    """What a compiler made, ready to be run."""

    def __init__(self, compiler: Any) -> None:
        self.compiler = compiler
        made = compiler.as_sql()
        sql, params = made[0] if isinstance(made, list) else made  # an insert gives a list of one
        self._sql, self._params = _with_words(sql, params)

    @property
    def tells_time(self) -> bool:
        """Say whether a moment or span stands in it. Only PostgreSQL's tell; SQLite has texts and numbers for them."""
        return any(isinstance(one, TIMES) for one in self._params)

    def run(self, given: Given, *, rows: bool = True) -> Any:
        """Return all rows as the database gives them or, without `rows`, how many were changed."""
        values = [one.value(given) if isinstance(one, Param) else one for one in self._params]
        return ask(self._sql, values, rows=rows)


def _with_words(sql: str, params: Sequence[Any]) -> tuple[str, list[Any]]:
    """Return a statement with its own plain words in it, as states are, and the other parameters.

    A plan for any values uses a partial index only where the statement itself says what the index is for.
    """
    rest = iter(params)
    others = []

    def put(place: re.Match[str]) -> str:
        if place[0] == "%%":
            return "%%"
        value = next(rest)
        if isinstance(value, str) and WORD.fullmatch(value):
            return f"'{value}'"
        others.append(value)
        return "%s"

    return re.sub("%[%s]", put, sql), others


class Keeping:
    """Statements by the shape of what they write, compiled when first wanted: only then are all models there."""

    def __init__(self) -> None:
        self._kept: dict[frozenset[Any], Statement] = {}

    def keep(self, shape: frozenset[Any], compiler: Callable[[], Any]) -> Statement:
        """Return the statement of `shape`. Raises TypeError for one that must not stay as it is."""
        if shape not in self._kept:
            statement = Statement(compiler())
            if statement.tells_time:
                raise TypeError("A moment or a span is written into the query for good; it must be a Param.")
            self._kept[shape] = statement
        return self._kept[shape]


class _Selecting(Keeping):
    """A query that reads: one shape, as nothing is written."""

    def __init__(self, build: Build) -> None:
        super().__init__()
        self._build = build

    def _query(self) -> Any:
        return self._build().query

    @property
    def _statement(self) -> Statement:
        return self.keep(frozenset(), lambda: self._query().get_compiler(connection=connection))


class Values(_Selecting):
    """A query by `values_list`."""

    def __init__(self, build: Build) -> None:
        super().__init__(build)
        self._converters: Any = None

    def __call__(self, **given: Any) -> list[tuple[Any, ...]]:
        statement = self._statement
        rows = statement.run(given)
        if self._converters is None:
            self._converters = _converters(statement.compiler)
        if self._converters:
            rows = statement.compiler.apply_converters(rows, self._converters)
        return [tuple(row) for row in rows]


class Found(_Selecting):
    """Whether a query finds anything."""

    def _query(self) -> Any:
        return super()._query().exists()

    def __call__(self, **given: Any) -> bool:
        return bool(self._statement.run(given))


class Rows(_Selecting, Generic[Row]):
    """A query for model instances, with what it selects of others and annotates; nothing that is prefetched."""

    def __init__(self, build: Callable[[], models.QuerySet[Row]]) -> None:
        super().__init__(build)
        self._reader: _Reader | None = None

    def __call__(self, **given: Any) -> list[Row]:
        statement = self._statement
        rows = statement.run(given)
        if self._reader is None:
            self._reader = _reader(statement.compiler)
        model, names, own, annotated, joined, converters = self._reader
        found = []
        for row in statement.compiler.apply_converters(rows, converters):
            made = _instance(model, names, row[own])
            for name, place in annotated.items():
                setattr(made, name, row[place])
            for populator in joined:
                populator.populate(row, made)
            found.append(made)
        return found


def _instance(model: type[models.Model], names: list[str], values: Sequence[Any]) -> Any:
    """Return what `from_db` would, which asks each field of the model whether it was read: three quarters of its time.

    A column that was not read is missing from the instance, which is how Django knows to read it when it is asked for.
    """
    made = model.__new__(model)
    made.__dict__.update(zip(names, values, strict=True), _state=ModelState())
    made._state.adding, made._state.db = False, DEFAULT_DB_ALIAS
    return made


def set_related(one: models.Model, name: str, rows: list[Any]) -> None:
    """Take `rows` for what the manager `name` of the instance finds, as `prefetch_related` would have read them."""
    found = getattr(one, name).all()
    found._result_cache, found._prefetch_done = rows, True
    one.__dict__.setdefault("_prefetched_objects_cache", {})[name] = found
    for row in rows:
        setattr(row, getattr(type(one), name).field.name, one)


def _reader(compiler: Any) -> _Reader:
    """Return the model, its columns and where they and annotations are, what fills in joined ones, the converters."""
    chosen = compiler.klass_info["select_fields"]
    own = slice(chosen[0], chosen[-1] + 1)
    names = [column[0].target.attname for column in compiler.select[own]]
    populators: Any = get_related_populators  # its stub is of a newer Django
    joined = populators(compiler.klass_info, compiler.select, connection.alias)
    annotated = compiler.annotation_col_map
    return compiler.klass_info["model"], names, own, annotated, joined, _converters(compiler)


def _converters(compiler: Any) -> Any:
    """Return what makes Python's values of the database's, by the number of the column."""
    return compiler.get_converters([column[0] for column in compiler.select[: compiler.col_count]])
