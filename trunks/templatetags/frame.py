"""What every template can use without loading, and what stands around every page: addresses, files, the menu.

Each is the same on every page, and looked up or drawn once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from html import escape
from typing import Any, Protocol

from django.template import Library, Node, defaulttags
from django.template.base import FilterExpression, Parser, Token, Variable
from django.templatetags.static import static
from django.utils.safestring import SafeString, mark_safe

from trunks.templatetags.portal import icon

register = Library()


class Item(Protocol):
    """What is read of a line of the menu here."""

    @property
    def title(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def icon(self) -> str: ...
    @property
    def active(self) -> bool: ...
    @property
    def count(self) -> int: ...
    def __hash__(self) -> int: ...


class Address(Node):
    """The address of a page into which nothing is put: Django's own node looks it up when it is first drawn."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._found = ""

    def render(self, context: Any) -> str:
        self._found = self._found or self._node.render(context)
        return self._found


@register.tag
def url(parser: Parser, token: Token) -> Node:
    """Django's tag of that name."""
    node: Any = defaulttags.url(parser, token)
    return node if node.args or node.kwargs or node.asvar or _varies(node.view_name) else Address(node)


def _varies(name: FilterExpression) -> bool:
    return isinstance(name.var, Variable) or bool(name.filters)


@register.simple_tag
@cache
def asset(path: str) -> str:
    """Return the address of a file that pages load: what Django's `static` says of it."""
    return static(path)


@register.filter
def menu(items: Iterable[Item]) -> SafeString:
    """Draw the lines of the menu."""
    return mark_safe("".join([_line(item) for item in items]))  # noqa: S308  # escaped there


@lru_cache(maxsize=1_000)
def _line(item: Item) -> str:
    active, current = (" active", ' aria-current="page"') if item.active else ("", "")
    waiting = '<span class="visually-hidden">, waiting: </span>'
    count = f'<span class="badge nav-count">{waiting}{item.count}</span>' if item.count else ""
    return f"""
          <li class="nav-item{active}">
            <a class="nav-link" href="{escape(item.url)}"{current}>
              <span class="nav-link-icon" aria-hidden="true">{icon(item.icon, 18)}</span>
              <span class="nav-link-title">{escape(item.title)}</span>
              {count}
            </a>
          </li>"""
