"""Charts as SVG or PNG, with matplotlib (the extra ``exfilter[plot]``). They show no customer.

Text in an SVG stays text, so the reader's fonts show any script. Nothing is fetched.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exfilter.cli.formats import printable
from exfilter.cli.formats.tracewords import Names, actor, number
from exfilter.ledger.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BARS = 15
"""Actors in the chart of a ranking."""
LONGEST = 40
"""Characters of a name."""
_STYLE = {
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "svg.fonttype": "none",
    "svg.hashsalt": "exfilter",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_SUSPECT, _OTHER, _BULK, _PEERS = "#b2182b", "#4393c3", "#bbbbbb", "#555555"


@dataclass(frozen=True, slots=True)
class Growth:
    """Distinct customers that an actor sent, day by day."""

    days: NDArray[np.float64]
    """Start of each day, seconds since the epoch, ascending. [days]"""
    total: NDArray[np.int64]
    """Distinct customers up to the end of each day."""
    new: NDArray[np.int64]
    """Of them, those whom he never sent before."""
    peers: NDArray[np.float64] | None = None
    """The median of his peers' totals. None: there are no peers."""


def check(file: Path) -> None:
    """Raise ValueError where a chart cannot be written: before the work is done, not after it."""
    if file.suffix.lower() not in (".svg", ".png"):
        msg = f"{file}: charts are .svg or .png files"
        raise ValueError(msg)
    if file.exists():
        msg = f"{file} is there already: choose another name"
        raise ValueError(msg)
    if find_spec("matplotlib") is None:
        msg = "charts need matplotlib: pip install 'exfilter[plot]'"
        raise ValueError(msg)


def draw_ranking(trace: Trace, names: Names, file: Path) -> None:
    """Write a bar for each of the first actors: how much likelier source than innocent.

    Raises ValueError as ``check`` does, OSError where the file cannot be written.
    """
    rows = list(range(min(BARS, len(trace.actors))))
    _drawn(file, 1.5 + 0.35 * max(3, len(rows)), lambda axes: _bars(axes, trace, names, rows))


def draw_growth(growth: Growth, who: str, file: Path) -> None:
    """Write the line of an actor's distinct customers over time, the new ones a day, and his peers.

    Raises ValueError as ``check`` does, OSError where the file cannot be written.
    """
    _drawn(file, 4.5, lambda axes: _lines(axes, growth, who))


def _drawn(file: Path, height: float, paint: Callable[[Axes], None]) -> None:
    check(file)
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure = Figure(figsize=(10.0, height), layout="constrained")
        paint(figure.add_subplot())
        kind = file.suffix.lower()[1:]
        stamp: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": None}
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            figure.savefig(target, format=kind, dpi=120, metadata=stamp)


def _shortened(name: str) -> str:
    shown = printable(name)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def _bars(axes: Axes, trace: Trace, names: Names, rows: list[int]) -> None:
    ranking = trace.actors
    height = (ranking.log_ratio[rows] / math.log(10)).tolist()
    marks = [
        _BULK if ranking.bulk[row] else _SUSPECT if row in trace.verdict.suspects else _OTHER for row in rows
    ]
    bars = axes.barh(rows, height, color=marks)
    notes = [
        f"{int(ranking.held[row].sum())} of {len(trace.victims)}, "
        + ("bulk sender" if ranking.bulk[row] else f"chance {number(float(ranking.corrected[row]))}")
        for row in rows
    ]
    axes.bar_label(bars, notes, padding=4, fontsize=8)
    axes.set_yticks(rows, [_shortened(actor(trace, names, row)) for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.25)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_xlabel("log10 of the likelihood ratio: source of the victims against innocent")
    axes.set_title(f"Trace of {len(trace.victims)} victims: {trace.verdict.outcome.value}")


def _lines(axes: Axes, growth: Growth, who: str) -> None:
    days = growth.days.astype("datetime64[s]")
    daily = axes.twinx()
    daily.bar(days, growth.new, color=_BULK, width=0.8)
    daily.spines["right"].set_visible(True)
    daily.set_ylabel("new customers a day (bars)")
    daily.set_ylim(bottom=0)
    axes.set_zorder(daily.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.step(days, growth.total, where="post", color=_SUSPECT, label=_shortened(who))
    if growth.peers is not None:
        axes.step(
            days,
            growth.peers,
            where="post",
            color=_PEERS,
            linestyle="--",
            label="median of the peers",
        )
    axes.set_ylim(bottom=0)
    axes.set_ylabel("distinct customers sent so far")
    axes.legend(loc="upper left")
    axes.tick_params(axis="x", rotation=30)
    axes.set_title(f"Customers sent by {_shortened(who)}")
