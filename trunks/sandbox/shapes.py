"""Checks of request bodies: types, lengths, counts and fields nobody knows."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from trunks.sandbox import errors

Check = Callable[[Any], bool]
BATCH = 30


def text(least: int = 0, most: int | None = None) -> Check:
    """Accept a string of `least` to `most` characters."""
    return lambda value: (
        isinstance(value, str) and least <= len(value) and (most is None or len(value) <= most)
    )


def boolean(value: Any) -> bool:
    """Accept true and false."""
    return isinstance(value, bool)


def one_of(*allowed: Any) -> Check:
    """Accept the listed values, and not `true` for 1."""
    return lambda value: any(type(value) is type(item) and value == item for item in allowed)


def matching(expression: str) -> Check:
    """Accept a string that matches as a whole."""
    compiled = re.compile(expression, re.ASCII)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def check(value: Mapping[str, Any], shape: Mapping[str, Check], where: str = "") -> list[str]:
    """Return the names of the fields that do not fit; an unknown field does not fit either.

    Zoom may be laxer about unknown fields. A stand-in that swallowed a misspelt one would hide the mistake.
    """
    return [where + name for name, item in value.items() if name not in shape or not shape[name](item)]


def batch(body: Mapping[str, Any], name: str, shape: Mapping[str, Check]) -> list[dict[str, Any]]:
    """Return the 1 to 30 objects of the body's only field; raises 300 when the shape is wrong."""
    if name not in body:
        raise errors.invalid_parameter(name)
    items = body[name]
    if set(body) != {name} or not isinstance(items, list) or not 1 <= len(items) <= BATCH:
        raise errors.invalid_fields(*(set(body) - {name} or {name}))
    wrong: list[str] = []
    for place, item in enumerate(items):
        where = f"{name}[{place}]"
        wrong += check(item, shape, f"{where}.") if isinstance(item, dict) else [where]
    if wrong:
        raise errors.invalid_fields(*wrong)
    return items
