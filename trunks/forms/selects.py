"""Controls of a form with very many. Django draws each, and each option, by a template of its own: half of it all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import escape
from typing import Any, TypeVar

from django import forms
from django.forms.renderers import BaseRenderer
from django.forms.widgets import Input
from django.utils.choices import BaseChoiceIterator
from django.utils.functional import cached_property
from django.utils.safestring import SafeString, mark_safe

Form = TypeVar("Form", bound="forms.Form | forms.ModelForm[Any]")


class Known(BaseChoiceIterator):
    """Choices that are pairs, or groups of pairs, already: Django would look into each of them to make them so."""

    def __init__(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        self.pairs = pairs

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self.pairs)

    @cached_property
    def unchosen(self) -> SafeString:
        """The options as they are drawn while none is chosen; for those who keep the choices from page to page."""
        return mark_safe(_options(self, set()))  # noqa: S308  # escaped, each of it


def sharing_fields(form: type[Form]) -> type[Form]:
    """Have all forms of a class use its very fields, where Django gives each form copies to change.

    For forms that change nothing of them: the copies take as long as all of the form's checks.
    """
    for field in form.base_fields.values():
        vars(field)["__deepcopy__"] = lambda _, field=field: field
    return form


class Loose(forms.BaseForm):
    """A form whose fields are bound when they are asked for: Django keeps them, in a cycle with the form.

    Only the garbage collector would free it, and whatever page is being made then would wait.
    """

    def __getitem__(self, name: str) -> forms.BoundField:
        return self.fields[name].get_bound_field(self, name)


class QuickSelect(forms.Select):
    """The same select, drawn in one go."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        chosen = set(self.format_value(value))
        known = self.choices if isinstance(self.choices, Known) and not chosen else None
        drawn = known.unchosen if known else _options(self.choices, chosen)
        extra = {"multiple": True} if self.allow_multiple_selected else {}
        attributes = _flat({"name": name, **self.build_attrs(self.attrs, attrs), **extra})
        return mark_safe(f"<select{attributes}>{drawn}</select>")  # noqa: S308  # escaped, each of it


def _flat(attributes: dict[str, Any]) -> str:
    """Draw attributes as Django does, whose own way takes as long as the options: True without a value, False not."""
    drawn = [
        f" {name}" if value is True else f' {name}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    ]
    return "".join(drawn)


def _options(choices: Any, chosen: set[str]) -> str:
    return "".join([_drawn(title, members, chosen) for title, members in choices])


def _drawn(key: Any, members: Any, chosen: set[str]) -> str:
    """Draw an option, or a group of them."""
    if not isinstance(members, list | tuple):
        return _option(str(key), str(members), str(key) in chosen)
    inner = "".join([_drawn(one, title, chosen) for one, title in members])
    return f'<optgroup label="{escape(str(key))}">{inner}</optgroup>'


@lru_cache(maxsize=10_000)  # the same two hundred on every page
def _option(key: str, title: str, chosen: bool) -> str:
    return f'<option value="{escape(key)}"{" selected" if chosen else ""}>{escape(title)}</option>'


class QuickSelectMany(QuickSelect, forms.SelectMultiple):
    """The same for several choices at once."""


class _Quick(Input):
    """An input, drawn in one go."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        shown = self.format_value(value)
        given = {} if shown is None else {"value": shown}
        built = self.build_attrs(self.attrs, attrs)
        attributes = _flat({"type": self.input_type, "name": name, **given, **built})
        return mark_safe(f"<input{attributes}>")  # noqa: S308  # escaped by _flat


class QuickInput(_Quick, forms.TextInput):
    """The same input of one line, drawn in one go."""


class QuickDate(_Quick, forms.DateInput):
    """The same for a day."""


class QuickCheck(forms.CheckboxInput):
    """The same box to tick, drawn in one go."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        given = {"value": self.format_value(value), "checked": self.check_test(value)}
        attributes = _flat({"type": "checkbox", "name": name, **given, **self.build_attrs(self.attrs, attrs)})
        return mark_safe(f"<input{attributes}>")  # noqa: S308  # escaped by _flat


class QuickHidden(_Quick, forms.HiddenInput):
    """The same for what is not shown."""
