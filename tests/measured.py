"""Pytest plugin of whole runs: measures coverage only while tests run that the floors have something from.

A test that is measured takes half as long again. What must be covered in every branch has tests of its own; the
others run at full speed. With SQLite, measured is what the audit trail does: nothing else asks which database it is.

What a process computes once only, and would have computed while nobody measured, it computes anew for the next test.
"""

import sys
from collections.abc import Callable, Generator
from functools import cache
from pathlib import Path

import coverage
import pytest
from django.db import connection

_AROUND = ("bench", "chaos", "faults", "house", "journey", "matrix", "sandbox")
# Of what the floors ask for, these reach nothing that others do not reach as well.
_BESIDE = {
    *(
        f"views/test_{name}.py"
        for name in ("attempts", "decisions", "drift", "estate", "importing", "masters")
    ),
    *(
        f"views/test_{name}.py"
        for name in ("notices", "policies", "request_choices", "request_form", "request_page", "requests")
    ),
    *(
        f"views/test_{name}.py"
        for name in ("connecting", "explained", "request_live", "request_so_far", "unexplained")
    ),
    *(f"models/test_{name}.py" for name in ("constraints", "upgrade", "usage")),
    *(f"models/test_drift{name}.py" for name in ("", "_caller_ids", "_not_filed", "_twice", "_unsure")),
    *(f"models/test_rate_budget{name}.py" for name in ("", "_adapts", "_places")),
    *("test_audit_finding.py", "test_audit_words.py", "zoom/test_fuzz.py"),
    *("workflow/test_granting.py", "workflow/test_two_roles.py"),
}
_OF_THE_TRAIL = {
    "management",
    *(f"test_{name}.py" for name in ("archiving", "archiving_broken_off", "archives_verified")),
}
_tests = Path(__file__).parent


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    measuring = coverage.Coverage.current()
    if measuring is None or _is_measured(item.path.relative_to(_tests).parts):
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        for forget in _once_only():
            forget()
        measuring.start()


@cache
def _once_only() -> list[Callable[[], object]]:
    """Return what has the product's functions forget what they returned, and its queries what they are compiled to."""
    kept = sys.modules[
        "trunks.compiled"
    ].Keeping  # imported up there, it would be there before anything is measured
    modules = [module for name, module in sys.modules.items() if name.startswith("trunks.")]
    found = [(module.__name__, it) for module in modules for it in vars(module).values()]
    functions = [it.cache_clear for name, it in found if hasattr(it, "cache_clear") and it.__module__ == name]
    return functions + [it._kept.clear for _, it in found if isinstance(it, kept)]


def _is_measured(parts: tuple[str, ...]) -> bool:
    if connection.vendor == "sqlite":
        return len(parts) == 1 or not {*parts}.isdisjoint(_OF_THE_TRAIL)
    return parts[0] not in _AROUND and "/".join(parts) not in _BESIDE
