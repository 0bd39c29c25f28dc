"""Selects with very many options. Django draws each option by a template of its own: a third of such a page's time."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.renderers import BaseRenderer
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class QuickSelect(forms.Select):
    """The same select, drawn in one go."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        chosen = set(self.format_value(value))
        drawn = [self._group(title, members, chosen) for title, members in self.choices]
        extra = {"multiple": True} if self.allow_multiple_selected else {}
        attributes = flatatt({"name": name, **self.build_attrs(self.attrs, attrs), **extra})
        return format_html(
            "<select{}>{}</select>", attributes, format_html_join("", "{}", ((one,) for one in drawn))
        )

    def _group(self, key: Any, members: Any, chosen: set[str]) -> SafeString:
        if not isinstance(members, list | tuple):
            selected = " selected" if str(key) in chosen else ""
            return format_html('<option value="{}"{}>{}</option>', key, selected, members)
        inner = format_html_join("", "{}", ((self._group(one, title, chosen),) for one, title in members))
        return format_html('<optgroup label="{}">{}</optgroup>', key, inner)


class QuickSelectMany(QuickSelect, forms.SelectMultiple):
    """The same for several choices at once."""
