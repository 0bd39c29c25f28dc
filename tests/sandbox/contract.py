"""Reads the contract and holds answers against it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

CONTRACT: dict[str, Any] = json.loads(Path(__file__).with_name("contract.json").read_text(encoding="utf-8"))
OPERATIONS: dict[str, dict[str, Any]] = {item["name"]: item for item in CONTRACT["operations"]}
_TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool}
_OF_ANOTHER_TYPE: dict[str, Any] = {"string": 12345678, "integer": "1", "boolean": "true"}


def misfits(value: Any, shape: Any, where: str = "answer") -> list[str]:
    """Return how an answer differs from its shape: missing, additional and wrongly typed fields."""
    if isinstance(shape, str):
        return [] if type(value) is _TYPES[shape] else [f"{where}: {value!r} is no {shape}"]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        return [
            line for place, item in enumerate(value) for line in misfits(item, shape[0], f"{where}[{place}]")
        ]
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    known = {name.rstrip("?"): inner for name, inner in shape.items()}
    lines = [f"{where}.{name}: not in the contract" for name in value if name not in known]
    lines += [f"{where}.{name}: missing" for name in shape if not name.endswith("?") and name not in value]
    for name, inner in known.items():
        lines += misfits(value[name], inner, f"{where}.{name}") if name in value else []
    return lines


def is_error(response: requests.Response, name: str) -> bool:
    """Return whether a response is the named error of the contract: status, code and message."""
    error = CONTRACT["errors"][name]
    message = re.escape(error["message"]).replace(re.escape("{0}"), ".+")
    body = response.json()
    return (
        response.status_code == error["status"]
        and body["code"] == error["code"]
        and re.fullmatch(message, body["message"]) is not None
    )


def wrong_bodies(name: str, good: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield bodies that break one rule of the contract each."""
    yield "unknown field", good | {"sip_trunk": []}
    for field, rule in CONTRACT["bodies"][name].items():
        if "items" not in rule:
            yield from ((f"{field} {why}", good | {field: value}) for why, value in _wrong_values(rule))
            continue
        yield f"{field} is no list", good | {field: good[field][0]}
        if "min" in rule:
            yield f"{field} empty", good | {field: []}
            yield f"{field} too many", good | {field: good[field] * (rule["max"] + 1)}
        for why, item in _wrong_items(rule["items"], good[field][0]):
            yield f"{field}: {why}", good | {field: [item]}


def _wrong_items(rules: Any, good: Any) -> Iterator[tuple[str, Any]]:
    if rules == "string":
        yield "no string", 12345
        return
    yield "no object", "268"
    yield "unknown field", good | {"caller_id": "1"}
    for field, rule in rules.items():
        if rule.get("required"):
            yield f"no {field}", {name: value for name, value in good.items() if name != field}
        yield from ((f"{field} {why}", good | {field: value}) for why, value in _wrong_values(rule))


def _wrong_values(rule: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "null", None
    yield "of another type", _OF_ANOTHER_TYPE[rule["type"]]
    if "values" in rule:
        yield "not one of its values", 3 if rule["type"] == "integer" else "tlh"
    if "min" in rule:
        yield "too short", "18888123"[: rule["min"] - 1]
    if "length" in rule:
        yield "of another length", "U" * (rule["length"] + 1)
    if "max" in rule:
        yield "too long", "18888123" + "4" * (rule["max"] - 7)
