"""What was measured beside what was wanted: one line for each figure, and at the end which were missed."""

from __future__ import annotations

from tests.bench.standing import say

_judged: dict[str, bool] = {}


def at_most(name: str, value: float, limit: float, unit: str = "") -> None:
    """Say a figure that is to be no greater than `limit`."""
    _judge(name, value, f"at most {_shown(limit, unit)}", unit, reached=value <= limit)


def at_least(name: str, value: float, limit: float, unit: str = "") -> None:
    """Say a figure that is to be no less than `limit`."""
    _judge(name, value, f"at least {_shown(limit, unit)}", unit, reached=value >= limit)


def summary() -> None:
    """Say how many goals were reached, and name those that were missed; then begin anew."""
    missed = [name for name, reached in _judged.items() if not reached]
    if _judged:
        say(
            f"{len(_judged) - len(missed)} of {len(_judged)} goals reached" + ("; missed:" if missed else ".")
        )
    for name in missed:
        say(f"  {name}")
    _judged.clear()


def _judge(name: str, value: float, wanted: str, unit: str, *, reached: bool) -> None:
    _judged[name] = reached
    said = "reached" if reached else "MISSED"
    say(f"  {name:58} {_shown(value, unit):>16}   goal {wanted:24} {said}")


def _shown(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"
    return f"{number} {unit}".strip()
