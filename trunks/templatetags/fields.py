"""The fields of a form with very many, each drawn in one go with its label: most are empty, and the same each time."""

from __future__ import annotations

from html import escape

from django import forms
from django.template import Library
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from trunks.templatetags.portal import control

register = Library()
# Of forms that share their fields, as the class has them: without a value nothing in them differs.
_empty: dict[tuple[type[forms.Form], str, str], str] = {}


@register.filter
def fields_without(form: forms.Form, name: str) -> SafeString:
    """Draw all fields of a form but the one of that name, and those that nobody sees."""
    drawn = [_field(form, other) for other in form.fields if other != name]
    return mark_safe("".join(drawn))  # noqa: S308  # escaped, each of it


def _field(form: forms.Form, name: str) -> str:
    field = form[name]
    value = field.value()
    empty = not any(value) if isinstance(value, list) else value in (None, "")
    shared = field.field is form.base_fields.get(name)
    if not (empty and shared) or field.errors:
        return _drawn(field)
    place = type(form), field.html_name, field.auto_id
    if place not in _empty:
        _empty[place] = _drawn(field)
    return _empty[place]


def _drawn(field: forms.BoundField) -> str:
    if field.is_hidden:
        return str(field)
    label = f'<label class="form-label" for="{escape(field.id_for_label)}">{escape(str(field.label))}</label>'
    errors = render_to_string("components/field_errors.html", {"field": field}) if field.errors else ""
    return f"""
      <div>{label}{control(field)}{errors}</div>"""
