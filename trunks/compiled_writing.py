"""Inserts and updates that Django compiles once for each process, by the shape of what they write: see `compiled`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache, cached_property
from types import SimpleNamespace
from typing import Any, Generic

from django.db import DEFAULT_DB_ALIAS, connection, models, transaction
from django.db.models.constants import OnConflict
from django.db.models.expressions import Combinable, ExpressionWrapper, Value
from django.db.models.sql import InsertQuery, UpdateQuery

from trunks.asking import database
from trunks.compiled import TIMES, Build, Given, Keeping, Param, Row

_TEXTS = (models.CharField, models.TextField)  # these alone: another kind may change what it is given


class Later(ExpressionWrapper):  # type: ignore[type-arg]  # at runtime it takes none
    """The moment `span` after `present`, the database's time: what is kept for one span is kept for all."""

    def __init__(self, present: Combinable, span: timedelta) -> None:
        self.present = present
        self.span = span
        super().__init__(present + Value(span, models.DurationField()), models.DateTimeField())


@cache
def _later(present: Combinable, place: str) -> Combinable:
    """Return the expression of a `Later` with the place of its span."""
    return ExpressionWrapper(present + Param(place, models.DurationField()), models.DateTimeField())


class Inserts(Keeping, Generic[Row]):
    """Inserts of rows of one model, compiled once for each number of rows and set of expressions among the values.

    What Django does beside it is left out: no signals are sent, and no default of the database's is read back.
    """

    def __init__(self, model: type[Row], *, unique: Sequence[str] = (), update: Sequence[str] = ()) -> None:
        """Where a row with the same values of `unique` is there already, its columns `update` are written instead."""
        super().__init__()
        self._model = model
        self._unique = unique
        self._update = update
        self._of_rows: dict[int, dict[str, tuple[Any, int]]] = {}

    def insert(self, *rows: Row) -> None:
        """Write `rows`, and give each the key it got."""
        if not rows:
            return
        places = self._places(len(rows))
        values = {place: _told(field, rows[number]) for place, (field, number) in places.items()}
        plain, others, spans = _apart(values)
        shape = frozenset({len(rows), *others.items()})
        statement = self.keep(shape, lambda: self._compiler(len(rows), others))
        own = database()
        given = {place: _stored(places[place][0], value, own) for place, value in plain.items()}
        with transaction.mark_for_rollback_on_error():
            keys = statement.run({**given, **spans})
        for row, [key] in zip(rows, keys, strict=True):
            row.pk = key
            row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS

    def _compiler(self, count: int, others: Mapping[str, Any]) -> Any:
        _refuse_times(others)
        meta = self._model._meta
        names = {"update_fields": self._update, "unique_fields": self._unique}
        fields = {kind: [meta.get_field(name) for name in chosen] for kind, chosen in names.items()}
        query: Any = InsertQuery(
            self._model,
            on_conflict=OnConflict.UPDATE if self._unique else None,
            **fields,
        )
        rows = [
            SimpleNamespace(
                **{
                    field.attname: others.get(_nth(number, field), Param(_nth(number, field)))
                    for field in self._fields
                }
            )
            for number in range(count)
        ]
        query.insert_values(self._fields, rows)
        compiler = query.get_compiler(connection=connection)
        compiler.returning_fields = [meta.pk]
        return compiler

    @cached_property
    def _fields(self) -> list[Any]:
        return [field for field in self._model._meta.concrete_fields if not field.primary_key]

    def _places(self, count: int) -> dict[str, tuple[Any, int]]:
        """Return the places of the values of so many rows: for which column each is, and for which row."""
        if count not in self._of_rows:
            self._of_rows[count] = {
                _nth(number, field): (field, number) for number in range(count) for field in self._fields
            }
        return self._of_rows[count]


def _nth(number: int, field: models.Field[Any, Any]) -> str:
    return f"{field.attname} {number}"


def _told(field: Any, row: models.Model) -> Any:
    """Return the value of a column for an insert: what the row has, unless the field has another one made."""
    own = type(field).pre_save is not models.Field.pre_save
    return field.pre_save(row, add=True) if own else getattr(row, field.attname)


def _stored(field: Any, value: Any, own: Any) -> Any:
    """Return the value as the database holds it: a text, and what is unknown, as they are."""
    as_it_is = type(field) in _TEXTS and (value is None or type(value) is str)
    return value if as_it_is else field.get_db_prep_save(value, own)


class Updates(Keeping):
    """Updates of what a query finds, each compiled once for each set of columns and expressions that are written."""

    def __init__(self, build: Build, always: Callable[[], Mapping[str, Combinable]] = dict) -> None:
        """`always` gives what is written each time as well."""
        super().__init__()
        self._build = build
        self._always = always

    def update(self, given: Given, **values: Any) -> int:
        """Write `values` by the names of their columns, and return how many rows there were."""
        plain, others, spans = _apart(values)
        shape = frozenset({*plain, *others.items()})  # equal expressions write the same
        statement = self.keep(shape, lambda: self._compiler(plain, others))
        with transaction.mark_for_rollback_on_error():
            changed: int = statement.run({**given, **self._placed(plain), **spans}, rows=False)
        return changed

    def _compiler(self, plain: Mapping[str, Any], others: Mapping[str, Combinable]) -> Any:
        _refuse_times(others)
        places = {**{name: Param(_place(name)) for name in plain}, **others}
        query: Any = self._build().query.chain(UpdateQuery)
        query.add_update_values({**places, **self._always()})
        query.clear_select_clause()
        return query.get_compiler(connection=connection)

    def _placed(self, plain: Mapping[str, Any]) -> dict[str, Any]:
        """Return values as the database holds them, by their places."""
        field, own = self._model._meta.get_field, database()
        return {_place(name): _stored(field(name), _key_of(value), own) for name, value in plain.items()}

    @cached_property
    def _model(self) -> type[models.Model]:
        return self._build().model


def _apart(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Combinable], dict[str, timedelta]]:
    """Return the values that get a place in the statement, the expressions that become part of it, and their spans."""
    plain: dict[str, Any] = {}
    others: dict[str, Combinable] = {}
    spans: dict[str, timedelta] = {}
    for name, value in values.items():
        if isinstance(value, Later):
            place = f"span {name}"
            others[name], spans[place] = _later(value.present, place), value.span
        elif isinstance(value, Combinable):
            others[name] = value
        else:
            plain[name] = value
    return plain, others, spans


def _refuse_times(expressions: Mapping[str, Combinable]) -> None:
    """Raise TypeError for another moment or span in an expression, which would be kept for good."""
    if any(_tells_time(value) for value in expressions.values()):
        raise TypeError("A moment or a span from now would be kept for good.")


def _tells_time(expression: Any) -> bool:
    """Say whether a moment or a span stands in the expression."""
    parts = expression.flatten() if hasattr(expression, "flatten") else ()
    return any(isinstance(part, Value) and isinstance(part.value, TIMES) for part in parts)


def _place(name: str) -> str:
    return f"set {name}"


def _key_of(value: Any) -> Any:
    return value.pk if isinstance(value, models.Model) else value
