"""Charts drawn on the server: bars side by side, as numbers that a template puts into SVG; no script, no style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

# In units of the drawing, which is as wide as its place: at 360 px about one unit is one pixel.
WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 34, 14, 8, 22  # RIGHT: half of the last label
STEPS = 4
LABELS = 6
NICE = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 30, 40, 60, 80, 100)


@dataclass(frozen=True)
class Bar:
    """One bar; `words` are what a pointer that rests on it is told."""

    x: float
    y: float
    width: float
    height: float
    series: int
    words: str


@dataclass(frozen=True)
class Mark:
    """A label of an axis and where it stands."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """One drawing with its title and description, ready for the template."""

    key: str
    title: str
    description: str
    series: list[str]
    bars: list[Bar]
    rows: list[Mark]
    columns: list[Mark]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = HEIGHT - BOTTOM

    @property
    def legend(self) -> list[tuple[int, str]]:
        return list(enumerate(self.series))


def chart(
    key: str,
    title: str,
    months: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    unit: str,
) -> Chart:
    """Draw a bar for each value of each month; None draws nothing. `unit` follows a value in words."""
    highest = max((value or 0 for values in series.values() for value in values), default=0)
    step = _nice(highest / STEPS)
    scale = (HEIGHT - BOTTOM - TOP) / (step * STEPS)
    each = (WIDTH - LEFT - RIGHT) / max(len(months), 1)
    wide = each * 0.8 / len(series)
    bars = [
        Bar(
            round(LEFT + each * (place + 0.1) + wide * number, 1),
            round(HEIGHT - BOTTOM - value * scale, 1),
            round(wide * 0.92, 1),
            round(value * scale, 1),
            number,
            f"{months[place]}, {name}: {amount(value)} {unit}",
        )
        for number, (name, values) in enumerate(series.items())
        for place, value in enumerate(values)
        if value
    ]
    return Chart(
        key,
        title,
        _described(months, series, unit),
        list(series),
        bars,
        [
            Mark(round(HEIGHT - BOTTOM - step * row * scale, 1), amount(step * row))
            for row in range(STEPS + 1)
        ],
        [
            Mark(round(LEFT + each * (place + 0.5), 1), month)
            for place, month in enumerate(months)
            if (len(months) - 1 - place) % ceil(len(months) / LABELS) == 0
        ],
    )


def amount(value: float) -> str:
    """Return a number as short as it can be read: 0.4, 3, 1200. What is there but small is not nothing: <0.1."""
    if 0 < value < 0.05:
        return "<0.1"
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"


def _nice(step: float) -> float:
    """Return the next larger round number, so that the axis has labels that people can read."""
    size = 1.0
    while step > NICE[-1] * size:
        size *= 10
    return next(nice * size for nice in NICE if nice * size >= step)


def _described(months: Sequence[str], series: Mapping[str, Sequence[float | None]], unit: str) -> str:
    """Return in a sentence or two what the drawing shows; the numbers are in the table below it."""
    told = []
    for name, values in series.items():
        known = [(value, month) for value, month in zip(values, months, strict=True) if value]
        if known:
            (most, when), (last, month) = max(known), known[-1]
            told.append(f"{name}: at most {amount(most)} {unit} in {when}, last {amount(last)} in {month}.")
    return " ".join(told) or "Nothing to draw in this period."
