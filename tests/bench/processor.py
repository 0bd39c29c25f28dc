"""How much processor time the parts of the portal take for a request; it means something on a busy machine too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    """One process of the machine: its parent, its program, and the seconds that it and its ended children took."""

    parent: int
    name: str
    seconds: float


def processes() -> dict[int, Process]:
    """Return all processes of the machine by their id (Linux)."""
    found = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit() and (stat := _read(place / "stat")):
            name, _, rest = stat.partition("(")[2].rpartition(") ")
            fields = rest.split()
            found[int(place.name)] = Process(int(fields[1]), name, sum(map(int, fields[11:15])) / TICKS)
    return found


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def spent(workers: Iterable[int]) -> dict[str, float]:
    """Return the seconds so far of the workers (their children included), of our servers, and of this process.

    This process is the sandbox, and whatever the measurement itself does.
    """
    here, ours = processes(), set(workers)
    own = _with_children(here, {os.getpid()})
    parts = {"workers": _with_children(here, ours)}
    for part, name in (("PostgreSQL", "postgres"), ("Redis", "redis-server")):
        parts[part] = _with_children(here, {pid for pid in own if here[pid].name == name})
    parts["sandbox and bench"] = {os.getpid()}
    return {part: sum(here[pid].seconds for pid in pids if pid in here) for part, pids in parts.items()}


def _with_children(here: dict[int, Process], pids: set[int]) -> set[int]:
    """Return `pids` with all that descend from them."""
    found = set(pids)
    while more := {pid for pid, process in here.items() if process.parent in found} - found:
        found |= more
    return found


def since(before: dict[str, float], now: dict[str, float], count: int) -> str:
    """Say in milliseconds what each part took for each of `count` requests."""
    each = {part: (now[part] - before[part]) * 1000 / count for part in now}
    words = ", ".join(f"{part} {value:.0f} ms" for part, value in each.items() if value >= 0.5)
    return f"processor time per request: {words}; together {sum(each.values()):.0f} ms"


def measured(workers: Iterable[int], work: Callable[[], None], count: int) -> str:
    """Do `work` for `count` requests and say what it took."""
    pids = list(workers)
    before = spent(pids)
    work()
    return since(before, spent(pids), count)
