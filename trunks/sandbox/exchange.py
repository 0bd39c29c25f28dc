"""A call and its answer, as the operations see them: no sockets here."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from trunks.sandbox import errors
from trunks.sandbox.records import Account, App


@dataclass
class Call:
    """One HTTP request, read completely; the names of its headers are in lower case."""

    method: str
    path: str
    query_text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def query(self) -> dict[str, str]:
        """Return the query parameters; of a repeated one the last counts."""
        return dict(parse_qsl(self.query_text, keep_blank_values=True))

    @property
    def content_type(self) -> str:
        """Return the media type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def form(self) -> dict[str, str]:
        """Return the fields of a form body; empty for any other content type."""
        if self.content_type != "application/x-www-form-urlencoded":
            return {}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> dict[str, Any]:
        """Return the JSON object in the body; raises the 300 refusal for anything else."""
        value = self.json_value()
        if not isinstance(value, dict):
            raise errors.bad_request(errors.BAD_JSON)
        return value

    def json_value(self) -> Any:
        """Return the JSON in the body, of UTF-8 only; None for what is none, or could never be sent again."""
        if self.content_type != "application/json":
            return None
        try:
            value = json.loads(self.body.decode())
            # Half a surrogate pair passes as an escape, and then no list could show what was stored.
            json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            return None
        return value


@dataclass
class Answer:
    """A complete answer; `body` None means no body at all."""

    status: int
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=UTF-8"


def json_answer(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer with a JSON body."""
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer(status, body, dict(headers or {}))


def internal_error() -> Answer:
    """Return the 500 that Zoom itself gives; the wording is a guess."""
    return json_answer(500, {"code": 500, "message": "Internal server error."})


@dataclass
class Context:
    """A call that passed the gates: who calls, and the variables of its path."""

    call: Call
    caller: Account
    app: App
    variables: Mapping[str, str]
    # How many assignments this call really made; the journal shows it.
    applied: int = 0


def pattern(template: str) -> re.Pattern[str]:
    """Return the expression for a path template such as /accounts/{account_id}."""
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))
