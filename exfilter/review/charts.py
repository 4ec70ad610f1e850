"""Bars as inline SVG: their geometry. The template draws them; no script, no style of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, BASE, LEFT = 720, 200, 20, 52
"""Units of the picture, and what is left for the words below and beside."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    x: float
    y: float
    width: float
    height: float
    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of one series."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    most: int
    """The value at the top."""
    total: int
    marks: tuple[tuple[float, str], ...]
    """Words below: where, and which."""

    width: int = WIDTH
    height: int = HEIGHT
    base: float = HEIGHT - BASE
    left: int = LEFT


def chart(title: str, unit: str, values: Sequence[tuple[str, int]]) -> Chart:
    """Return the bars of a series of names (days, ascending) and counts."""
    most = max((value for _, value in values), default=0)
    step = (WIDTH - LEFT) / max(1, len(values))
    room = HEIGHT - BASE - 10
    bars = tuple(
        Bar(
            round(LEFT + place * step + step * 0.1, 1),
            round(HEIGHT - BASE - room * value / max(1, most), 1),
            round(step * 0.8, 1),
            round(room * value / max(1, most), 1),
            name,
            value,
        )
        for place, (name, value) in enumerate(values)
    )
    places = sorted({0, len(bars) // 2, len(bars) - 1} & set(range(len(bars))))
    marks = tuple((bars[place].x, bars[place].name[5:]) for place in places)
    return Chart(title, unit, bars, most, sum(value for _, value in values), marks)
