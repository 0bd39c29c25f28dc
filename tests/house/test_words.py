"""No refusal without its way out: whoever may not do something is told who could."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

TRUNKS = Path(settings.BASE_DIR) / "trunks"
# Signing in, where nobody is told anything about others.
NOBODY_COULD = {"recognising.py"}


def calls(folder: str, name: str) -> Iterator[tuple[str, ast.Call]]:
    for path in sorted((TRUNKS / folder).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
                yield path.name, node


def test_every_refusal_says_who_could() -> None:
    found = [*calls("workflow", "Refused"), *calls("workflow", "refusals.refuse")]
    assert len(found) > 15
    silent = {name for name, call in found if not any(word.arg == "who" for word in call.keywords)}
    assert silent == NOBODY_COULD


def test_every_page_of_a_refused_verb_passes_that_on() -> None:
    told = []
    for name, call in calls("views", "problem_page"):
        words = {word.arg: ast.unparse(word.value) for word in call.keywords}
        if "403" in ast.unparse(call.args[1]) and "error.reason" in words.get("reason", ""):
            told.append((name, words.get("who")))
    assert told == [("http.py", "error.who")]
    assert len(dict(calls("views", "not_done_page"))) > 8
